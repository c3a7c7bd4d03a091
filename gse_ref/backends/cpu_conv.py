"""Sparse convolutions by the Numba kernels: which connections reach which pixels, and where these lie in memory."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads

from ..kernels import alias as alias_kernels
from ..kernels import conv
from ..kernels.conv import OUTSIDE
from ..kernels.launch import launch
from .api import Array, Geometry, TransposePlan
from .memory import empty, streamed


class _Axis(NamedTuple):
    """One side of an image as seen by the windows.

    kind : (positions,) which class each position belongs to.
    base : (positions,) source coordinate that the distances of its class start from.
    distance : (classes, kernel) source coordinate of each tap less the base, or OUTSIDE.
    """

    kind: Array
    base: Array
    distance: Array


@lru_cache(maxsize=256)
def _axis(positions: int, source: int, geometry: Geometry, transposed: bool) -> _Axis:
    """Return the classes of an axis: of outputs that read inputs, or, transposed, of inputs that read outputs."""
    kernel, stride, padding = geometry
    classes: dict[tuple[int, ...], int] = {}
    kind, base = np.zeros(positions, np.int64), np.zeros(positions, np.int64)
    for position in range(positions):
        start = (position + padding) // stride if transposed else position * stride - padding
        distance = [OUTSIDE] * kernel
        for tap in range(kernel):
            step = -(tap // stride) if transposed else tap
            meets = not transposed or (position + padding - tap) % stride == 0
            if meets and 0 <= start + step < source:
                distance[tap] = step
        kind[position] = classes.setdefault(tuple(distance), len(classes))
        base[position] = start
    return _Axis(kind, base, np.array(list(classes), np.int64).reshape(len(classes), kernel))


class _Walk(NamedTuple):
    """The way of a kernel over an image; see `conv.gather`.

    distances : (classes, kernel²) int64; rows : (height', 2); tiles : (count, 4).
    plane : elements of a channel of what is read.
    """

    distances: Array
    rows: Array
    tiles: Array
    plane: int


@lru_cache(maxsize=256)
def _walk(
    size: tuple[int, int], source: tuple[int, int], batch: int, geometry: Geometry, transposed: bool
) -> _Walk:
    """Return the walk over an image of `size` that reads one of size `source`."""
    down, across = (_axis(n, m, geometry, transposed) for n, m in zip(size, source, strict=True))
    stride, plane = source[1] * batch, source[0] * source[1] * batch
    distances = np.full((len(down.distance), len(across.distance), geometry.kernel, geometry.kernel), OUTSIDE)
    for a, b, u, v in np.ndindex(*distances.shape):
        if OUTSIDE not in (down.distance[a, u], across.distance[b, v]):
            distances[a, b, u, v] = down.distance[a, u] * stride + across.distance[b, v] * batch
    rows = np.stack([down.kind * len(across.distance), down.base * stride], axis=1)
    tiles = []
    position = 0
    while position < size[1]:
        stop = position + 1
        while (
            stop < size[1]
            and across.kind[stop] == across.kind[position] == across.kind[stop - 1]
            and (across.base[stop] - across.base[position] == stop - position)
        ):
            stop += 1
        for first in range(position * batch, stop * batch, conv.RUN):
            base = across.base[position] * batch + first - position * batch
            tiles.append((first, min(conv.RUN, stop * batch - first), across.kind[position], base))
        position = stop
    return _Walk(distances.reshape(-1, geometry.kernel**2), rows, np.array(tiles, np.int64).reshape(-1, 4), plane)


class _Lists(NamedTuple):
    """The connections of each class; see `conv.expand_rows` and `conv.expand_columns`."""

    lists: Array
    offsets: Array
    weights: Array


def _room(walk: _Walk, rows: int, values: Array) -> _Lists:
    """Return empty lists for all classes, each with room for every connection and one entry of scratch."""
    classes, room = len(walk.distances), len(walk.distances) * (len(values) + 1)
    return _Lists(np.empty((classes, rows + 1), np.int64), np.empty(room, np.int64), np.empty(room, values.dtype))


@lru_cache(maxsize=32)
def _reach(channels: int, *walk: Any) -> Array:
    """Return where each column reads from a position of each class, (classes, channels · kernel²), or OUTSIDE."""
    distances, plane = _walk(*walk).distances, _walk(*walk).plane
    reach = distances[:, None] + np.arange(channels)[:, None] * plane
    return np.where(distances[:, None] == OUTSIDE, OUTSIDE, reach).reshape(len(distances), -1)


#: A window of one pixel: rows of the image need no border between them.
_POINT = Geometry(1, 1, 0)


def _one_row(image: Array) -> Array:
    """See an image as one long row: fewer and longer runs where rows are short."""
    return image.reshape(len(image), 1, image.shape[1] * image.shape[2], image.shape[3])


def _contiguous(operand: Array) -> Array:
    return operand if operand.flags.c_contiguous else operand.copy()


def _conv(
    indptr: Array, indices: Array, values: Array, x: Array, geometry: Geometry, bias: Array | None = None
) -> Array:
    if geometry == _POINT and x.shape[1] > 1:
        flat = _conv(indptr, indices, values, _one_row(x), geometry, bias)
        return flat.reshape(len(flat), *x.shape[1:])
    size = (geometry.positions(x.shape[1]), geometry.positions(x.shape[2]))
    y = empty((len(indptr) - 1, *size, x.shape[3]), values.dtype)
    way = size, (x.shape[1], x.shape[2]), x.shape[3], geometry, False
    walk = _walk(*way)
    lists = _room(walk, len(y), values)
    launch(conv.expand_rows, len(lists.offsets), indptr, indices, values, _reach(len(x), *way), *lists)
    bias = values[:0] if bias is None else bias
    work = len(indices) * y[0].size
    sizes = y[0].size, y[0, 0].size, streamed(y, y.shape[3])
    launch(conv.gather, work, *lists, walk.rows, walk.tiles, _contiguous(x), bias, y, *sizes)
    return y


def _transposed(plan: TransposePlan, values: Array, walk: _Walk) -> tuple[_Lists, Array]:
    """Return the lists by input channels, and the slot of each entry."""
    lists = _room(walk, (len(plan.indptr) - 1) // walk.distances.shape[1], values)
    places = np.empty(len(lists.offsets), np.int32)
    pattern = plan.indptr, plan.rows, plan.slots, values
    launch(conv.expand_columns, len(places), *pattern, walk.plane, walk.distances, *lists, places)
    return lists, places


def _conv_t(plan: TransposePlan, values: Array, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    if geometry == _POINT and size[0] > 1:
        flat = _conv_t(plan, values, _one_row(dy), geometry, (1, size[0] * size[1]))
        return flat.reshape(len(flat), *dy.shape[1:])
    channels = (len(plan.indptr) - 1) // geometry.kernel**2
    dx = empty((channels, *size, dy.shape[3]), values.dtype)
    walk = _walk(size, (dy.shape[1], dy.shape[2]), dy.shape[3], geometry, True)
    lists, _ = _transposed(plan, values, walk)
    work = len(values) * dy[0].size
    sizes = dx[0].size, dx[0, 0].size, streamed(dx, dx.shape[3])
    launch(conv.gather, work, *lists, walk.rows, walk.tiles, _contiguous(dy), values[:0], dx, *sizes)
    return dx


def _conv_backward(
    plan: TransposePlan, values: Array, x: Array, dy: Array, geometry: Geometry
) -> tuple[Array, Array]:
    if geometry == _POINT and x.shape[1] > 1:
        dx, dvalues = _conv_backward(plan, values, _one_row(x), _one_row(dy), geometry)
        return dx.reshape(x.shape), dvalues
    dx, dvalues = empty(x.shape, x.dtype), np.zeros(len(values))
    walk = _walk((x.shape[1], x.shape[2]), (dy.shape[1], dy.shape[2]), dy.shape[3], geometry, True)
    lists, places = _transposed(plan, values, walk)
    images = _contiguous(x), _contiguous(dy), dx, dvalues
    work, blocks = 2 * len(values) * dy[0].size, min(x.shape[0], get_num_threads())
    sizes = dx[0].size, dx[0, 0].size, blocks, streamed(dx, dx.shape[3])
    launch(conv.backward, work, *lists, places, walk.rows, walk.tiles, *images, *sizes)
    with np.errstate(over="ignore"):  # to infinity, as in the definition
        return dx, dvalues.astype(values.dtype)


@lru_cache(maxsize=256)
def _inside(size: tuple[int, int], source: tuple[int, int], geometry: Geometry) -> tuple[Array, Array, Array]:
    """Return which positions each tap is inside at, and the first pixels it reads; see `conv.pairs`."""
    taps = np.arange(geometry.kernel)
    bounds, first = [], []
    for positions, pixels in zip(size, source, strict=True):
        start = np.maximum(0, -((taps - geometry.padding) // geometry.stride))
        stop = np.minimum(positions, (pixels - 1 + geometry.padding - taps) // geometry.stride + 1)
        bounds += [start, np.maximum(start, stop)]
        first.append(start * geometry.stride + taps - geometry.padding)
    return np.array(bounds), first[0], first[1]


def _conv_pairs(rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
    if geometry == _POINT:
        dy, x = _one_row(dy), _one_row(x)
    scores = np.empty(len(rows), x.dtype)
    inside = _inside((dy.shape[1], dy.shape[2]), (x.shape[1], x.shape[2]), geometry)
    sides = geometry.kernel, geometry.stride
    work = len(rows) * dy[0].size
    launch(conv.pairs, work, rows, cols, _contiguous(dy), _contiguous(x), *sides, *inside, scores)
    return scores


def _windows(x: Array, dy_size: tuple[int, int], geometry: Geometry) -> list[tuple[slice, slice, Array]]:
    """Return for each tap the positions at which it lies inside, and a view of the pixels that it reads there."""
    stride = geometry.stride
    bounds, top, left = _inside(dy_size, (x.shape[1], x.shape[2]), geometry)
    views = []
    for u, v in np.ndindex(geometry.kernel, geometry.kernel):
        down, across = slice(*bounds[:2, u]), slice(*bounds[2:, v])
        rows, columns = (int(s.stop - s.start) for s in (down, across))
        pixels = x[:, top[u] :: stride, left[v] :: stride][:, :rows, :columns]
        views.append((down, across, pixels))
    return views


def _conv_rows(dy: Array, x: Array, geometry: Geometry) -> Array:
    dense = np.zeros((len(dy), len(x), geometry.kernel**2), x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN propagate, as in the kernels
        for tap, (down, across, pixels) in enumerate(_windows(x, (dy.shape[1], dy.shape[2]), geometry)):
            own = dy[:, down, across]
            dense[:, :, tap] = own.reshape(len(dy), own[0].size) @ pixels.reshape(len(x), own[0].size).T
    return dense.reshape(len(dy), -1)


def _patch_abs_sums(x: Array, geometry: Geometry) -> Array:
    samples = np.empty(x[..., 0].size)
    launch(alias_kernels.abs_sums, x.size, _contiguous(x).reshape(-1, x.shape[3]), samples)
    size = geometry.positions(x.shape[1]), geometry.positions(x.shape[2])
    views = _windows(samples.reshape(x.shape[:3]), size, geometry)
    return np.stack([pixels.sum(axis=(1, 2)) for _, _, pixels in views], axis=1).reshape(-1)


def _patch_signed_sums(x: Array, signs: Array, geometry: Geometry) -> Array:
    mass = np.empty(len(x) * geometry.kernel**2)
    inside = _inside((signs.shape[0], signs.shape[1]), (x.shape[1], x.shape[2]), geometry)
    sides = geometry.kernel, geometry.stride
    launch(conv.signed_patches, len(mass) * signs.size, _contiguous(x), _contiguous(signs), *sides, *inside, mass)
    return mass


OPERATIONS: dict[str, Any] = {
    "conv": _conv,
    "conv_t": _conv_t,
    "conv_backward": _conv_backward,
    "conv_pairs": _conv_pairs,
    "conv_rows": _conv_rows,
    "patch_abs_sums": _patch_abs_sums,
    "patch_signed_sums": _patch_signed_sums,
}
