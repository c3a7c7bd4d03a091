"""Gradients Σ_b dy[i, b] · x[j, b] on a CSR pattern and on sampled pairs."""

from __future__ import annotations

from numba import njit, prange

from .simd import FASTMATH, at, copy, dot, prefetch, tile

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


def _make_row(T):
    @njit(fastmath=FASTMATH, inline="always")
    def row(i, start, stop, indptr, indices, dy, x, out):
        batch = x.shape[1]
        last = indices.size - 1
        own = tile(dy, T)  # a copy that nothing can alias stays in registers
        for b in range(start, stop, T):
            copy(own, at(dy, i * batch + b), T)
            for k in range(indptr[i], indptr[i + 1]):
                prefetch(x, indices[min(k + AHEAD, last)] * batch + b, T)
                out[k] += dot(own, at(x, indices[k] * batch + b), T)

    return row


_wide, _narrow, _single = (_make_row(T) for T in (WIDE, NARROW, SINGLE))


@njit(parallel=True, cache=True, fastmath=FASTMATH)
def sddmm(indptr, indices, dy, x, out):
    """out[k] = Σ_b dy[i, b] · x[indices[k], b] for each slot k of row i."""
    batch = x.shape[1]
    wide, narrow = batch - batch % WIDE, batch - batch % NARROW
    for i in prange(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            out[k] = 0
        _wide(i, 0, wide, indptr, indices, dy, x, out)
        _narrow(i, wide, narrow, indptr, indices, dy, x, out)
        _single(i, narrow, batch, indptr, indices, dy, x, out)


@njit(parallel=True, cache=True, fastmath=FASTMATH)
def sddmm_pairs(rows, cols, dy, x, out):
    """out[k] = Σ_b dy[rows[k], b] · x[cols[k], b]"""
    last = rows.size - 1
    for k in prange(rows.size):
        prefetch(x, cols[min(k + AHEAD, last)] * x.shape[1], WIDE)
        out[k] = _product(dy, rows[k], x, cols[k])
