"""The table of data sets, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError, InputError, unknown
from . import bundled, idx, npz, synthetic
from .dataset import Dataset

_MIT = "MIT, © 2017 Zalando SE"


@dataclass(frozen=True)
class _Entry:
    """One row: `load` takes (options after the colon, folder, seed); `missing` tells what is not there."""

    what: str
    source: str
    licence: str
    load: Callable[[list[str], str | Path | None, int], Dataset]
    missing: Callable[[str | Path | None], str] = lambda folder: ""


class Description(NamedTuple):
    """What ``gse-ref data`` shows of a data set; `state` is ``"present"`` or what is missing."""

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

    return _Entry(
        what, idx.ORIGINS[name], licence, lambda options, folder, seed: idx.load_idx(name, folder), missing
    )


def _file_missing(folder: str | Path | None) -> str:
    return "" if bundled.FASHION_MINI.is_file() else f"{bundled.FASHION_MINI} is missing; install the package again"


_TABLE = {
    "fashion-mini": _Entry(
        "3,000 + 1,000 images 28×28, 10 classes, cut from Fashion-MNIST",
        "comes with the package",
        _MIT,
        lambda options, folder, seed: bundled.fashion_mini(),
        _file_missing,
    ),
    "fashion-mnist": _idx_entry("fashion-mnist", "60,000 + 10,000 images 28×28, 10 kinds of clothing", _MIT),
    "mnist": _idx_entry("mnist", "60,000 + 10,000 images 28×28, 10 handwritten digits", "CC BY-SA 3.0"),
    "synthetic": _Entry(
        "synthetic[:width[:samples[:classes]]]: normal inputs labelled by a random sparse network",
        "computed from the seed",
        "none needed",
        lambda options, folder, seed: synthetic.from_options(options, seed),
    ),
}
_FILE = Description(
    "PATH.npz", f"arrays {', '.join(npz.KEYS)} of your own, batch first", "a file", "its own", "give its path"
)
#: The names `load` knows, besides paths.
NAMES = tuple(_TABLE)


def load(name: str, data_dir: str | Path | None = None, seed: int = 0) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : one of `NAMES`, ``synthetic:width[:samples[:classes]]``, or the path of an .npz file.
    data_dir : folder of the files of ``fashion-mnist`` or ``mnist``; the others do not look at it.
    seed : of synthetic data; the others do not look at it.

    Raises
    ------
    InputError : no such name, with the nearest names; or options that cannot be used.
    DataError : a file that is missing or is not what it claims.
    """
    if name.endswith(".npz"):
        return npz.load_npz(name)
    base, *options = name.split(":")
    if base not in _TABLE:
        raise unknown("data set", name, (*NAMES, _FILE.name))
    if options and base != "synthetic":
        raise InputError(f"data set {name!r}: {base} takes no options; write {base!r}")
    return _TABLE[base].load(options, data_dir, seed)


def describe(data_dir: str | Path | None = None) -> list[Description]:
    """Return one row for each data set, in the order of the table, and one for files of one's own."""
    rows = [
        Description(name, entry.what, entry.source, entry.licence, entry.missing(data_dir) or "present")
        for name, entry in _TABLE.items()
    ]
    return [*rows, _FILE]
