"""Code of a call gives back what it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.conformance import Geometry, Pattern
from gse_ref.conformance.code import IMPORTS, MOST, Call, literal

SPOKEN: dict = {}
exec(IMPORTS, SPOKEN)


def long(*runs: tuple[float, int]) -> np.ndarray:
    return np.repeat(*zip(*runs, strict=True))


@pytest.mark.parametrize(
    "array",
    [
        np.empty((0, 3), np.float32),
        np.array([[1.5, np.nan], [-np.inf, -0.0]]),
        np.array([1, 2**40]),
        long((0.0, MOST), (-0.0, 3), (np.nan, 5), (np.inf, 1)),
        long((7, 1), (70_000, MOST)).astype(np.int32),
        long((0.5, MOST), (1.0, 2)).astype(np.float32).reshape(-1, 2),
    ],
    ids=["empty", "not finite", "wide", "long floats", "long integers", "long rows"],
)
def test_arrays_come_back_bit_for_bit(array: np.ndarray) -> None:
    back = eval(literal(array), SPOKEN)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert len(literal(array)) < 200


def test_what_nobody_would_paste_is_shortened() -> None:
    assert literal(np.arange(MOST + 1.0)).startswith(f"<float64 array of shape ({MOST + 1},): 0.0, 1.0")


def test_a_call_names_its_tuples() -> None:
    pattern = Pattern(np.array([0, 1]), np.array([0]), (1, 1))
    assert Call("f", (pattern, Geometry(3, 1, 1), None, ("a",))).text() == (
        "adapter.f(Pattern(indptr=array([0, 1], 'int64'), indices=array([0], 'int64'), shape=(1, 1)), "
        "Geometry(kernel=3, stride=1, padding=1), None, ('a',))"
    )
