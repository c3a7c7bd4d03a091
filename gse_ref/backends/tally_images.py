"""Counts of batch normalisation and pools, from their actual arguments.

Each function takes the result and the arguments of the backend's function of its name. Of a channel, only what is
done for each element counts; its parameters and moments are loaded and stored once, their few operations left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .api import Array, Geometry
from .tally import Tally, arrays, total, work

#: Bytes of a moment.
FLOAT = 8


def _scaled(x: Array, residual: Array | None, relu: bool) -> Tally:
    """x̂ is a difference and a multiply-add, γ · x̂ + β another; one more for a residual, a comparison for ReLU."""
    more = 0 if residual is None else 1
    return work((3 + more) * x.size, (1 + more) * x.nbytes, x.nbytes, x.size if relu else 0)


def normalise(
    y: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    residual: Array | None,
    relu: bool,
) -> Tally:
    """One pass; a channel's parameters and moments once."""
    once = work(read=gamma.nbytes + beta.nbytes + mean.nbytes + variance.nbytes)
    return total(_scaled(x, residual, relu), once, arrays(y.nbytes))


def batch_norm(
    result: tuple[Array, Array, Array],
    x: Array,
    gamma: Array,
    beta: Array,
    epsilon: float,
    residual: Array | None,
    relu: bool,
) -> Tally:
    """A pass for the sum, one for deviations and their squares (three operations), then that of `normalise`."""
    y, mean, variance = result
    moments = work(4 * x.size, 2 * x.nbytes, mean.nbytes + variance.nbytes)
    once = work(read=gamma.nbytes + beta.nbytes)
    return total(moments, _scaled(x, residual, relu), once, arrays(y.nbytes, mean.nbytes, variance.nbytes))


def batch_norm_backward(
    result: tuple[Array, Array, Array, Array | None],
    x: Array,
    y: Array,
    dy: Array,
    gamma: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    relu: bool,
    masked: bool,
    beta: Array | None = None,
) -> Tally:
    """A pass for the sums of t and t · x̂ (four operations an element), one for dx (six).

    With ReLU the sign is y's: found anew in both passes if beta is given and t not wanted (one operation more
    each), else loaded in both, or, if t is kept, in the first alone.
    """
    dx, dgamma, dbeta, t = result
    derived, kept = beta is not None and relu and not masked, t is not None
    signs = 0 if derived or not relu else 1 if kept else 2
    passes = work(
        (12 if derived else 10) * x.size,
        (4 + signs) * x.nbytes,
        (2 if kept else 1) * x.nbytes,
        (0 if not relu else 1 if kept else 2) * x.size,
    )
    parameters = gamma.nbytes + mean.nbytes + variance.nbytes
    parameters += beta.nbytes if derived and beta is not None else 0
    once = work(read=parameters, written=dgamma.nbytes + dbeta.nbytes)
    made = arrays(dx.nbytes, dgamma.nbytes, dbeta.nbytes, *([] if t is None else [t.nbytes]))
    return total(passes, once, made)


@lru_cache(maxsize=256)
def _taps(size: tuple[int, int], geometry: Geometry) -> int:
    """Return how many taps of all windows lie inside an image of this size."""
    kernel, stride, padding = geometry
    sides = []
    for pixels in size:
        reads = np.arange(geometry.positions(pixels))[:, None] * stride + np.arange(kernel) - padding
        sides.append(int(((reads >= 0) & (reads < pixels)).sum()))
    return sides[0] * sides[1]


def max_pool(result: tuple[Array, Array], x: Array, geometry: Geometry) -> Tally:
    """Each pixel of a window is loaded, all but the first compared."""
    y, taps = result
    read = len(x) * _taps((x.shape[1], x.shape[2]), geometry) * x.shape[3]
    moves = read - y.size
    return work(0, read * x.itemsize, y.nbytes + taps.nbytes, moves) + arrays(y.nbytes, taps.nbytes)


def unpool(dx: Array, dy: Array, taps: Array, geometry: Geometry, size: tuple[int, int]) -> Tally:
    """Each pixel of each window is loaded and stored, the tap compared; one addition for each window."""
    met = len(dy) * _taps(size, geometry) * dy.shape[3]
    read = met * (taps.itemsize + dx.itemsize) + dy.nbytes
    return work(dy.size, read, dx.nbytes + met * dx.itemsize, met) + arrays(dx.nbytes)


def pick(y: Array, x: Array, taps: Array, geometry: Geometry) -> Tally:
    """As `unpool`: the tap is compared at each pixel of the window, where the result is loaded and stored."""
    met = len(x) * _taps((x.shape[1], x.shape[2]), geometry) * x.shape[3]
    read = met * (taps.itemsize + y.itemsize) + y.nbytes
    return work(0, read, met * y.itemsize, met) + arrays(y.nbytes)


TALLIES: dict[str, Callable[..., Any]] = {
    "batch_norm": batch_norm,
    "normalise": normalise,
    "batch_norm_backward": batch_norm_backward,
    "max_pool": max_pool,
    "unpool": unpool,
    "pick": pick,
}
