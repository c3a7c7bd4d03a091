"""Gather rows of a batch-first data set into one batch-last float array, normalised on the way."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

#: Columns (samples) of one block: 16 float32 are one cache line of the output, and so few rows stay in cache.
COLUMNS = 16
#: Rows (features) of one block, the grain shared out to the threads.
FEATURES = 256


@njit(cache=True, parallel=True)
def gather_lookup(rows, order, table, out):
    """Write ``out[f, b] = table[rows[order[b], f]]``.

    The block of full width is written apart because only a constant trip count keeps the 16 row addresses in
    registers, which makes it 2.5 times as fast. Each output is written once, by one thread.

    Parameters
    ----------
    rows : (samples, n_features) uint8, C order.
    order : (batch,) int64, each in [0, samples); trusted.
    table : (256,) float32 or float64, the normalised value of each byte.
    out : (n_features, batch) C order, dtype of `table`; overwritten.
    """
    n_features, batch = out.shape
    across = (batch + COLUMNS - 1) // COLUMNS
    down = (n_features + FEATURES - 1) // FEATURES
    for block in prange(across * down):
        first = (block // across) * FEATURES
        last = min(first + FEATURES, n_features)
        left = (block % across) * COLUMNS
        right = min(left + COLUMNS, batch)
        if right - left == COLUMNS:
            for f in range(first, last):
                for b in range(COLUMNS):
                    out[f, left + b] = table[rows[order[left + b], f]]
        else:
            for f in range(first, last):
                for b in range(left, right):
                    out[f, b] = table[rows[order[b], f]]


@njit(cache=True, parallel=True)
def gather_affine(rows, order, scale, shift, out):
    """Write ``out[f, b] = rows[order[b], f] * scale[f] + shift[f]``, in float64, rounded once to `out`.

    Without fastmath flags the product and the sum are rounded apart, as in NumPy, so the result is exact.

    Parameters
    ----------
    rows : (samples, n_features) uint8, float32 or float64, C order.
    order : (batch,) int64, each in [0, samples); trusted.
    scale, shift : (n_features,) float64.
    out : (n_features, batch) float32 or float64, C order; overwritten.
    """
    n_features, batch = out.shape
    across = (batch + COLUMNS - 1) // COLUMNS
    down = (n_features + FEATURES - 1) // FEATURES
    for block in prange(across * down):
        first = (block // across) * FEATURES
        last = min(first + FEATURES, n_features)
        left = (block % across) * COLUMNS
        right = min(left + COLUMNS, batch)
        if right - left == COLUMNS:
            for f in range(first, last):
                for b in range(COLUMNS):
                    value = np.float64(rows[order[left + b], f])
                    out[f, left + b] = value * scale[f] + shift[f]
        else:
            for f in range(first, last):
                for b in range(left, right):
                    out[f, b] = np.float64(rows[order[b], f]) * scale[f] + shift[f]
