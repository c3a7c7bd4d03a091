"""Elementwise passes that pay as one kernel."""

from __future__ import annotations

from numba import njit, prange

#: Elements that a thread takes at a time.
CHUNK = 1 << 14


@njit(parallel=True, cache=True)
def relu_backward(y, dy, dx):
    """dx = dy where y > 0, else 0; all flat, of one length."""
    for chunk in prange((y.size + CHUNK - 1) // CHUNK):
        for k in range(chunk * CHUNK, min(y.size, (chunk + 1) * CHUNK)):
            dx[k] = dy[k] if y[k] > 0 else y.dtype.type(0)
