"""Literal loops of batch normalisation and pools, over metered arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gse_ref.backends import Geometry
from tests.instrumented.meter import Meter, Metered, root

Array = np.ndarray


def _hat(meter: Meter, value: float, mean: float, deviation: float) -> float:
    """(x - mean) / deviation: a difference and a multiply-add."""
    return meter.fma(meter.add(value, -mean), 1.0 / deviation, -0.0)


def _floored(meter: Meter, value: float, relu: bool) -> float:
    return 0.0 if relu and meter.less(value, 0.0) else value


def _scaled(
    meter: Meter, c: int, x: Metered, y: Metered, more: Metered | None, of: tuple[float, ...], relu: bool
) -> None:
    factor, shift, mean, deviation = of
    for place in np.ndindex(*x.shape[1:]):
        value = meter.fma(factor, _hat(meter, x[(c, *place)], mean, deviation), shift)
        if more is not None:
            value = meter.add(value, more[(c, *place)])
        y[(c, *place)] = _floored(meter, value, relu)


def normalise(
    meter: Meter,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    residual: Array | None,
    relu: bool,
) -> Array:
    y, (source, factors, shifts, means, variances) = (
        meter.empty(x.shape, x.dtype),
        meter.over(x, gamma, beta, mean, variance),
    )
    more = None if residual is None else meter.over(residual)[0]
    for c in range(len(x)):
        of = factors[c], shifts[c], means[c], root(variances[c] + epsilon)
        _scaled(meter, c, source, y, more, of, relu)
    return y.array


def batch_norm(
    meter: Meter, x: Array, gamma: Array, beta: Array, epsilon: float, residual: Array | None, relu: bool
) -> tuple[Array, Array, Array]:
    y, means, variances = (
        meter.empty(x.shape, x.dtype),
        meter.empty(len(x), np.float64),
        meter.empty(len(x), np.float64),
    )
    source, factors, shifts = meter.over(x, gamma, beta)
    more = None if residual is None else meter.over(residual)[0]
    for c in range(len(x)):
        total, count = 0.0, x[c].size
        for place in np.ndindex(*x.shape[1:]):
            total = meter.add(total, source[(c, *place)])
        mean, first, second = total / count, 0.0, 0.0
        for place in np.ndindex(*x.shape[1:]):
            apart = meter.add(source[(c, *place)], -mean)
            first, second = meter.add(first, apart), meter.fma(apart, apart, second)
        lost = first / count  # what the rounded mean is off
        variance = max(second / count - lost * lost, 0.0)
        means[c], variances[c] = mean, variance
        _scaled(meter, c, source, y, more, (factors[c], shifts[c], mean, root(variance + epsilon)), relu)
    return y.array, means.array, variances.array


def _pull(meter: Meter, pull: float, sign: float | None) -> float:
    return 0.0 if sign is not None and not meter.less(0.0, sign) else pull


class _Signs:
    """The sign of y at a place: none without ReLU, found anew from x where β is given, else loaded."""

    def __init__(self, meter: Meter, x: Array, y: Array, relu: bool, derived: bool) -> None:
        self.meter, self.kind, (self.y,) = meter, x.dtype.type, meter.over(y)
        self.relu, self.derived = relu, derived

    def at(self, place: tuple[int, ...], hat: float, factor: float, shift: float) -> float | None:
        if self.derived:
            with np.errstate(over="ignore"):
                return float(self.kind(self.meter.fma(factor, hat, shift)))
        return self.y[place] if self.relu else None


def batch_norm_backward(
    meter: Meter,
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
) -> tuple[Array, Array, Array, Array | None]:
    derived = beta is not None and relu and not masked
    kept = meter.empty(x.shape, x.dtype) if relu and masked else None
    dx, dgamma, dbeta = meter.empty(x.shape, x.dtype), *(meter.empty(len(x), x.dtype) for _ in range(2))
    source, pulls, factors, means, variances = meter.over(x, dy, gamma, mean, variance)
    signs = _Signs(meter, x, y, relu, derived)
    for c in range(len(x)):
        factor, centre, deviation = factors[c], means[c], root(variances[c] + epsilon)
        shift = meter.over(beta)[0][c] if derived else 0.0
        total, product, places = 0.0, 0.0, [(c, *place) for place in np.ndindex(*x.shape[1:])]
        for place in places:
            hat = _hat(meter, source[place], centre, deviation)
            t = _pull(meter, pulls[place], signs.at(place, hat, factor, shift))
            if kept is not None:
                kept[place] = t
            total, product = meter.add(total, t), meter.fma(t, hat, product)
        dgamma[c], dbeta[c] = product, total
        total, product = total / len(places), product / len(places)
        for place in places:
            hat = _hat(meter, source[place], centre, deviation)
            sign = None if kept is not None else signs.at(place, hat, factor, shift)
            t = _pull(meter, (pulls if kept is None else kept)[place], sign)
            inner = meter.fma(-hat, product, meter.add(t, -total))
            dx[place] = meter.times(factor, meter.times(1.0 / deviation, inner))
    return dx.array, dgamma.array, dbeta.array, None if kept is None else kept.array


def _windows(
    size: tuple[int, ...], geometry: Geometry
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int, int]]]]:
    """Yield each position with (tap, row, column) of the pixels of its window."""
    kernel, stride, padding = geometry
    for i, j in np.ndindex(*map(geometry.positions, size)):
        reads = [
            (tap, i * stride + tap // kernel - padding, j * stride + tap % kernel - padding)
            for tap in range(kernel * kernel)
        ]
        yield (i, j), [read for read in reads if 0 <= read[1] < size[0] and 0 <= read[2] < size[1]]


def max_pool(meter: Meter, x: Array, geometry: Geometry) -> tuple[Array, Array]:
    channels, height, width, batch = x.shape
    shape = channels, geometry.positions(height), geometry.positions(width), batch
    y, taps, (source,) = meter.empty(shape, x.dtype), meter.empty(shape, np.uint8), meter.over(x)
    for position, reads in _windows((height, width), geometry):
        for c, b in np.ndindex(channels, batch):
            chosen, row, column = reads[0]
            best = source[c, row, column, b]
            for tap, row, column in reads[1:]:
                value = source[c, row, column, b]
                if meter.less(best, value) or (value != value and best == best):
                    best, chosen = value, tap
            y[(c, *position, b)], taps[(c, *position, b)] = best, chosen
    return y.array, taps.array


def unpool(meter: Meter, dy: Array, taps: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    dx, (pulls, chosen) = meter.full((len(dy), *size, dy.shape[3]), dy.dtype), meter.over(dy, taps)
    for position, reads in _windows(size, geometry):
        for c, b in np.ndindex(len(dy), dy.shape[3]):
            for tap, row, column in reads:
                total = dx[c, row, column, b]
                if meter.equal(chosen[(c, *position, b)], tap):
                    total = meter.add(total, pulls[(c, *position, b)])
                dx[c, row, column, b] = total
    return dx.array


def pick(meter: Meter, x: Array, taps: Array, geometry: Geometry) -> Array:
    y, (source, chosen) = meter.empty(taps.shape, x.dtype), meter.over(x, taps)
    for position, reads in _windows(x.shape[1:3], geometry):
        for c, b in np.ndindex(len(x), x.shape[3]):
            for tap, row, column in reads:
                value = y[(c, *position, b)]
                if meter.equal(chosen[(c, *position, b)], tap):
                    value = source[c, row, column, b]
                y[(c, *position, b)] = value
    return y.array


LOOPS = {
    "batch_norm": batch_norm,
    "normalise": normalise,
    "batch_norm_backward": batch_norm_backward,
    "max_pool": max_pool,
    "unpool": unpool,
    "pick": pick,
}
