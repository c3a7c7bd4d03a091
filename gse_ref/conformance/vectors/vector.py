"""A golden vector: inputs of one operation, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..judge import Disagreement, same_floats, same_integers, sums
from .operations import OF_ANY_FLOAT, arguments_of, named

Array = np.ndarray

#: What a result of each tolerance class must be.
TOLERANCES = {
    "exact": "the same integers",
    "bits": "the same floats, NaN where NaN, zeros of the same sign",
    "sums": "within 4 · length · (eps · magnitude + smallest subnormal) of the dtype that it is computed in",
}


@dataclass(frozen=True)
class Expected:
    """What one result must be.

    Attributes
    ----------
    value : integers, or floats; those of class "sums" in float64, to be rounded to the dtype that is used.
    tolerance : a key of `TOLERANCES`.
    length, magnitude : K and Σ|a_k b_k| of each element, of class "sums".
    """

    value: Array
    tolerance: str
    length: int = 0
    magnitude: Array = field(default_factory=lambda: np.zeros(()))

    def judge(self, found: Any, dtype: np.dtype, name: str) -> None:
        """Demand it.

        Raises
        ------
        Disagreement : it is something else.
        """
        if self.tolerance == "exact":
            same_integers(found, self.value, name)
        elif self.tolerance == "bits":
            same_floats(found, self.value.astype(dtype), name, signed_zeros=True)
        else:
            if name in OF_ANY_FLOAT and isinstance(found, np.ndarray) and found.dtype.kind == "f":
                found = found.astype(dtype)
            sums(found, self.value.astype(dtype), self.magnitude, self.length, name)


@dataclass(frozen=True)
class Vector:
    """One golden vector.

    Attributes
    ----------
    id : unique, lower case with hyphens.
    comment : what the inputs are. flags : what they have in common with others. note : the fault that it hunts.
    level, section : of the operation, and of docs/algorithm.md.
    operation : of the adapter protocol. inputs : its arguments by name, the batch last; floats that are to be of
    the dtype of the implementation are float32 here and exact in it.
    expected : by name of the result; a name that is not there is free.
    """

    id: str
    comment: str
    flags: tuple[str, ...]
    note: str
    level: str
    section: str
    operation: str
    inputs: dict[str, Any]
    expected: dict[str, Expected]

    def __repr__(self) -> str:
        return f"Vector({self.id!r})"

    def arguments(self, dtype: np.dtype) -> tuple[Any, ...]:
        """Return what the operation is called with, its float32 arrays in `dtype`."""
        return tuple(widened(self.inputs[name], dtype) for name in arguments_of(self.operation))

    def method(self) -> str | None:
        """Return the method of a vector of an update or of training."""
        return getattr(self.inputs.get("problem"), "method", None)

    def network(self) -> str | None:
        """Return the network of a vector of training."""
        return getattr(self.inputs.get("problem"), "network", None)

    def judge(self, found: dict[str, Any], dtype: np.dtype) -> None:
        """Demand these results, by name.

        Raises
        ------
        Disagreement : one is missing or wrong; it says which vector, and what that hunts.
        """
        try:
            for name, expected in self.expected.items():
                if name not in found:
                    optional = name.endswith("candidates")
                    if optional:
                        continue
                    raise Disagreement(f"{name} is missing", kind="malformed")
                expected.judge(found[name], dtype, name)
            more = sorted(name for name in set(found) - set(self.expected) if name.startswith("update-"))
            if more:
                raise Disagreement(f"there should be no {', '.join(more)}")
        except Disagreement as wrong:
            raise self.told(wrong) from None

    def judge_result(self, result: Any, dtype: np.dtype) -> None:
        """Demand a result as an adapter gives it.

        Raises
        ------
        Disagreement : it is wrong.
        """
        try:
            found = named(self.operation, result)
        except Disagreement as wrong:
            raise self.told(wrong) from None
        self.judge(found, dtype)

    def told(self, wrong: Disagreement) -> Disagreement:
        """Return a disagreement that says which vector it is about."""
        what = f"{wrong.what}\nvector {self.id} ({self.comment}; {self.section}) hunts this: {self.note}"
        return Disagreement(what, wrong.actual, wrong.expected, wrong.bound, wrong.kind)


def widened(value: Any, dtype: np.dtype) -> Any:
    """Return a value with its float32 arrays in `dtype`."""
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype == np.float32 else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(widened(part, dtype) for part in value))
    return tuple(widened(part, dtype) for part in value) if isinstance(value, (tuple, list)) else value
