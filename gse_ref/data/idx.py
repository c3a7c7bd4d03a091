"""Reader of the idx files in which MNIST and Fashion-MNIST are given out, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split, pixel_normalization

#: Where a package of the operating system puts a data set, looked at when no folder is given.
SYSTEM_FOLDERS = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist")}
#: Where to get the four files of each data set.
ORIGINS = {
    "fashion-mnist": "Debian package dataset-fashion-mnist (installs into /usr/share/datasets/fashion-mnist) "
    "or https://github.com/zalandoresearch/fashion-mnist",
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
}
CLASSES = 10
_PARTS = (("train", "images", 3), ("train", "labels", 1), ("t10k", "images", 3), ("t10k", "labels", 1))
_UNSIGNED_BYTE = 0x08
#: Deflate cannot expand by more than 1032 to 1, so a header that claims more is false.
_MOST_EXPANSION = 1032
_CHUNK_BYTES = 1 << 20


def load_idx(name: str, folder: str | Path | None = None) -> Dataset:
    """Load the four idx files of a data set of grey images with ten classes.

    Parameters
    ----------
    name : ``"fashion-mnist"`` or ``"mnist"``.
    folder : where the files lie; None looks where the operating system's package puts them, if there is one.

    Returns
    -------
    Dataset : features uint8, normalised by the mean and standard deviation of the training pixels.

    Raises
    ------
    DataError : a file that is missing, cannot be read, or is not what it claims.
    """
    paths = find_idx(name, folder)
    images, labels, test_images, test_labels = (
        read_idx(path, dimensions) for path, (_, _, dimensions) in zip(paths, _PARTS, strict=True)
    )
    _check_counts(paths[0], images, paths[1], labels)
    _check_counts(paths[2], test_images, paths[3], test_labels)
    scale, shift = pixel_normalization(images.reshape(len(images), -1))
    splits = [
        Split(
            features=pixels.reshape(len(pixels), -1),
            labels=numbers.astype(np.int64),
            scale=scale,
            shift=shift,
            image_shape=(1, pixels.shape[1], pixels.shape[2]),
            source=str(path),
        )
        for pixels, numbers, path in ((images, labels, paths[1]), (test_images, test_labels, paths[3]))
    ]
    return Dataset(name, splits[0], splits[1], CLASSES)


def find_idx(name: str, folder: str | Path | None = None) -> list[Path]:
    """Return the paths of training images, training labels, test images and test labels.

    Each may be spelled ``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte``, with or without ``.gz``.

    Raises
    ------
    DataError : the folder or a file is missing; lists what was looked for and where to get it.
    """
    place = SYSTEM_FOLDERS.get(name) if folder is None else Path(folder)
    if place is None:
        raise DataError(f"{name}: no folder given; get the files from {ORIGINS[name]} and name their folder")
    found = []
    for split, content, dimensions in _PARTS:
        stems = [f"{split}-{content}{mark}idx{dimensions}-ubyte" for mark in "-."]
        choices = [place / f"{stem}{suffix}" for stem in stems for suffix in ("", ".gz")]
        path = next((choice for choice in choices if choice.is_file()), None)
        if path is None:
            looked = ", ".join(choice.name for choice in choices)
            raise DataError(
                f"{name}: no {split} {content} in {place}; looked for {looked}. Name the folder that holds "
                f"the four files, or get them from {ORIGINS[name]}"
            )
        found.append(path)
    return found


def read_idx(path: str | Path, dimensions: int) -> np.ndarray:
    """Read one idx file of unsigned bytes; gzip is recognised by content, and its checksum is verified.

    Parameters
    ----------
    path : the file.
    dimensions : how many it must have: 3 for images, 1 for labels.

    Returns
    -------
    (items, …) uint8, C order, writable. The memory used is that of the array.

    Raises
    ------
    DataError : names the file, what is wrong and what to do.
    """
    path = Path(path)
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
        limit = path.stat().st_size * (_MOST_EXPANSION if zipped else 1)
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            return _read(path, file, dimensions, limit)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); get the file again") from error


def _read(path: Path, file: io.BufferedIOBase, dimensions: int, limit: int) -> np.ndarray:
    header = file.read(4 + 4 * dimensions)
    magic = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if header[:4] != magic:
        raise DataError(
            f"{path}: begins with bytes {header[:4].hex(' ') or 'nothing'}, wanted {magic.hex(' ')} (idx, "
            f"unsigned bytes, {dimensions} dimensions); this is another kind of file: check "
            "its name or get it again"
        )
    shape = tuple(np.frombuffer(header[4:], ">u4").tolist()) if len(header) == 4 + 4 * dimensions else (0,)
    size = math.prod(shape)
    if size == 0:
        raise DataError(f"{path}: header gives shape {shape}, which holds nothing; get the file again")
    if size > limit:
        raise DataError(
            f"{path}: truncated: header gives shape {shape}, {size} bytes, but the file holds at most "
            f"{limit}; get the file again"
        )
    data = np.empty(shape, np.uint8)
    view = data.reshape(-1).data
    done = 0
    while done < size:
        count = file.readinto(view[done : done + _CHUNK_BYTES])
        if not count:
            raise DataError(
                f"{path}: truncated: header gives shape {shape}, {size} bytes, but only {done} follow; "
                "get the file again"
            )
        done += count
    if file.read(1):
        raise DataError(
            f"{path}: more bytes follow than the {size} of shape {shape} in the header; get the file again"
        )
    return data


def _check_counts(images_path: Path, images: np.ndarray, labels_path: Path, labels: np.ndarray) -> None:
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} images but {labels_path} holds {len(labels)} labels; "
            "they do not belong together: get both again"
        )
