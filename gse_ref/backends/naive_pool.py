"""The definition of pools: literal formulas, sharing no code with the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .api import Array, Geometry


def _windows(size: tuple[int, int], geometry: Geometry) -> Iterator[tuple[int, int]]:
    """Yield the positions (i, j) of the windows in the order of rows."""
    for i in range(geometry.positions(size[0])):
        for j in range(geometry.positions(size[1])):
            yield i, j


def _pixel(i: int, j: int, tap: int, geometry: Geometry) -> tuple[int, int]:
    """Return the pixel of the image at tap u · kernel + v of window (i, j)."""
    u, v = divmod(tap, geometry.kernel)
    return i * geometry.stride + u - geometry.padding, j * geometry.stride + v - geometry.padding


def _max_pool(x: Array, geometry: Geometry) -> tuple[Array, Array]:
    channels, height, width, batch = x.shape
    shape = (channels, geometry.positions(height), geometry.positions(width), batch)
    y, taps = np.zeros(shape, x.dtype), np.zeros(shape, np.uint8)
    for i, j in _windows((height, width), geometry):
        inside = []
        for tap in range(geometry.kernel**2):
            row, col = _pixel(i, j, tap, geometry)
            if 0 <= row < height and 0 <= col < width:
                inside.append((tap, row, col))
        for c in range(channels):
            for b in range(batch):
                best, chosen = None, 0
                for tap, row, col in inside:
                    value = x[c, row, col, b]
                    if best is None or value > best or (value != value and best == best):
                        best, chosen = value, tap
                y[c, i, j, b], taps[c, i, j, b] = best, chosen
    return y, taps


def _unpool(dy: Array, taps: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    total = np.zeros((len(dy), *size, dy.shape[3]))
    for i, j in _windows(size, geometry):
        for c in range(dy.shape[0]):
            for b in range(dy.shape[3]):
                row, col = _pixel(i, j, int(taps[c, i, j, b]), geometry)
                total[c, row, col, b] += float(dy[c, i, j, b])
    return total.astype(dy.dtype)


def _pick(x: Array, taps: Array, geometry: Geometry) -> Array:
    y = np.zeros(taps.shape, x.dtype)
    for i, j in _windows(x.shape[1:3], geometry):
        for c in range(x.shape[0]):
            for b in range(x.shape[3]):
                row, col = _pixel(i, j, int(taps[c, i, j, b]), geometry)
                y[c, i, j, b] = x[c, row, col, b]
    return y


OPERATIONS: dict[str, Any] = {"max_pool": _max_pool, "unpool": _unpool, "pick": _pick}
