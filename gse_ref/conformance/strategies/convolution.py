"""Strategies of convolutions: windows, images, patterns, pairs and signs.

The definition loops in Python, so a case is kept to about `WORK` of its multiplications: large batches meet small
images, and the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...backends import Geometry
from ...sparse import Topology
from .layer import of_mask, topologies
from .values import DTYPES, NOT_FINITE, arrays, dtypes, generators, perhaps_spoilt, spoilt

#: Multiplications of one case, all connections counted.
WORK = 20_000
KERNELS, STRIDES = (1, 2, 3, 5, 7), (1, 2, 3)
#: Edges of the tiles of 128, 16 and 1 elements, which run over neighbouring pixels too.
BATCHES = (1, 3, 15, 16, 17, 127, 128, 129)
HEIGHT, WIDTH = 7, 6

Size = tuple[int, int]


class Window(NamedTuple):
    """A geometry, the side lengths of an image that it fits on, and a batch."""

    geometry: Geometry
    size: Size
    batch: int

    @property
    def output(self) -> Size:
        """(height', width')"""
        return self.geometry.positions(self.size[0]), self.geometry.positions(self.size[1])

    @property
    def work(self) -> int:
        """Multiplications of one input channel with one output channel, the padding's included."""
        return self.geometry.kernel**2 * self.output[0] * self.output[1] * self.batch


@cache
def _windows(kernel: int, batch: int) -> dict[Geometry, list[Size]]:
    """Return the sizes of images that are cheap enough, for each geometry that has any."""
    found: dict[Geometry, list[Size]] = {}
    sizes = sorted(product(range(1, max(HEIGHT, kernel) + 1), range(1, max(WIDTH, kernel) + 1)), key=sum)
    for stride, padding in product(STRIDES, range(kernel + 1)):
        geometry = Geometry(kernel, stride, padding)
        fitting = [Window(geometry, size, batch) for size in sizes if min(size) + 2 * padding >= kernel]
        cheap = [window.size for window in fitting if window.work <= WORK]
        if cheap:
            found[geometry] = cheap
    return found


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Windows with padding from none to the whole kernel, on images of one pixel and of sides that differ."""
    batch, kernel = draw(st.sampled_from(BATCHES)), draw(st.sampled_from(KERNELS))
    found = _windows(kernel, batch)
    geometry = draw(st.sampled_from(list(found)))
    return Window(geometry, draw(st.sampled_from(found[geometry])), batch)


@st.composite
def _channels(draw: st.DrawFn, window: Window, most: int = 4) -> tuple[int, int]:
    """(n_out, channels), as many as the work allows."""
    room = max(1, WORK // window.work)
    n_out = draw(st.integers(1, min(most, room)))
    return n_out, draw(st.integers(1, min(3, room // n_out)))


def patterns(shape: tuple[int, int]) -> st.SearchStrategy[Topology]:
    """Topologies with empty and full rows, without any, with every and with a single connection."""

    def single(edge: int) -> Topology:
        return of_mask((np.arange(shape[0] * shape[1]) == edge).reshape(shape))

    return topologies(shape) | st.integers(0, shape[0] * shape[1] - 1).map(single)


@st.composite
def images(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype, finite: bool | None = None) -> np.ndarray:
    """Values of any kind.

    finite : True: all of them. False: one is not. None: at times one is not, and at times the rows are strided.
    """
    values = draw(arrays(shape, dtype))
    return draw(perhaps_spoilt(values)) if finite is None else values if finite else draw(spoilt(values))


@st.composite
def weights(draw: st.DrawFn, size: int, dtype: np.dtype, finite: bool | None = None) -> np.ndarray:
    """Values of any kind; unless `finite`, at times with one that is not: multiplied with padding it would show."""
    values = draw(arrays((size,), dtype))
    if size and not finite and draw(st.integers(0, 5)) == 5:
        values[draw(st.integers(0, size - 1))] = draw(st.sampled_from(NOT_FINITE))
    return values


class Convolution(NamedTuple):
    """Operands of one convolution; x (channels, height, width, batch), dy (n_out, height', width', batch)."""

    topology: Topology
    values: np.ndarray
    x: np.ndarray
    dy: np.ndarray
    bias: np.ndarray | None
    geometry: Geometry


@st.composite
def convolutions(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES, finite: bool | None = None) -> Convolution:
    """Any window, pattern and kind of numbers, with and without a bias.

    allowed : dtypes; all operands are of one. finite : of x and dy as of `images`, of the weights as of `weights`.
    """
    window, dtype = draw(windows()), draw(dtypes(allowed))
    n_out, channels = draw(_channels(window))
    topology = draw(patterns((n_out, channels * window.geometry.kernel**2)))
    return Convolution(
        topology,
        draw(weights(topology.nnz, dtype, finite)),
        draw(images((channels, *window.size, window.batch), dtype, finite)),
        draw(images((n_out, *window.output, window.batch), dtype, finite)),
        draw(st.none() | arrays((n_out,), dtype)),
        window.geometry,
    )


class ConvPairs(NamedTuple):
    """Pairs, repeated and unordered, with the images they read."""

    rows: np.ndarray
    cols: np.ndarray
    dy: np.ndarray
    x: np.ndarray
    geometry: Geometry


@st.composite
def conv_pairs(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES, finite: bool | None = None) -> ConvPairs:
    """Any window, with no pairs at all, unordered pairs, the same pair again and again; `finite` as of `images`."""
    window, dtype, generator = draw(windows()), draw(dtypes(allowed)), draw(generators())
    n_out, channels = draw(_channels(window))
    columns = channels * window.geometry.kernel**2
    size = draw(st.integers(0, 30).map(lambda k: min(k, columns * n_out + 1)))
    return ConvPairs(
        generator.integers(0, n_out, size, dtype=np.int32),
        generator.integers(0, columns, size, dtype=np.int32),
        draw(images((n_out, *window.output, window.batch), dtype, finite)),
        draw(images((channels, *window.size, window.batch), dtype, finite)),
        window.geometry,
    )


class Patches(NamedTuple):
    """An image with one sign for each sample and position of the window."""

    x: np.ndarray
    signs: np.ndarray
    geometry: Geometry


@st.composite
def patches(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Patches:
    """Any window; signs differ between the positions of a sample."""
    window, dtype = draw(windows()), draw(dtypes(allowed))
    _, channels = draw(_channels(window, most=1))
    signs = draw(generators()).integers(0, 2, (*window.output, window.batch)) * 2.0 - 1.0
    return Patches(draw(images((channels, *window.size, window.batch), dtype)), signs, window.geometry)
