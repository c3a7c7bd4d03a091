"""The table of data sets, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError, InputError, MissingDependencyError, unknown
from . import bundled, cifar, idx, image_folder, image_tree, npz, synthetic
from .dataset import Dataset
from .image_decode import pillow

_MIT = "MIT, © 2017 Zalando SE"


@dataclass(frozen=True)
class _Request:
    """What `load` was asked for: `options` follow the colon of the name."""

    options: list[str]
    folder: str | Path | None
    seed: int
    workers: int | None
    unreadable: str


@dataclass(frozen=True)
class _Entry:
    """One row: `missing` tells what is not there, `sums` the checksums of what is."""

    what: str
    source: str
    licence: str
    load: Callable[[_Request], Dataset]
    missing: Callable[[str | Path | None], str] = lambda folder: ""
    sums: Callable[[str | Path | None], tuple[str, ...]] = lambda folder: ()
    takes_options: bool = False

    def state(self, folder: str | Path | None) -> str:
        """Return ``"present"``, with a line for each checksum, or what is missing."""
        try:
            return self.missing(folder) or "\n    ".join(("present", *self.sums(folder)))
        except DataError as error:
            return str(error)


class Description(NamedTuple):
    """What ``gse-ref data`` shows of a data set; `state` begins with ``"present"`` or tells what is missing."""

    name: str
    what: str
    source: str
    licence: str
    state: str


def _idx_entry(name: str, what: str, licence: str) -> _Entry:
    def missing(folder: str | Path | None) -> str:
        try:
            idx.find_idx(name, folder)
        except DataError as error:
            return str(error)
        return ""

    return _Entry(what, idx.ORIGINS[name], licence, lambda asked: idx.load_idx(name, asked.folder), missing)


def _cifar_entry(name: str, what: str) -> _Entry:
    return _Entry(
        what,
        f"{cifar.ORIGIN}, the binary or the python version, unpacked or not",
        "none stated; its author asks to cite Krizhevsky 2009",
        lambda asked: cifar.load_cifar(name, asked.folder),
        lambda folder: cifar.cifar_missing(name, folder),
        lambda folder: cifar.cifar_sums(name, folder),
    )


def _folder_missing(folder: str | Path | None) -> str:
    try:
        pillow()
    except MissingDependencyError as error:
        return str(error)
    return image_tree.missing_folder(folder)


def _file_missing(folder: str | Path | None) -> str:
    return "" if bundled.FASHION_MINI.is_file() else f"{bundled.FASHION_MINI} is missing; install the package again"


_TABLE = {
    "fashion-mini": _Entry(
        "3,000 + 1,000 images 28×28, 10 classes, cut from Fashion-MNIST",
        "comes with the package",
        _MIT,
        lambda asked: bundled.fashion_mini(),
        _file_missing,
    ),
    "fashion-mnist": _idx_entry("fashion-mnist", "60,000 + 10,000 images 28×28, 10 kinds of clothing", _MIT),
    "mnist": _idx_entry("mnist", "60,000 + 10,000 images 28×28, 10 handwritten digits", "CC BY-SA 3.0"),
    "cifar10": _cifar_entry("cifar10", "50,000 + 10,000 colour images 32×32, 10 kinds of animals and vehicles"),
    "cifar100": _cifar_entry("cifar100", "50,000 + 10,000 colour images 32×32, 100 kinds of things"),
    "image-folder": _Entry(
        f"image-folder[:SIDE]: your own images in ImageNet's layout, {image_tree.LAYOUT}",
        "a folder, decoded as it is read",
        "its own",
        lambda asked: image_folder.from_options(asked.options, asked.folder, asked.workers, asked.unreadable),
        _folder_missing,
        takes_options=True,
    ),
    "synthetic": _Entry(
        "synthetic[:width[:samples[:classes]]]: normal inputs labelled by a random sparse network",
        "computed from the seed",
        "none needed",
        lambda asked: synthetic.from_options(asked.options, asked.seed),
        takes_options=True,
    ),
}
_FILE = Description(
    "PATH.npz", f"arrays {', '.join(npz.KEYS)} of your own, batch first", "a file", "its own", "give its path"
)
#: The names `load` knows, besides paths.
NAMES = tuple(_TABLE)


def load(
    name: str,
    data_dir: str | Path | None = None,
    seed: int = 0,
    *,
    workers: int | None = None,
    unreadable: str = "error",
) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : one of `NAMES`, ``synthetic:width[:samples[:classes]]``, ``image-folder:SIDE``, or the path of an
        .npz file.
    data_dir : folder of the files of ``fashion-mnist``, ``mnist``, ``cifar10`` or ``cifar100``, root of an
        ``image-folder``; the others do not look at it.
    seed : of synthetic data; the others do not look at it.
    workers : threads that decode the images of an ``image-folder``; None: as many as there are cores.
    unreadable : ``"error"`` or ``"skip"``, for files of an ``image-folder`` that cannot be decoded.

    Raises
    ------
    InputError : no such name, with the nearest names; or options that cannot be used.
    DataError : a file that is missing or is not what it claims.
    MissingDependencyError : an ``image-folder`` without Pillow.
    """
    if name.endswith(".npz"):
        return npz.load_npz(name)
    base, *options = name.split(":")
    if base not in _TABLE:
        raise unknown("data set", name, (*NAMES, _FILE.name))
    entry = _TABLE[base]
    if options and not entry.takes_options:
        raise InputError(f"data set {name!r}: {base} takes no options; write {base!r}")
    return entry.load(_Request(options, data_dir, seed, workers, unreadable))


def describe(data_dir: str | Path | None = None) -> list[Description]:
    """Return one row for each data set, in the order of the table, and one for files of one's own."""
    rows = [
        Description(name, entry.what, entry.source, entry.licence, entry.state(data_dir))
        for name, entry in _TABLE.items()
    ]
    return [*rows, _FILE]
