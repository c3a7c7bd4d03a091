"""What the tests of convolutions draw: windows, images, patterns, pairs and signs, nasty corners included.

The definition loops in Python, so a case is kept to about `WORK` of its multiplications: large batches meet small
images, and the other way round.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...backends import Geometry
from ...sparse import Topology
from .image import spoilt
from .layer import arrays, dtypes, generators, of_mask, topologies

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
def images(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Values of any kind, at times with one that is not finite, at times with strided rows."""
    return draw(spoilt(draw(arrays(shape, dtype))))


@st.composite
def weights(draw: st.DrawFn, size: int, dtype: np.dtype) -> np.ndarray:
    """Values of any kind, at times with one that is not finite: multiplied with padding it would show."""
    values = draw(arrays((size,), dtype))
    if size and draw(st.integers(0, 5)) == 0:
        values[draw(st.integers(0, size - 1))] = draw(st.sampled_from((np.nan, np.inf, -np.inf)))
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
def convolutions(draw: st.DrawFn) -> Convolution:
    window, dtype = draw(windows()), draw(dtypes())
    n_out, channels = draw(_channels(window))
    topology = draw(patterns((n_out, channels * window.geometry.kernel**2)))
    return Convolution(
        topology,
        draw(weights(topology.nnz, dtype)),
        draw(images((channels, *window.size, window.batch), dtype)),
        draw(images((n_out, *window.output, window.batch), dtype)),
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
def conv_pairs(draw: st.DrawFn) -> ConvPairs:
    window, dtype, generator = draw(windows()), draw(dtypes()), draw(generators())
    n_out, channels = draw(_channels(window))
    columns = channels * window.geometry.kernel**2
    size = draw(st.integers(0, 30).map(lambda k: min(k, columns * n_out + 1)))
    return ConvPairs(
        generator.integers(0, n_out, size, dtype=np.int32),
        generator.integers(0, columns, size, dtype=np.int32),
        draw(images((n_out, *window.output, window.batch), dtype)),
        draw(images((channels, *window.size, window.batch), dtype)),
        window.geometry,
    )


class Patches(NamedTuple):
    """An image with one sign for each sample and position of the window."""

    x: np.ndarray
    signs: np.ndarray
    geometry: Geometry


@st.composite
def patches(draw: st.DrawFn) -> Patches:
    window, dtype = draw(windows()), draw(dtypes())
    _, channels = draw(_channels(window, most=1))
    signs = draw(generators()).integers(0, 2, (*window.output, window.batch)) * 2.0 - 1.0
    return Patches(draw(images((channels, *window.size, window.batch), dtype)), signs, window.geometry)
