"""The one tolerance of the project: |err| ≤ c · eps(dtype) · K · Σ|a_k b_k|."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

#: c of the bound. Higham's γ_K is about 1; the rest is for the cast of the operands and of the result.
FACTOR = 4.0


def bound(dtype: DTypeLike, length: int, magnitude: np.ndarray) -> np.ndarray:
    """Return the largest error allowed for sums of `length` products.

    Parameters
    ----------
    dtype : dtype in which the sums ran.
    length : K, the reduction length.
    magnitude : Σ|a_k b_k| of each sum, float64.

    Returns
    -------
    bound : float64, shape of `magnitude`; includes what underflow may lose in each product.
    """
    kind = np.finfo(np.dtype(dtype))
    terms = max(1, length)
    return FACTOR * terms * (float(kind.eps) * np.asarray(magnitude, np.float64) + float(kind.smallest_subnormal))
