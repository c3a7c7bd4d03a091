"""CIFAR-10 and CIFAR-100 in both published formats, unpacked or as the archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split, channel_normalization
from .published import file_sum, read_files, read_members, verdict
from .unpickle import loads

IMAGE_SHAPE = (3, 32, 32)
ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar.html"
_PIXELS = 3 * 32 * 32
_COARSE_CLASSES = 20

#: Images (samples, 3072) uint8 and labels (samples,) int64 of one file.
_Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Set:
    """A data set: its classes, and the channel statistics of ALGORITHM section 7."""

    classes: int
    means: tuple[float, float, float]
    deviations: tuple[float, float, float]
    formats: tuple[_Format, ...]


@dataclass(frozen=True)
class _Format:
    """One published form: its archive, the folder inside, the files of both splits, and how to read one."""

    archive: str
    folder: str
    train: tuple[str, ...]
    test: str
    read: Callable[[bytes, str], _Part]
    published: dict[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the training split and that of the test split."""
        return (*self.train, self.test)


@dataclass(frozen=True)
class _Place:
    """Where a data set was found: a folder with the files, or an archive."""

    form: _Format
    path: Path
    packed: bool


def load_cifar(name: str, folder: str | Path | None = None) -> Dataset:
    """Load CIFAR-10 or CIFAR-100 (fine labels).

    Parameters
    ----------
    name : ``"cifar10"`` or ``"cifar100"``.
    folder : holds the unpacked folder or the .tar.gz of the binary or the python version, or is one of these.
        An archive is read in memory, nothing is unpacked to disk; a pickle cannot run code.

    Returns
    -------
    Dataset : features uint8 (samples, 3072), from (3, 32, 32); a network sees (p/255 − mean)/deviation with the
        statistics of ALGORITHM section 7. `provenance` tells the MD5 of each file or of the archive.

    Raises
    ------
    DataError : a file that is missing, cut short, hostile or not what it claims.
    """
    place = _find(name, folder)
    form, described = place.form, _SETS[name]
    parts, provenance = _read(place)
    scale, shift = channel_normalization(described.means, described.deviations, _PIXELS // 3)
    splits = [
        Split(
            features=np.concatenate([parts[file][0] for file in files]),
            labels=np.concatenate([parts[file][1] for file in files]),
            scale=scale,
            shift=shift,
            image_shape=IMAGE_SHAPE,
            source=f"{place.path} ({part})",
        )
        for files, part in ((form.train, "training"), ((form.test,), "test"))
    ]
    return Dataset(name, splits[0], splits[1], described.classes, provenance)


def cifar_missing(name: str, folder: str | Path | None = None) -> str:
    """Return what is missing of a data set, or nothing."""
    try:
        _find(name, folder)
    except DataError as error:
        return str(error)
    return ""


def cifar_sums(name: str, folder: str | Path | None = None) -> tuple[str, ...]:
    """Return what `Dataset.provenance` would be, without reading the images.

    Raises
    ------
    DataError : as `load_cifar`, for a file that is missing or cannot be read.
    """
    place = _find(name, folder)
    paths = [place.path] if place.packed else [place.path / file for file in place.form.files]
    return tuple(verdict(path, file_sum(path), place.form.published.get(path.name)) for path in paths)


def _find(name: str, folder: str | Path | None) -> _Place:
    formats = _SETS[name].formats
    looked = ", ".join(f"{form.folder}/, {form.archive}" for form in formats)
    if folder is None:
        raise DataError(f"{name}: no folder given; get {looked} from {ORIGIN} and name the folder that holds it")
    place, incomplete = Path(folder), ""
    for form in formats:
        for path in (place / form.folder, place):
            missing = [file for file in form.files if not (path / file).is_file()]
            if not missing:
                return _Place(form, path, packed=False)
            if len(missing) < len(form.files) and not incomplete:
                incomplete = f" ({path} lacks {', '.join(missing)})"
        for path in (place / form.archive, place):
            if path.name == form.archive and path.is_file():
                return _Place(form, path, packed=True)
    raise DataError(
        f"{name}: not in {place}{incomplete}; looked for {looked}. Name the folder that holds one of them, or get "
        f"one from {ORIGIN}"
    )


def _read(place: _Place) -> tuple[dict[str, _Part], tuple[str, ...]]:
    """Return the part of each file, and the lines of provenance."""
    form, parts = place.form, dict[str, _Part]()
    if not place.packed:
        lines = []
        for file, content, total in read_files(place.path, form.files):
            path = place.path / file
            parts[file] = form.read(content, str(path))
            lines.append(verdict(path, total, form.published.get(file)))
        return parts, tuple(lines)

    def take(member: str, content: bytes) -> None:
        parts[Path(member).name] = form.read(content, f"{place.path}: {member}")

    total = read_members(place.path, [f"{form.folder}/{file}" for file in form.files], take)
    return parts, (verdict(place.path, total, form.published[form.archive]),)


def _binary(bounds: tuple[int, ...]) -> Callable[[bytes, str], _Part]:
    """Return the reader of records of label bytes, the last of them the class, and 3072 pixels.

    Parameters
    ----------
    bounds : number of classes of each label byte.
    """

    def read(content: bytes, source: str) -> _Part:
        size = len(bounds) + _PIXELS
        if not content or len(content) % size:
            raise DataError(
                f"{source}: {len(content)} bytes are no whole number of records of {size} bytes; the file is cut "
                "short or another one: get it again"
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, size)
        for k, classes in enumerate(bounds):
            _check_labels(records[:, k], classes, source)
        return records[:, len(bounds) :], records[:, len(bounds) - 1].astype(np.int64)

    return read


def _python(key: str, classes: int) -> Callable[[bytes, str], _Part]:
    """Return the reader of a pickled dict of ``data``, an array, and of labels under `key`, a list."""

    def read(content: bytes, source: str) -> _Part:
        found = loads(content, source)
        if type(found) is not dict:
            raise DataError(f"{source}: holds a {type(found).__name__}, not a dict; get the file again")
        images, numbers = (_entry(found, name, source) for name in ("data", key))
        if type(images) is not np.ndarray or images.ndim != 2 or images.shape[1] != _PIXELS or not len(images):
            came = images.shape if type(images) is np.ndarray else type(images).__name__
            raise DataError(f"{source}: data is {came}; wanted an array (samples, {_PIXELS}): get the file again")
        if type(numbers) is not list or any(type(number) is not int for number in numbers):
            raise DataError(f"{source}: {key} is not a list of whole numbers; get the file again")
        if len(numbers) != len(images):
            raise DataError(f"{source}: {len(images)} images but {len(numbers)} {key}; get the file again")
        labels = np.array([number if 0 <= number < classes else -1 for number in numbers], np.int64)
        _check_labels(labels, classes, source)
        return images, labels

    return read


def _entry(found: dict[Any, Any], name: str, source: str) -> Any:
    for key in (name.encode(), name):
        if key in found:
            return found[key]
    raise DataError(f"{source}: has no entry {name!r}; it belongs to another data set, or get it again")


def _check_labels(labels: np.ndarray, classes: int, source: str) -> None:
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise DataError(
            f"{source}: the label at position {bad[0]} lies outside 0 to {classes - 1} ({bad.size} such); the file "
            "is damaged or belongs to another data set: get it again"
        )


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_SETS = {
    "cifar10": _Set(
        classes=10,
        means=(0.4914, 0.4822, 0.4465),
        deviations=(0.2470, 0.2435, 0.2616),
        formats=(
            _Format(
                archive="cifar-10-binary.tar.gz",
                folder="cifar-10-batches-bin",
                train=tuple(f"{batch}.bin" for batch in _BATCHES),
                test="test_batch.bin",
                read=_binary((10,)),
                published={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
            ),
            _Format(
                archive="cifar-10-python.tar.gz",
                folder="cifar-10-batches-py",
                train=_BATCHES,
                test="test_batch",
                read=_python("labels", 10),
                published={
                    "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
                    "data_batch_1": "c99cafc152244af753f735de768cd75f",
                    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                    "data_batch_4": "634d18415352ddfa80567beed471001a",
                    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
                    "test_batch": "40351d587109b95175f43aff81a1287e",
                },
            ),
        ),
    ),
    "cifar100": _Set(
        classes=100,
        means=(0.5071, 0.4865, 0.4409),
        deviations=(0.2673, 0.2564, 0.2762),
        formats=(
            _Format(
                archive="cifar-100-binary.tar.gz",
                folder="cifar-100-binary",
                train=("train.bin",),
                test="test.bin",
                read=_binary((_COARSE_CLASSES, 100)),
                published={"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
            ),
            _Format(
                archive="cifar-100-python.tar.gz",
                folder="cifar-100-python",
                train=("train",),
                test="test",
                read=_python("fine_labels", 100),
                published={
                    "cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85",
                    "train": "16019d7e3df5f24257cddd939b257f8d",
                    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
                },
            ),
        ),
    ),
}
