"""Sparse products: forward, transposed, and the fused backward (PERFORMANCE, linear layers)."""

from __future__ import annotations

from numba import njit, prange, uintp

from .simd import at, axpy, axpy_dot, copy, fill, prefetch, tile
from .sums import HALF, NARROW, SINGLE, SMALL, WIDE, ends

#: Rows this many slots ahead are asked for early. Slots are unsigned, for an index that cannot be negative is not
#: wrapped around, which takes a quarter of the time at small batches.
AHEAD = uintp(8)


def _make_product(T):
    @njit(inline="always")
    def product(i, start, stop, indptr, indices, values, x, bias, y, column):
        width, batch = x.shape[1], y.shape[1]
        first, end, last = uintp(indptr[i]), uintp(indptr[i + 1]), indices.size - 1
        total = tile(values, T)
        for b in range(start, stop, T):
            fill(total, bias[i] if bias.size > 0 else values.dtype.type(0), T)
            for k in range(first, end):
                prefetch(x, indices[min(k + AHEAD, uintp(last))] * width + b, T)
                axpy(total, values[k], at(x, indices[k] * width + b), T)
            copy(at(y, i * batch + column + b), total, T)

    return product


_wide, _half, _narrow, _small, _single = map(_make_product, (WIDE, HALF, NARROW, SMALL, SINGLE))


@njit(parallel=True, cache=True)
def spmm(indptr, indices, values, x, bias, y, column):
    """y[i, column + b] = bias[i] + Σ_k values[k] · x[indices[k], b] over the slots k of row i, b < x.shape[1].

    An empty bias counts as 0. `x` is a whole operand (column 0) or a packed tile of its columns.
    """
    width = x.shape[1]
    wide, half, narrow, small = ends(width)
    for i in prange(y.shape[0]):
        _wide(i, 0, wide, indptr, indices, values, x, bias, y, column)
        _half(i, wide, half, indptr, indices, values, x, bias, y, column)
        _narrow(i, half, narrow, indptr, indices, values, x, bias, y, column)
        _small(i, narrow, small, indptr, indices, values, x, bias, y, column)
        _single(i, small, width, indptr, indices, values, x, bias, y, column)


def _make_backward(T):
    @njit(inline="always")
    def backward(j, start, stop, indptr, rows, values, x, dy, dx, dvalues, column):
        width, batch = dy.shape[1], x.shape[1]
        first, end, last = uintp(indptr[j]), uintp(indptr[j + 1]), rows.size - 1
        total = tile(values, T)
        for b in range(start, stop, T):
            own = at(x, j * batch + column + b)
            fill(total, values.dtype.type(0), T)
            for k in range(first, end):
                prefetch(dy, rows[min(k + AHEAD, uintp(last))] * width + b, T)
                dvalues[k] += axpy_dot(total, values[k], own, at(dy, rows[k] * width + b), T)
            copy(at(dx, j * batch + column + b), total, T)

    return backward


_wide_back, _half_back, _narrow_back, _small_back, _single_back = map(
    _make_backward, (WIDE, HALF, NARROW, SMALL, SINGLE)
)


@njit(parallel=True, cache=True)
def spmm_backward(indptr, rows, values, x, dy, dx, dvalues, column):
    """Both gradients of one input unit at a time, in transposed order, so that each row of dy is loaded once.

    dx[j, column + b] = Σ_k values[k] · dy[rows[k], b];  dvalues[k] += Σ_b x[j, column + b] · dy[rows[k], b],
    b < dy.shape[1], where dvalues starts from 0 at column 0. `dy` is whole (column 0) or a packed tile.
    """
    width = dy.shape[1]
    wide, half, narrow, small = ends(width)
    for j in prange(x.shape[0]):
        if column == 0:
            for k in range(indptr[j], indptr[j + 1]):
                dvalues[k] = 0
        _wide_back(j, 0, wide, indptr, rows, values, x, dy, dx, dvalues, column)
        _half_back(j, wide, half, indptr, rows, values, x, dy, dx, dvalues, column)
        _narrow_back(j, half, narrow, indptr, rows, values, x, dy, dx, dvalues, column)
        _small_back(j, narrow, small, indptr, rows, values, x, dy, dx, dvalues, column)
        _single_back(j, small, width, indptr, rows, values, x, dy, dx, dvalues, column)


@njit(parallel=True, cache=True)
def pack(x, column, out):
    """out[i, b] = x[i, column + b]: a tile of columns as an array of its own."""
    for i in prange(out.shape[0]):
        source = at(x, i * x.shape[1] + column)
        for b in range(out.shape[1]):
            out[i, b] = source[b]


@njit(parallel=True, cache=True)
def permute(source, slots, out):
    """out[k] = source[slots[k]]"""
    for k in prange(slots.size):
        out[k] = source[slots[k]]
