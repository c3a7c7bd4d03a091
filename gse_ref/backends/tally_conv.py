"""Counts of the sparse convolutions, from their actual arguments: taps that lie inside the image, and no others.

Each function takes the result and the arguments of the backend's function of its name. A convolution first writes
down the connections that stay inside the image for each class of positions, those whose windows stick out in the
same way by rows and by columns; then it goes over the positions, the channels of the result, the list of the
position's class, the batch. A tile is the batch at one position: the kernels' tiles of fixed length load weights
and offsets more or less often.
Tables that depend on shapes alone (classes, bounds of taps) are made once for a shape and not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .api import Array, Geometry, TransposePlan
from .tally import Tally, arrays, total, work
from .tally_linear import INDEX, POINTER

#: Bytes of an offset in memory, of a distance, and of a sum in float64.
OFFSET = FLOAT = 8


class _Axis(NamedTuple):
    """inside: (kernel,) how many positions each tap lies inside the image at; classes, of outputs and of inputs."""

    inside: Array
    classes: int
    transposed_classes: int


@lru_cache(maxsize=256)
def _axis(pixels: int, geometry: Geometry) -> _Axis:
    kernel, stride, padding = geometry
    positions, taps = np.arange(geometry.positions(pixels)), np.arange(kernel)
    reads = positions[:, None] * stride + taps - padding
    within = (reads >= 0) & (reads < pixels)
    meets = np.zeros((pixels, kernel), bool)
    meets[reads[within], np.nonzero(within)[1]] = True
    kinds = [len(np.unique(ways, axis=0)) for ways in (within, meets)]
    return _Axis(within.sum(axis=0), *kinds)


class _Image(NamedTuple):
    """taps: (kernel²,) positions that each tap lies inside at; classes of positions, of outputs and of inputs."""

    taps: Array
    classes: int
    transposed_classes: int


def _image(size: tuple[int, ...], geometry: Geometry) -> _Image:
    down, across = (_axis(side, geometry) for side in size)
    taps = np.multiply.outer(down.inside, across.inside).reshape(-1)
    return _Image(taps, down.classes * across.classes, down.transposed_classes * across.transposed_classes)


def _met(cols: Array, image: _Image) -> int:
    """Return how many positions the taps of these columns lie inside at, together."""
    return int(image.taps[cols % len(image.taps)].sum())


def _met_in_columns(plan: TransposePlan, image: _Image) -> int:
    return int((image.taps * np.diff(plan.indptr).reshape(-1, len(image.taps))).sum())


def _gather(met: int, channels: int, positions: int, batch: int, item: int) -> Tally:
    """One load of offset, weight and samples and one multiply-add a sample for each entry met at each position."""
    read = positions * (channels + 1) * POINTER + met * (OFFSET + item + batch * item)
    result = channels * positions * batch * item
    return work(met * batch, read, result) + arrays(result)


def conv(
    y: Array, indptr: Array, indices: Array, values: Array, x: Array, geometry: Geometry, bias: Array | None = None
) -> Tally:
    """The lists of all classes, one comparison for each connection and class, then the products."""
    image, item, nnz, channels = _image(x.shape[1:3], geometry), values.itemsize, len(indices), len(y)
    each = image.classes * nnz
    written = image.classes * POINTER * (channels + 1) + each * (OFFSET + item)
    lists = work(0, image.classes * indptr.nbytes + each * (INDEX + OFFSET + item), written, each)
    room = image.classes * (nnz + 1)
    made = arrays(image.classes * POINTER * (channels + 1), room * OFFSET, room * item)
    positions = y.shape[1] * y.shape[2]
    more = work(read=0 if bias is None else bias.nbytes * positions)
    return total(lists, made, _gather(_met(indices, image), channels, positions, x.shape[3], item), more)


def _transposed_lists(plan: TransposePlan, image: _Image, item: int, channels: int) -> Tally:
    """The lists by input channels: the tap of each entry once, then one comparison for each entry and class."""
    nnz, classes = len(plan.rows), image.transposed_classes
    taps = work(read=plan.indptr.nbytes, written=INDEX * nnz)
    each, starts = classes * nnz, classes * POINTER * (channels + 1)
    lists = work(0, starts + each * (3 * INDEX + OFFSET + item), starts + each * (OFFSET + item + INDEX), each)
    room = classes * (nnz + 1)
    return total(taps, lists, arrays(INDEX * nnz, starts, room * OFFSET, room * item, room * INDEX))


def conv_t(
    dx: Array, plan: TransposePlan, values: Array, dy: Array, geometry: Geometry, size: tuple[int, int]
) -> Tally:
    """As `conv` with the lists by input channels."""
    image = _image(size, geometry)
    lists = _transposed_lists(plan, image, values.itemsize, len(dx))
    positions, met = size[0] * size[1], _met_in_columns(plan, image)
    return lists + _gather(met, len(dx), positions, dy.shape[3], values.itemsize)


def conv_backward(
    result: tuple[Array, Array], plan: TransposePlan, values: Array, x: Array, dy: Array, geometry: Geometry
) -> Tally:
    """As `conv_t`; beside each multiply-add for dx one for dvalues, which are summed in float64 and rounded once.

    The samples of x at a position are loaded once for all entries of their channel.
    """
    size = x.shape[1], x.shape[2]
    met, nnz, item = _met_in_columns(plan, _image(size, geometry)), len(values), values.itemsize
    sums = work(met * x.shape[3], x.nbytes + met * (INDEX + FLOAT), nnz * FLOAT + met * FLOAT)
    rounded = work(read=nnz * FLOAT, written=nnz * item)
    made = arrays(nnz * FLOAT, nnz * item)
    return total(conv_t(result[0], plan, values, dy, geometry, size), sums, rounded, made)


def conv_pairs(scores: Array, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Tally:
    """For each pair a product of two shifted images."""
    products, item = _met(cols, _image(x.shape[1:3], geometry)) * x.shape[3], x.itemsize
    read = 2 * INDEX * len(rows) + 2 * products * item
    return work(products, read, len(rows) * item) + arrays(len(rows) * item)


def conv_rows(dense: Array, dy: Array, x: Array, geometry: Geometry) -> Tally:
    """For each tap the product of both windows by `gradient_rows`, and its place in the result.

    A window is copied unless its rows are whole rows of the image.
    """
    down, across = (_axis(side, geometry).inside for side in x.shape[1:3])
    n_out, channels, batch, item = len(dy), len(x), x.shape[3], x.itemsize
    result = n_out * channels * item
    parts = [work(written=dense.nbytes), arrays(dense.nbytes)]
    for u, v in np.ndindex(geometry.kernel, geometry.kernel):
        met = int(down[u] * across[v]) * batch
        own, pixels = met > 0 and across[v] == dy.shape[2], met > 0 and across[v] == x.shape[2]
        whole = own, pixels and geometry.stride == 1
        copies = [rows * met * item for rows, kept in zip((n_out, channels), whole, strict=True) if not kept]
        products = n_out * channels * met
        parts += [work(read=sum(copies), written=sum(copies)), arrays(*copies)]
        parts += [work(products, 2 * products * item + result, 2 * result), arrays(result)]
    return total(*parts)


def patch_abs_sums(mass: Array, x: Array, geometry: Geometry) -> Tally:
    """Sums over the samples of each pixel, then over the pixels that each tap reads."""
    pixels, read = x[..., 0].size, len(x) * int(_image(x.shape[1:3], geometry).taps.sum())
    return total(
        work(x.size, x.nbytes, FLOAT * pixels),
        work(read, FLOAT * read, mass.nbytes),
        arrays(FLOAT * pixels, mass.nbytes),
    )


def patch_signed_sums(mass: Array, x: Array, signs: Array, geometry: Geometry) -> Tally:
    """For each column a product of its shifted image with the signs."""
    products = len(x) * int(_image(x.shape[1:3], geometry).taps.sum()) * x.shape[3]
    return work(products, products * (x.itemsize + FLOAT), mass.nbytes) + arrays(mass.nbytes)


TALLIES: dict[str, Callable[..., Any]] = {
    "conv": conv,
    "conv_t": conv_t,
    "conv_backward": conv_backward,
    "conv_pairs": conv_pairs,
    "conv_rows": conv_rows,
    "patch_abs_sums": patch_abs_sums,
    "patch_signed_sums": patch_signed_sums,
}
