"""The one tolerance of the tests: a bound on rounding error from the length of a reduction and its magnitude."""

from __future__ import annotations

import numpy as np


def assert_close(
    actual: np.ndarray, expected: np.ndarray, magnitude: np.ndarray | float, length: int, c: float = 4
) -> None:
    """Demand |actual − expected| ≤ c · eps(dtype) · length · magnitude, element by element.

    Parameters
    ----------
    actual, expected : arrays of the same shape; the eps is that of the dtype of `actual`.
    magnitude : Σ|a_k b_k| of the reduction, a number or an array that broadcasts.
    length : K, the number of terms.
    c : constant of the bound.
    """
    assert actual.shape == expected.shape, f"got shape {actual.shape}, expected {expected.shape}"
    bound = c * np.finfo(actual.dtype).eps * length * np.asarray(magnitude, np.float64)
    error = np.abs(np.asarray(actual, np.float64) - np.asarray(expected, np.float64))
    assert np.all(error <= bound), (
        f"error up to {np.max(error - bound)} above the bound; got {actual}, expected {expected}"
    )
