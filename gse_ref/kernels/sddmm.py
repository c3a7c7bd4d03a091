"""Gradients Σ_b dy[i, b] · x[j, b] on a CSR pattern and on sampled pairs."""

from __future__ import annotations

from numba import njit, prange, uintp

from .simd import at, copy, dot, prefetch, tile
from .sums import HALF, NARROW, SINGLE, SMALL, WIDE, ends, inner

#: Rows this many pairs ahead are asked for early; slots are unsigned, as in `spmm`.
AHEAD = uintp(8)


def _make_row(T):
    @njit(inline="always")
    def row(i, start, stop, indptr, indices, dy, x, out):
        batch = x.shape[1]
        first, end, last = uintp(indptr[i]), uintp(indptr[i + 1]), indices.size - 1
        own = tile(dy, T)  # a copy that nothing can alias stays in registers
        for b in range(start, stop, T):
            copy(own, at(dy, i * batch + b), T)
            for k in range(first, end):
                prefetch(x, indices[min(k + AHEAD, uintp(last))] * batch + b, T)
                out[k] += dot(own, at(x, indices[k] * batch + b), T)

    return row


_wide, _half, _narrow, _small, _single = map(_make_row, (WIDE, HALF, NARROW, SMALL, SINGLE))


@njit(parallel=True, cache=True)
def sddmm(indptr, indices, dy, x, out):
    """out[k] = Σ_b dy[i, b] · x[indices[k], b] for each slot k of row i."""
    batch = x.shape[1]
    wide, half, narrow, small = ends(batch)
    for i in prange(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            out[k] = 0
        _wide(i, 0, wide, indptr, indices, dy, x, out)
        _half(i, wide, half, indptr, indices, dy, x, out)
        _narrow(i, half, narrow, indptr, indices, dy, x, out)
        _small(i, narrow, small, indptr, indices, dy, x, out)
        _single(i, small, batch, indptr, indices, dy, x, out)


@njit(parallel=True, cache=True)
def sddmm_pairs(rows, cols, dy, x, out):
    """out[k] = Σ_b dy[rows[k], b] · x[cols[k], b]"""
    batch, last = x.shape[1], rows.size - 1
    for k in prange(rows.size):
        prefetch(x, cols[min(uintp(k) + AHEAD, uintp(last))] * batch, WIDE)
        out[k] = inner(at(dy, rows[k] * batch), at(x, cols[k] * batch), batch, x.dtype.type(0))
