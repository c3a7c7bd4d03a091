"""What the files of an exchange are called, and in which form arrays stand in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...errors import unknown
from ..layout import batch_first, to_adapter
from ..subject import DTYPES as DTYPES
from ..subject import INDEX_DTYPES as INDEX_DTYPES
from ..subject import LAYOUTS as LAYOUTS
from ..vectors import Expected, Vector
from ..vectors.operations import arguments_of

Array = np.ndarray

#: Of the folder; raised when what stands where changes.
FORMAT = 1
MANIFEST, LIST, INDEX = "manifest.json", "vectors.txt", "index.txt"
INPUTS, OUTPUTS = "inputs", "outputs"
#: Results whose length is part of the answer.
_FREE = frozenset({"rows", "cols", "positions", "grow", "prune", "indices", "values", "momentum", "candidates"})
#: Results that have a batch axis.
_BATCHED = frozenset({"y", "dx"})


class Form(NamedTuple):
    """How arrays are written: "float32" or "float64"; "int32" or "int64"; "batch_last" or "batch_first"."""

    dtype: str = "float32"
    index_dtype: str = "int32"
    layout: str = "batch_last"

    def check(self) -> None:
        """Refuse what there is not.

        Raises
        ------
        InputError : it names the nearest.
        """
        for kind, given, known in zip(self._fields, self, (DTYPES, INDEX_DTYPES, LAYOUTS), strict=True):
            if given not in known:
                raise unknown(kind, given, known)


class Output(NamedTuple):
    """An array that is to be computed.

    shape : None where its length is part of the answer. optional : it may be left out.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...] | None
    optional: bool


def _is_value(part: Any) -> bool:
    """Return whether this is a number, a word, nothing, or numbers within tuples: no array and no named parts."""
    if isinstance(part, tuple):
        return not hasattr(part, "_fields") and all(map(_is_value, part))
    return part is None or isinstance(part, (bool, int, float, str))


def named_parts(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and values of an argument by dotted names, such as ("problem.layers.0.x", array)."""
    if isinstance(part, np.ndarray) or (_is_value(part) and part != ()):
        yield name, part
    elif hasattr(part, "_fields"):
        for field, inner in zip(part._fields, part, strict=True):
            yield from named_parts(f"{name}.{field}", inner)
    elif part == ():
        yield name, part
    else:
        for number, inner in enumerate(part):
            yield from named_parts(f"{name}.{number}", inner)


def inputs_of(vector: Vector, form: Form) -> dict[str, Any]:
    """Return what a vector hands over, by dotted name: arrays, little-endian, and values."""
    given = vector.arguments(np.dtype(form.dtype))
    turned = to_adapter(vector.operation, given, form.layout, np.dtype(form.index_dtype))
    names = zip(arguments_of(vector.operation), turned, strict=True)
    return dict(pair for name, argument in names for pair in named_parts(name, argument))


def _dtype(name: str, expected: Expected, form: Form) -> np.dtype:
    if expected.tolerance == "exact":
        return np.dtype(form.index_dtype)
    return np.dtype("float64" if name == "fraction" else form.dtype)


def outputs_of(vector: Vector, form: Form) -> list[Output]:
    """Return what is to be computed, in the form that it is to be written in."""
    found = []
    for name, expected in vector.expected.items():
        last, like = name.rpartition(".")[2], expected.value
        if last in _BATCHED and form.layout == "batch_first":
            like = batch_first(like)
        shape = None if last in _FREE else like.shape
        found.append(Output(name, _dtype(name, expected, form), shape, last == "candidates"))
    return found
