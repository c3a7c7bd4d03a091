"""Elementwise passes that pay as one kernel."""

from __future__ import annotations

from numba import njit, prange

#: Elements that a thread takes at a time.
CHUNK = 1 << 14


@njit(parallel=True, cache=True)
def relu_backward(y, dy, dx):
    """dx = dy where y > 0, else 0; all flat, of one length."""
    for chunk in prange((y.size + CHUNK - 1) // CHUNK):
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        sign, source, out = y[part], dy[part], dx[part]
        for k in range(out.size):
            out[k] = source[k] if sign[k] > 0 else y.dtype.type(0)
