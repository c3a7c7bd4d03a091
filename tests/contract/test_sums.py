"""Sums over runs of any length: every element counts once, and nothing beyond the end does."""

from __future__ import annotations

import numpy as np
import pytest
from numba import config
from numba.core.errors import TypingError

from gse_ref.backends import get

BACKEND = get("cpu")
LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129, 200)

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@both_dtypes
@pytest.mark.parametrize("length", LENGTHS)
def test_every_element_is_added_once(length: int, dtype: type) -> None:
    generator = np.random.default_rng(length)
    x = generator.integers(-9, 10, (3, length))  # small integers: exact in any order
    signs = generator.choice([-1.0, 1.0], length)
    assert BACKEND.abs_sums(x.astype(dtype)).tolist() == np.abs(x).sum(axis=1).tolist()
    assert BACKEND.signed_sums(x.astype(dtype), signs).tolist() == np.abs(x @ signs).tolist()


@both_dtypes
@pytest.mark.parametrize("length", [1, 17, 65])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_what_it_is(value: float, length: int, dtype: type) -> None:
    x = np.zeros((length, length), dtype)
    np.fill_diagonal(x, value)
    np.testing.assert_array_equal(BACKEND.abs_sums(x), np.full(length, abs(value)))
    np.testing.assert_array_equal(BACKEND.signed_sums(x, np.ones(length)), np.full(length, abs(value)))


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled: NUMBA_DISABLE_JIT is set")
def test_integers_are_refused() -> None:
    with pytest.raises(TypingError):
        BACKEND.abs_sums(np.ones((2, 3), np.uint8))
    with pytest.raises(TypingError):
        BACKEND.signed_sums(np.ones((2, 3), np.float32), np.ones(3, np.int8))
