"""Sparse products: forward, transposed, and the fused backward (PERFORMANCE, linear layers)."""

from __future__ import annotations

from numba import njit, prange

from .simd import FASTMATH, at, axpy, axpy_dot, copy, fill, prefetch, tile

#: Rows this many non-zeros ahead are asked for early.
AHEAD = 8
WIDE, NARROW, SINGLE = 128, 16, 1


def _make_product(T):
    @njit(fastmath=FASTMATH, inline="always")
    def product(i, start, stop, indptr, indices, values, x, bias, y):
        batch = y.shape[1]
        last = indices.size - 1
        total = tile(values, T)
        for b in range(start, stop, T):
            fill(total, bias[i] if bias.size > 0 else values.dtype.type(0), T)
            for k in range(indptr[i], indptr[i + 1]):
                prefetch(x, indices[min(k + AHEAD, last)] * batch + b, T)
                axpy(total, values[k], at(x, indices[k] * batch + b), T)
            copy(at(y, i * batch + b), total, T)

    return product


_wide, _narrow, _single = _make_product(WIDE), _make_product(NARROW), _make_product(SINGLE)


@njit(parallel=True, cache=True, fastmath=FASTMATH)
def spmm(indptr, indices, values, x, bias, y):
    """y[i] = bias[i] + Σ_k values[k] · x[indices[k]] over the slots k of row i; an empty bias counts as 0."""
    batch = y.shape[1]
    wide, narrow = batch - batch % WIDE, batch - batch % NARROW
    for i in prange(y.shape[0]):
        _wide(i, 0, wide, indptr, indices, values, x, bias, y)
        _narrow(i, wide, narrow, indptr, indices, values, x, bias, y)
        _single(i, narrow, batch, indptr, indices, values, x, bias, y)


def _make_backward(T):
    @njit(fastmath=FASTMATH, inline="always")
    def backward(j, start, stop, indptr, rows, values, x, dy, dx, dvalues):
        batch = x.shape[1]
        last = rows.size - 1
        total = tile(values, T)
        for b in range(start, stop, T):
            own = at(x, j * batch + b)
            fill(total, values.dtype.type(0), T)
            for k in range(indptr[j], indptr[j + 1]):
                prefetch(dy, rows[min(k + AHEAD, last)] * batch + b, T)
                dvalues[k] += axpy_dot(total, values[k], own, at(dy, rows[k] * batch + b), T)
            copy(at(dx, j * batch + b), total, T)

    return backward


_wide_back, _narrow_back, _single_back = _make_backward(WIDE), _make_backward(NARROW), _make_backward(SINGLE)


@njit(parallel=True, cache=True, fastmath=FASTMATH)
def spmm_backward(indptr, rows, values, x, dy, dx, dvalues):
    """Both gradients of one input unit at a time, in transposed order, so that each row of dy is loaded once.

    dx[j] = Σ_k values[k] · dy[rows[k]];  dvalues[k] = Σ_b x[j, b] · dy[rows[k], b]
    """
    batch = x.shape[1]
    wide, narrow = batch - batch % WIDE, batch - batch % NARROW
    for j in prange(x.shape[0]):
        for k in range(indptr[j], indptr[j + 1]):
            dvalues[k] = 0
        _wide_back(j, 0, wide, indptr, rows, values, x, dy, dx, dvalues)
        _narrow_back(j, wide, narrow, indptr, rows, values, x, dy, dx, dvalues)
        _single_back(j, narrow, batch, indptr, rows, values, x, dy, dx, dvalues)


@njit(parallel=True, cache=True)
def gather(source, slots, out):
    """out[k] = source[slots[k]]"""
    for k in prange(slots.size):
        out[k] = source[slots[k]]
