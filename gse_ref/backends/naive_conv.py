"""The definition of sparse convolutions: literal loops over patches, sharing no code with the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .api import Array, Geometry, TransposePlan


def _inside(size: tuple[int, ...], geometry: Geometry, u: int, v: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (i, j, y, x): position (i, j) of the window reads pixel (y, x) of an image of `size` at tap (u, v)."""
    kernel, stride, padding = geometry
    for i in range((size[0] + 2 * padding - kernel) // stride + 1):
        for j in range((size[1] + 2 * padding - kernel) // stride + 1):
            y, x = i * stride + u - padding, j * stride + v - padding
            if 0 <= y < size[0] and 0 <= x < size[1]:
                yield i, j, y, x


def _column(j: int, kernel: int) -> tuple[int, int, int]:
    """Return (c, u, v) of a column."""
    return int(j) // kernel**2, int(j) // kernel % kernel, int(j) % kernel


def _conv(
    indptr: Array, indices: Array, values: Array, x: Array, geometry: Geometry, bias: Array | None = None
) -> Array:
    _, height, width, batch = x.shape
    kernel, stride, padding = geometry
    down, across = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    y = np.zeros((len(indptr) - 1, down, across, batch))
    for o in range(len(y)):
        if bias is not None:
            y[o] = float(bias[o])
        for k in range(indptr[o], indptr[o + 1]):
            c, u, v = _column(indices[k], kernel)
            for i, j, p, q in _inside((height, width), geometry, u, v):
                for b in range(batch):
                    y[o, i, j, b] += float(values[k]) * float(x[c, p, q, b])
    return y.astype(values.dtype)


def _conv_t(plan: TransposePlan, values: Array, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    dx = np.zeros(((len(plan.indptr) - 1) // geometry.kernel**2, *size, dy.shape[3]))
    for column in range(len(plan.indptr) - 1):
        c, u, v = _column(column, geometry.kernel)
        for k in range(plan.indptr[column], plan.indptr[column + 1]):
            for i, j, p, q in _inside(size, geometry, u, v):
                for b in range(dy.shape[3]):
                    dx[c, p, q, b] += float(values[plan.slots[k]]) * float(dy[plan.rows[k], i, j, b])
    return dx.astype(values.dtype)


def _conv_backward(
    plan: TransposePlan, values: Array, x: Array, dy: Array, geometry: Geometry
) -> tuple[Array, Array]:
    dvalues = np.zeros(len(values), values.dtype)
    for column in range(len(plan.indptr) - 1):
        for k in range(plan.indptr[column], plan.indptr[column + 1]):
            dvalues[plan.slots[k]] = _product(dy[plan.rows[k]], x, column, geometry)
    return _conv_t(plan, values, dy, geometry, (x.shape[1], x.shape[2])), dvalues


def _product(dy: Array, x: Array, column: int, geometry: Geometry) -> float:
    """Return Σ dy[i, j, b] · x[c, …, b] over the positions and samples of one output channel."""
    c, u, v = _column(column, geometry.kernel)
    total = 0.0
    for i, j, p, q in _inside(x.shape[1:3], geometry, u, v):
        for b in range(x.shape[3]):
            total += float(dy[i, j, b]) * float(x[c, p, q, b])
    return total


def _conv_pairs(rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
    pairs = zip(rows, cols, strict=True)
    return np.array([_product(dy[i], x, int(column), geometry) for i, column in pairs], x.dtype)


def _conv_rows(dy: Array, x: Array, geometry: Geometry) -> Array:
    columns = range(len(x) * geometry.kernel**2)
    return np.array([[_product(row, x, column, geometry) for column in columns] for row in dy], x.dtype)


def _patch_matrix(x: Array, geometry: Geometry) -> Array:
    """Return the unfolded input, (channels · kernel², height', width', batch) float64, 0 outside the image."""
    kernel, stride, padding = geometry
    down, across = ((side + 2 * padding - kernel) // stride + 1 for side in x.shape[1:3])
    patches = np.zeros((len(x) * kernel**2, down, across, x.shape[3]))
    for column in range(len(patches)):
        c, u, v = _column(column, kernel)
        for i, j, p, q in _inside(x.shape[1:3], geometry, u, v):
            patches[column, i, j] = x[c, p, q]
    return patches


def _patch_abs_sums(x: Array, geometry: Geometry) -> Array:
    return np.array([sum(abs(float(v)) for v in row.flat) for row in _patch_matrix(x, geometry)], np.float64)


def _patch_signed_sums(x: Array, signs: Array, geometry: Geometry) -> Array:
    rows = _patch_matrix(x, geometry)
    return np.array([abs(sum(float(v * s) for v, s in zip(row.flat, signs.flat, strict=True))) for row in rows])


OPERATIONS: dict[str, Any] = {
    "conv": _conv,
    "conv_t": _conv_t,
    "conv_backward": _conv_backward,
    "conv_pairs": _conv_pairs,
    "conv_rows": _conv_rows,
    "patch_abs_sums": _patch_abs_sums,
    "patch_signed_sums": _patch_signed_sums,
}
