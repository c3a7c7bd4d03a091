"""The tolerance of the tests, element by element: the bound of the package and nothing else."""

from __future__ import annotations

import numpy as np

from gse_ref.backends import bound
from gse_ref.backends.tolerance import FACTOR


def assert_close(
    actual: np.ndarray, expected: np.ndarray, magnitude: np.ndarray | float, length: int, c: float = FACTOR
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
    allowed = bound(actual.dtype, length, np.asarray(magnitude, np.float64)) * (c / FACTOR)
    error = np.abs(np.asarray(actual, np.float64) - np.asarray(expected, np.float64))
    assert np.all(error <= allowed), (
        f"error up to {np.max(error - allowed)} above the bound; got {actual}, expected {expected}"
    )
