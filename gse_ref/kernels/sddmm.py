"""Gradients Σ_b dy[i, b] · x[j, b] on a CSR pattern and on sampled pairs."""

from __future__ import annotations

from numba import njit, prange

from .simd import FASTMATH, at, dot, prefetch

AHEAD = 8
WIDE, NARROW, SINGLE = 128, 16, 1


@njit(fastmath=FASTMATH, inline="always")
def _product(dy, i, x, j):
    batch = x.shape[1]
    wide, narrow = batch - batch % WIDE, batch - batch % NARROW
    total = x.dtype.type(0)
    for b in range(0, wide, WIDE):
        total += dot(at(dy, i * batch + b), at(x, j * batch + b), WIDE)
    for b in range(wide, narrow, NARROW):
        total += dot(at(dy, i * batch + b), at(x, j * batch + b), NARROW)
    for b in range(narrow, batch):
        total += dy[i, b] * x[j, b]
    return total


@njit(parallel=True, cache=True, fastmath=FASTMATH)
def sddmm(indptr, indices, dy, x, out):
    """out[k] = Σ_b dy[i, b] · x[indices[k], b] for each slot k of row i."""
    last = indices.size - 1
    for i in prange(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            prefetch(x, indices[min(k + AHEAD, last)] * x.shape[1], WIDE)
            out[k] = _product(dy, i, x, indices[k])


@njit(parallel=True, cache=True, fastmath=FASTMATH)
def sddmm_pairs(rows, cols, dy, x, out):
    """out[k] = Σ_b dy[rows[k], b] · x[cols[k], b]"""
    last = rows.size - 1
    for k in prange(rows.size):
        prefetch(x, cols[min(k + AHEAD, last)] * x.shape[1], WIDE)
        out[k] = _product(dy, rows[k], x, cols[k])
