"""The bound: proportional to eps, length and magnitude, and never 0 where products may vanish."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.backends import bound
from gse_ref.backends.tolerance import FACTOR
from tests.bounds import assert_close


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bound_is_the_formula(dtype: type) -> None:
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).smallest_subnormal)
    actual = bound(dtype, 8, np.array([0.0, 1.0, 4.0]))
    assert actual.dtype == np.float64
    np.testing.assert_array_equal(actual, FACTOR * 8 * (eps * np.array([0.0, 1.0, 4.0]) + tiny))
    np.testing.assert_array_equal(bound(dtype, 0, np.ones(2)), bound(dtype, 1, np.ones(2)))


def test_the_tests_tolerance_is_the_bound() -> None:
    expected = np.array([1.0, -2.0])
    allowed = bound(np.float64, 3, np.abs(expected))
    assert_close(expected + 0.9 * allowed, expected, np.abs(expected), 3)
    for wrong in (expected + 1.2 * allowed, expected * np.nan, expected[:1]):
        with pytest.raises(AssertionError):
            assert_close(wrong, expected, np.abs(expected), 3)
    with pytest.raises(AssertionError):
        assert_close(expected + 0.9 * allowed, expected, np.abs(expected), 3, c=FACTOR / 2)
