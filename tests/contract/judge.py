"""How a result is judged: called without side effects, then equal bit for bit or within the bound of its sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from gse_ref.backends import Backend
from tests.bounds import assert_close


class Check(NamedTuple):
    """The body that judges one function, and the cases it is run on."""

    body: Callable[[Backend, Any], None]
    cases: st.SearchStrategy[Any]


def _flat(value: Any) -> list[np.ndarray]:
    if isinstance(value, tuple):
        return [array for part in value for array in _flat(part)]
    return [value] if isinstance(value, np.ndarray) else []


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Call a backend's function; its arguments must stay as they are and its results be new arrays."""
    inputs = _flat(args)
    before = [array.tobytes() for array in inputs]
    result = function(*args)
    assert [array.tobytes() for array in inputs] == before, "an argument was changed in place"
    shared = [np.shares_memory(out, array) for out in _flat(result) for array in inputs]
    assert not any(shared), "a result shares memory with an argument"
    return result


def assert_same(actual: Any, expected: Any) -> None:
    """Demand equality bit for bit up to the sign of zero: dtypes, shapes, elements, NaN where NaN."""
    assert isinstance(actual, np.ndarray), f"got {type(actual).__name__}, expected an array"
    assert actual.dtype == expected.dtype, f"got {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"got shape {actual.shape}, expected {expected.shape}"
    np.testing.assert_array_equal(actual, expected)


def assert_same_bits(actual: Any, expected: Any) -> None:
    """Demand equality bit for bit, the sign of zero included."""
    assert_same(actual, expected)
    assert actual.tobytes() == expected.tobytes(), f"got {actual!r}, expected {expected!r}"


def assert_sums(actual: np.ndarray, expected: np.ndarray, magnitude: np.ndarray, length: int) -> None:
    """Demand sums within the bound, and equality where the expected one is not finite."""
    assert actual.dtype == expected.dtype, f"got {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"got shape {actual.shape}, expected {expected.shape}"
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    assert_close(actual[finite], expected[finite], magnitude[finite], length)
