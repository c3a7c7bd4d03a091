"""The files of golden vectors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ...errors import DataError
from .document import array, decoded
from .vector import Expected, Vector

FOLDER = Path(__file__).parent
#: Of the files and of what `export` writes; raised when a vector changes, or its meaning.
VERSION = 1
#: The files, in the order of the report.
FILES: tuple[str, ...] = ("kernels", "convolutions", "sampling", "selection", "edit", "update", "training")
#: The levels that they are of.
LEVELS = ("kernels", "sampling", "selection", "update", "training")


def path(name: str) -> Path:
    """Return where a file of vectors lies."""
    return FOLDER / f"{name}.json"


def _expected(found: dict[str, Any]) -> Expected:
    value = array(found)
    if found["tolerance"] != "sums":
        return Expected(value, found["tolerance"])
    return Expected(value, "sums", found["length"], array({**found, "data": found["magnitude"]}))


def vector_of(found: dict[str, Any], level: str) -> Vector:
    """Return the vector that an object of the JSON describes."""
    inputs = {name: decoded(part) for name, part in found["inputs"].items()}
    expected = {name: _expected(part) for name, part in found["expected"].items()}
    told = {name: found[name] for name in ("id", "comment", "note", "section", "operation")}
    return Vector(**told, flags=tuple(found["flags"]), level=level, inputs=inputs, expected=expected)


@cache
def load() -> tuple[Vector, ...]:
    """Return every golden vector, in the order of the report.

    Raises
    ------
    DataError : a file is of another version, or damaged.
    """
    vectors: list[Vector] = []
    for name in FILES:
        try:
            found = json.loads(path(name).read_text(encoding="utf-8"))
            version = found["generator"]["version"]
            if version != VERSION:
                what = f"{path(name)} is of version {version}, this is {VERSION}: install the package anew"
                raise DataError(what)
            vectors += [vector_of(one, found["level"]) for one in found["vectors"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path(name)} cannot be read: {error}; install the package anew") from None
    return tuple(vectors)
