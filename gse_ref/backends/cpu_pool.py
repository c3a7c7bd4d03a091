"""Pools by the Numba kernels: allocates results, hands over plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import pool
from ..kernels.launch import launch
from .api import Array, Geometry
from .memory import empty


def _max_pool(x: Array, geometry: Geometry) -> tuple[Array, Array]:
    channels, height, width, batch = x.shape
    shape = (channels, geometry.positions(height), geometry.positions(width), batch)
    y, taps = empty(shape, x.dtype), empty(shape, np.uint8)
    launch(pool.max_pool, y.size * geometry.kernel**2, np.ascontiguousarray(x), *geometry, y, taps)
    return y, taps


def _unpool(dy: Array, taps: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    dx = empty((len(dy), *size, dy.shape[3]), dy.dtype)
    operands = (np.ascontiguousarray(dy), np.ascontiguousarray(taps))
    launch(pool.unpool, dy.size * geometry.kernel**2, *operands, *geometry, dx)
    return dx


def _pick(x: Array, taps: Array, geometry: Geometry) -> Array:
    y = empty(taps.shape, x.dtype)
    operands = (np.ascontiguousarray(x), np.ascontiguousarray(taps))
    launch(pool.pick, y.size * geometry.kernel**2, *operands, *geometry, y)
    return y


OPERATIONS: dict[str, Any] = {"max_pool": _max_pool, "unpool": _unpool, "pick": _pick}
