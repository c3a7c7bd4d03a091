"""Σ|a_k b_k| and K of every product: what the bound of its rounding errors is made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backends import Geometry
from ..sparse import Topology

Array = np.ndarray

#: Infinity times 0 is no news here: where a sum is not finite, its bound does not matter.
_QUIET = np.errstate(invalid="ignore", over="ignore")


def wide(array: Array) -> Array:
    """Return |array| in float64."""
    return np.abs(array.astype(np.float64))


@_QUIET
def product(topology: Topology, values: Array, x: Array, bias: Array | None) -> Array:
    """Return Σ_j |θ_ij x_jb| + |bias_i|, (n_out, batch) float64, without a dense matrix."""
    total = np.zeros((topology.n_out, x.shape[1])) if bias is None else np.tile(wide(bias)[:, None], x.shape[1])
    np.add.at(total, topology.rows, wide(values)[:, None] * wide(x)[topology.indices])
    return total


@_QUIET
def transposed(topology: Topology, values: Array, dy: Array) -> Array:
    """Return Σ_i |θ_ij dy_ib|, (n_in, batch) float64."""
    total = np.zeros((topology.n_in, dy.shape[1]))
    np.add.at(total, topology.indices, wide(values)[:, None] * wide(dy)[topology.rows])
    return total


@_QUIET
def pairs(rows: Array, cols: Array, dy: Array, x: Array) -> Array:
    """Return Σ_b |dy_ib x_jb| of each pair, float64."""
    return (wide(dy)[rows] * wide(x)[cols]).sum(axis=1)


def _reads(tap: int, size: int, geometry: Geometry) -> tuple[slice, slice]:
    """Return the positions along a side whose tap lies inside the image, and the pixels that they read."""
    _, stride, padding = geometry
    first = max(0, -(-(padding - tap) // stride))
    last = min(geometry.positions(size) - 1, (size - 1 + padding - tap) // stride)
    pixel = first * stride + tap - padding
    return slice(first, max(first, last + 1)), slice(pixel, pixel + max(0, last - first + 1) * stride, stride)


def _windows(cols: Array, size: tuple[int, int], geometry: Geometry) -> Iterator[tuple[tuple, tuple]]:
    """Yield, for each column, where the positions (·, i, j) and the pixels (c, p, q) that they read lie."""
    kernel = geometry.kernel
    for column in cols.tolist():
        channel, u, v = column // kernel**2, column // kernel % kernel, column % kernel
        (down, p), (across, q) = _reads(u, size[0], geometry), _reads(v, size[1], geometry)
        yield (down, across), (channel, p, q)


@_QUIET
def convolution(topology: Topology, values: Array, x: Array, geometry: Geometry, bias: Array | None) -> Array:
    """Return Σ|θ x| + |bias| of every position, (n_out, height', width', batch) float64."""
    size = x.shape[1], x.shape[2]
    total = np.zeros((topology.n_out, *map(geometry.positions, size), x.shape[3]))
    if bias is not None:
        total += wide(bias)[:, None, None, None]
    weights, images = wide(values), wide(x)
    for k, (positions, pixels) in enumerate(_windows(topology.indices, size, geometry)):
        total[(topology.rows[k], *positions)] += weights[k] * images[pixels]
    return total


@_QUIET
def convolution_transposed(
    topology: Topology, values: Array, dy: Array, geometry: Geometry, size: tuple[int, int]
) -> Array:
    """Return Σ|θ dy| of every pixel, (channels, *size, batch) float64."""
    total = np.zeros((topology.n_in // geometry.kernel**2, *size, dy.shape[3]))
    weights, images = wide(values), wide(dy)
    for k, (positions, pixels) in enumerate(_windows(topology.indices, size, geometry)):
        total[pixels] += weights[k] * images[(topology.rows[k], *positions)]
    return total


@_QUIET
def convolution_pairs(rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
    """Return Σ|dy x| over positions and samples of each pair, float64."""
    outputs, images = wide(dy), wide(x)
    windows = _windows(cols, (x.shape[1], x.shape[2]), geometry)
    sums = [
        np.sum(outputs[(row, *positions)] * images[pixels])
        for row, (positions, pixels) in zip(rows.tolist(), windows, strict=True)
    ]
    return np.array(sums, np.float64)


def most_inputs(topology: Topology) -> int:
    """Return K of a product: the most connections of an output, and its bias."""
    return int(topology.fan_in().max(initial=0)) + 1


def most_outputs(topology: Topology, kernel: int = 1) -> int:
    """Return K of a transposed product: the most connections of an input channel, which may meet at one pixel."""
    counts = np.bincount(topology.indices // kernel**2, minlength=1)
    return int(counts.max())
