"""What this machine can do at most: load-and-multiply-add and copy rates by the size of what is touched.

The pattern of the sparse kernels is one vector load for each multiply-add, sums in registers: its rate falls from
cache level to cache level. A row of a benchmark is held against the rate of the level that its operand lives in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from gse_ref.backends import Geometry, empty
from gse_ref.kernels.simd import at, axpy, copy, fill, tile
from gse_ref.kernels.sums import WIDE

#: Sizes of what is touched, in bytes, from well inside a first-level cache to well beyond a third-level one.
SIZES = tuple(1 << power for power in range(13, 29))
QUICK_SIZES = (1 << 13, 1 << 16)
#: Bytes that a sample moves at least, and samples of each size, of which the fastest counts: it is a ceiling.
MOVED, SAMPLES = 1 << 28, 3
T = 128
#: Bytes of a float32 or an int32, and of an offset into them.
ITEM, OFFSET = 4, 8


@njit(cache=True)
def _load_and_add(x, repeats, out):
    total = tile(x, T)
    fill(total, np.float32(0), T)
    for _ in range(repeats):
        for b in range(0, x.size, T):
            axpy(total, np.float32(0.5), at(x, b), T)
    copy(at(out, 0), total, T)


@njit(cache=True)
def _copy(x, repeats, out):
    for _ in range(repeats):
        for b in range(0, x.size, T):
            copy(at(out, b), at(x, b), T)


class Rate(NamedTuple):
    """Rates where `size` bytes are touched over and over.

    load : bytes a second that are loaded and multiply-added; half as many multiply-adds and additions (FLOPs).
    copy : bytes a second read and written by a copy, `size` counting both arrays.
    """

    size: int
    load: float
    copy: float


def _fastest(kernel: Callable[..., None], x: np.ndarray, out: np.ndarray, moved: int) -> float:
    repeats = max(1, MOVED // moved)
    kernel(x, 1, out)
    best = math.inf
    for _ in range(SAMPLES):
        start = time.perf_counter()
        kernel(x, repeats, out)
        best = min(best, time.perf_counter() - start)
    return repeats * moved / best


def measure_rate(size: int) -> Rate:
    """Measure both rates at one size in bytes."""
    x, out = empty((size // 4,), np.float32), empty((size // 4,), np.float32)
    x.fill(1)
    out.fill(0)
    half = size // 8
    load = _fastest(_load_and_add, x, out, size)
    return Rate(size, load, _fastest(_copy, x[:half], out[:half], size))


def _taps_inside(size: int, tap: int, geometry: Geometry) -> int:
    """Return at how many positions along a side of `size` pixels this tap of the window lies inside the image."""
    pixels = np.arange(geometry.positions(size)) * geometry.stride + tap - geometry.padding
    return int(((pixels >= 0) & (pixels < size)).sum())


@dataclass(frozen=True)
class Ceilings:
    """Rates at rising sizes."""

    rates: tuple[Rate, ...]

    def _at(self, size: float) -> Rate:
        """Return the rates of the largest measured size that is not larger: never less than can be reached."""
        return max((rate for rate in self.rates if rate.size <= size), default=self.rates[0])

    def seconds(self, loaded: float, resident: float, compulsory: float) -> float:
        """Return the least time of a pass.

        Parameters
        ----------
        loaded : bytes that are loaded and multiply-added. resident : bytes of the operand they come from.
        compulsory : bytes that have to be read and written once, in arrays of that size together.
        """
        return max(loaded / self._at(resident).load, compulsory / self._at(compulsory).copy)

    def linear_step(self, n_out: int, n_in: int, nnz: int, batch: int, first: bool = False) -> float:
        """Return the least time of a step: each connection loads a row of X, and one of δ for both gradients.

        The `first` layer of a network needs no gradient of its input.
        """
        loaded, width, row = nnz * batch * ITEM, min(batch, WIDE) * ITEM, batch * ITEM
        forward = self.seconds(loaded, n_in * width, (n_in + n_out) * row)
        return forward + self.seconds(loaded, n_out * width, ((1 if first else 2) * n_in + n_out) * row)

    def conv_step(self, n_out: int, indices: np.ndarray, shape: tuple[int, ...], geometry: Geometry) -> float:
        """Return the least time of a step: each connection loads the pixels it reads, and δ for both gradients.

        The operand that is loaded from is as many rows of the images of all channels as the window is high.

        Parameters
        ----------
        indices : (nnz,), columns of the connections. shape : of x, (channels, height, width, batch).
        """
        channels, height, width, batch = shape
        kernel = geometry.kernel
        rows, columns = (
            np.array([_taps_inside(side, tap, geometry) for tap in range(kernel)]) for side in (height, width)
        )
        taps = indices % kernel**2
        loaded = float((rows[taps // kernel] * columns[taps % kernel]).sum()) * batch * ITEM
        x_row, y_row = channels * width * batch * ITEM, n_out * geometry.positions(width) * batch * ITEM
        x, y = height * x_row, geometry.positions(height) * y_row
        return self.seconds(loaded, kernel * x_row, x + y) + self.seconds(loaded, kernel * y_row, 2 * x + y)

    def norm_step(self, size: int, residual: bool) -> float:
        """Return the least time of a normalisation of `size` bytes, both ways: every array moves once."""
        more = 1 if residual else 0
        return self.seconds(0, size, (2 + more) * size) + self.seconds(0, size, (4 + more) * size)

    def exploration(self, n: int, nnz: int, batch: int) -> float:
        """Return the least time of GSE's update of an n × n layer, X and δ given.

        A candidate for each connection loads a row of X, X and δ are read once, and the layer is rewired.
        """
        scores = self.seconds(nnz * batch * ITEM, n * min(batch, WIDE) * ITEM, 2 * n * batch * ITEM)
        return scores + self.rewiring(n, nnz)

    def rewiring(self, n: int, nnz: int) -> float:
        """Return the least time of what every update does: read pattern, weights and momenta, write them anew.

        Written are the pattern by rows and by columns, weights and momenta.
        """
        read, written = 3 * nnz * ITEM + n * OFFSET, 6 * nnz * ITEM + 2 * n * OFFSET
        return self.seconds(0, read, read + written)

    def facts(self, seconds: float, ours: np.ndarray) -> dict[str, float]:
        """Return the least time and how much of its speed is reached, for a line of a result."""
        share = seconds / float(np.median(ours))
        return {"roofline_ms": float(f"{1e3 * seconds:.4g}"), "of_roofline": float(f"{share:.3g}")}


@cache
def ceilings(quick: bool = False) -> Ceilings:
    """Measure the ceilings once a process; about three seconds."""
    return Ceilings(tuple(measure_rate(size) for size in (QUICK_SIZES if quick else SIZES)))
