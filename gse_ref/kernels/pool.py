"""Pools: the windows of one channel after another, each tap a pass over the samples of one pixel."""

from __future__ import annotations

from numba import njit, prange

from .simd import at


@njit
def _inside(position, stride, padding, kernel, size):
    """Return the first tap of a window that lies inside the image, and the end of those that do."""
    start = position * stride - padding
    return max(0, -start), min(kernel, size - start)


@njit
def _first(source, batch, tap, best, taps):
    for b in range(batch):
        best[b] = source[b]
        taps[b] = tap


@njit
def _larger(source, batch, tap, best, taps):
    for b in range(batch):
        value, old = source[b], best[b]
        better = (value > old) | ((value != value) & (old == old))
        best[b] = value if better else old
        taps[b] = tap if better else taps[b]


@njit(parallel=True, cache=True)
def max_pool(x, kernel, stride, padding, y, taps):
    """y[c, i, j, b]: the largest x of the window, NaN if there is one; taps: where it was first."""
    channels, height, width, batch = x.shape
    for c in prange(channels):
        for i in range(y.shape[1]):
            top, bottom = _inside(i, stride, padding, kernel, height)
            for j in range(y.shape[2]):
                left, right = _inside(j, stride, padding, kernel, width)
                window = ((c * y.shape[1] + i) * y.shape[2] + j) * batch
                best, chosen = at(y, window), at(taps, window)
                for u in range(top, bottom):
                    row = c * height + i * stride + u - padding
                    for v in range(left, right):
                        source = at(x, (row * width + j * stride + v - padding) * batch)
                        tap = taps.dtype.type(u * kernel + v)
                        if u == top and v == left:
                            _first(source, batch, tap, best, chosen)
                        else:
                            _larger(source, batch, tap, best, chosen)


@njit
def _add_where(source, chosen, tap, batch, out):
    for b in range(batch):
        out[b] = out[b] + source[b] if chosen[b] == tap else out[b]


@njit(parallel=True, cache=True)
def unpool(dy, taps, kernel, stride, padding, dx):
    """dx = Σ dy over the windows that picked the pixel, in their order; 0 where none did."""
    channels, height, width, batch = dx.shape
    plane = height * width * batch
    zero = dx.dtype.type(0)
    for c in prange(channels):
        whole = at(dx, c * plane)
        for k in range(plane):
            whole[k] = zero
        for i in range(dy.shape[1]):
            top, bottom = _inside(i, stride, padding, kernel, height)
            for j in range(dy.shape[2]):
                left, right = _inside(j, stride, padding, kernel, width)
                window = ((c * dy.shape[1] + i) * dy.shape[2] + j) * batch
                for u in range(top, bottom):
                    row = c * height + i * stride + u - padding
                    for v in range(left, right):
                        pixel = at(dx, (row * width + j * stride + v - padding) * batch)
                        tap = taps.dtype.type(u * kernel + v)
                        _add_where(at(dy, window), at(taps, window), tap, batch, pixel)


@njit
def _copy_where(source, chosen, tap, batch, out):
    for b in range(batch):
        out[b] = source[b] if chosen[b] == tap else out[b]


@njit(parallel=True, cache=True)
def pick(x, taps, kernel, stride, padding, y):
    """y[c, i, j, b] = x at the pixel that taps[c, i, j, b] names."""
    channels, height, width, batch = x.shape
    for c in prange(channels):
        for i in range(y.shape[1]):
            top, bottom = _inside(i, stride, padding, kernel, height)
            for j in range(y.shape[2]):
                left, right = _inside(j, stride, padding, kernel, width)
                window = ((c * y.shape[1] + i) * y.shape[2] + j) * batch
                for u in range(top, bottom):
                    row = c * height + i * stride + u - padding
                    for v in range(left, right):
                        pixel = at(x, (row * width + j * stride + v - padding) * batch)
                        tap = taps.dtype.type(u * kernel + v)
                        _copy_where(pixel, at(taps, window), tap, batch, at(y, window))
