"""How a result is judged: equal, or within the bound of its sums; and what is said where it is not."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..backends import bound


class Disagreement(Exception):
    """An implementation and the definition differ.

    Attributes
    ----------
    what : one sentence, what is wrong, and of which result.
    actual, expected : what was computed, and what should have been; None where nothing was computed.
    bound : largest error allowed, where the result is a sum of floats.
    kind : "wrong", "raised", "malformed" (type, shape or dtype), "modified" (an argument) or "hung".
    """

    def __init__(
        self, what: str, actual: Any = None, expected: Any = None, bound: Any = None, kind: str = "wrong"
    ) -> None:
        super().__init__(what)
        self.what, self.actual, self.expected, self.bound, self.kind = what, actual, expected, bound, kind


def _place(wrong: np.ndarray) -> tuple[tuple[int, ...], str]:
    """Return the first place that is wrong, and words for it and how many there are."""
    at = tuple(map(int, np.unravel_index(int(np.argmax(wrong)), wrong.shape)))
    where = f"[{', '.join(map(str, at))}]" if at else ""
    return at, f"{where}, {int(wrong.sum())} of {wrong.size} elements"


def array(value: Any, what: str, shape: tuple[int, ...] | None, kinds: str) -> np.ndarray:
    """Return `value` as an array, if it is one of this shape and of dtype kinds such as "iu" or "f".

    Raises
    ------
    Disagreement : it is not.
    """
    if not isinstance(value, np.ndarray):
        raise Disagreement(f"{what} is a {type(value).__name__}, not a NumPy array", value, kind="malformed")
    if shape is not None and value.shape != shape:
        raise Disagreement(f"{what} has shape {value.shape}, not {shape}", value, kind="malformed")
    if value.dtype.kind not in kinds:
        raise Disagreement(f"{what} has dtype {value.dtype}, which does not fit", value, kind="malformed")
    return value


def integers(value: Any, what: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return an array of integers as int64.

    Raises
    ------
    Disagreement : it is none, or not of this shape.
    """
    return array(value, what, shape, "iu").astype(np.int64)


def same_integers(actual: Any, expected: np.ndarray, what: str) -> None:
    """Demand the same integers, whatever their width.

    Raises
    ------
    Disagreement : they differ.
    """
    found = integers(actual, what)
    if found.shape != expected.shape:
        raise Disagreement(f"{what}: {found.size} of them, not {expected.size}", found, expected)
    wrong = found != expected
    if wrong.any():
        at, where = _place(wrong)
        raise Disagreement(f"{what}{where} differ: {found[at]} is not {expected[at]}", found, expected)


def same_floats(actual: Any, expected: np.ndarray, what: str, signed_zeros: bool = False) -> None:
    """Demand the same floats and the same dtype, NaN where NaN, the sign of zero where asked.

    Raises
    ------
    Disagreement : they differ.
    """
    found = _floats(actual, expected, what)
    agree = (found == expected) | (np.isnan(found) & np.isnan(expected))
    if signed_zeros:
        agree &= np.signbit(found) == np.signbit(expected)
    if not agree.all():
        at, where = _place(~agree)
        raise Disagreement(f"{what}{where} differ: {found[at]!r} is not {expected[at]!r}", found, expected)


def _floats(actual: Any, expected: np.ndarray, what: str) -> np.ndarray:
    found = array(actual, what, expected.shape, "f")
    if found.dtype != expected.dtype:
        raise Disagreement(f"{what} is {found.dtype}, not {expected.dtype}", found, expected, kind="malformed")
    return found


def sums(actual: Any, expected: np.ndarray, magnitude: np.ndarray, length: int, what: str) -> None:
    """Demand sums within c · eps · K · Σ|ab|, and the same NaN and infinities.

    Parameters
    ----------
    actual : what was computed.
    expected : of the dtype that is demanded.
    magnitude : Σ|a_k b_k| of each sum, float64.
    length : K.
    what : name of the result.

    Raises
    ------
    Disagreement : an element lies outside.
    """
    found = _floats(actual, expected, what)
    allowed = np.broadcast_to(bound(expected.dtype, length, magnitude), expected.shape)
    with np.errstate(invalid="ignore"):
        error = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        near = (error <= allowed) & np.isfinite(expected)
        agree = near | (found == expected) | (np.isnan(found) & np.isnan(expected))
    if not agree.all():
        at, where = _place(~agree)
        said = f"{what}{where}: {found[at]!r} is not {expected[at]!r}"
        size = f"the error {error[at]:.3g} exceeds the bound {allowed[at]:.3g} = c·eps·K·Σ|ab|, K = {length}"
        raise Disagreement(f"{said}; {size}" if np.isfinite(expected[at]) else said, found, expected, allowed)


def wrong(what: str, actual: Any = None, expected: Any = None) -> NoReturn:
    """Say that a law is broken.

    Raises
    ------
    Disagreement : always.
    """
    raise Disagreement(what, actual, expected)
