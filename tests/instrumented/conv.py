"""Literal loops of the sparse convolutions, over metered arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gse_ref.backends import Geometry, TransposePlan
from tests.instrumented.linear import gradient_rows
from tests.instrumented.meter import Meter, Metered

Array = np.ndarray
Size = Sequence[int]
#: Where a tap reads from a position, relative to anything; None outside the image.
Reads = tuple[tuple[int, int] | None, ...]


class _Way(NamedTuple):
    """How windows lie on an image: what each tap reads from each position, and the class of each position.

    A class is the taps of a row of the window that read something, and those of a column.
    """

    reads: dict[tuple[int, int], Reads]
    kinds: dict[tuple[int, int], tuple[tuple[bool, ...], tuple[bool, ...]]]

    @property
    def classes(self) -> list[tuple[tuple[bool, ...], tuple[bool, ...]]]:
        return list(dict.fromkeys(self.kinds.values()))


def _met(pixels: int, geometry: Geometry) -> np.ndarray:
    """Return whether position i reads pixel p by tap u, (positions, pixels, kernel), along one side."""
    kernel, stride, padding = geometry
    met = np.zeros((geometry.positions(pixels), pixels, kernel), bool)
    for i, u in np.ndindex(len(met), kernel):
        pixel = i * stride + u - padding
        if 0 <= pixel < pixels:
            met[i, pixel, u] = True
    return met


def _way(geometry: Geometry, size: Size, transposed: bool = False) -> _Way:
    """Return what outputs read of inputs, or, transposed, inputs of outputs."""
    down, across = (np.swapaxes(_met(side, geometry), 0, int(transposed)) for side in size)
    reads, kinds = {}, {}
    for i, j in np.ndindex(len(down), len(across)):
        rows, columns = (
            [int(side[:, tap].argmax()) if side[:, tap].any() else None for tap in range(geometry.kernel)]
            for side in (down[i], across[j])
        )
        reads[i, j] = tuple(None if p is None or q is None else (p, q) for p in rows for q in columns)
        kinds[i, j] = tuple(p is not None for p in rows), tuple(q is not None for q in columns)
    return _Way(reads, kinds)


class _Lists(NamedTuple):
    """For each class of positions: where the list of each channel starts, and the entries."""

    starts: Metered
    offsets: Metered
    weights: Metered
    places: Metered | None


def _room(meter: Meter, classes: int, channels: int, values: Array, places: bool) -> _Lists:
    room = classes * (len(values) + 1)
    return _Lists(
        meter.empty((classes, channels + 1), np.int64),
        meter.empty(room, np.int64),
        meter.empty(room, values.dtype),
        meter.empty(room, np.int32) if places else None,
    )


def _table(meter: Meter, way: _Way) -> Metered:
    """Return the distances of the taps in each class, -1 outside: made once for a shape, loaded by the loops."""
    inside = [np.logical_and.outer(*kind).reshape(-1) for kind in way.classes]
    return meter.over(np.where(inside, 0, -1))[0]


def _rows_expanded(meter: Meter, way: _Way, indptr: Array, indices: Array, values: Array) -> _Lists:
    """Each entry is stored in any case, its column as offset, and stays if its tap is inside."""
    table = _table(meter, way)
    classes, taps = table.shape
    lists = _room(meter, classes, len(indptr) - 1, values, places=False)
    ends, columns, weights = meter.over(indptr, indices, values)
    for a in range(classes):
        entry, start = a * (len(values) + 1), ends[0]
        for o in range(len(indptr) - 1):
            lists.starts[a, o], stop = entry, ends[o + 1]
            for k in range(start, stop):
                column = columns[k]
                lists.offsets[entry], lists.weights[entry] = column, weights[k]
                entry += not meter.less(table[a, column % taps], 0)
            start = stop
        lists.starts[a, len(indptr) - 1] = entry
    return lists


def _columns_expanded(meter: Meter, way: _Way, plan: TransposePlan, values: Array, channels: int) -> _Lists:
    table = _table(meter, way)
    classes, taps = table.shape
    lists = _room(meter, classes, channels, values, places=True)
    ends, rows, slots, weights = meter.over(plan.indptr, plan.rows, plan.slots, values)
    tap = meter.empty(len(values), np.int32)
    start = ends[0]
    for column in range(len(plan.indptr) - 1):
        stop = ends[column + 1]
        for k in range(start, stop):
            tap[k] = column % taps
        start = stop
    for a in range(classes):
        entry, start = a * (len(values) + 1), ends[0]
        for c in range(channels):
            lists.starts[a, c], stop = entry, ends[(c + 1) * taps]
            for k in range(start, stop):
                own, slot = tap[k], slots[k]
                lists.offsets[entry] = rows[k] * taps + own
                lists.weights[entry], lists.places[entry] = weights[slot], slot
                entry += not meter.less(table[a, own], 0)
            start = stop
        lists.starts[a, channels] = entry
    return lists


def _gathered(
    meter: Meter,
    lists: _Lists,
    way: _Way,
    x: Array,
    out: Metered,
    first: Callable[[int], float],
    beside: Callable[[int, tuple[int, int], int, list[float]], None] | None = None,
) -> None:
    """out[o, position] = first(o) + Σ weight · x over the list of the position's class, sample by sample."""
    (source,), numbers = meter.over(x), {kind: a for a, kind in enumerate(way.classes)}
    batch = x.shape[3]
    for position, reads in way.reads.items():
        a = numbers[way.kinds[position]]
        start = lists.starts[a, 0]
        for o in range(len(out)):
            stop = lists.starts[a, o + 1]
            row = [first(o)] * batch
            for k in range(start, stop):
                channel, tap = divmod(lists.offsets[k], len(reads))
                weight = lists.weights[k]
                pulls = [source[(channel, *reads[tap], b)] for b in range(batch)]
                for b, pull in enumerate(pulls):
                    row[b] = meter.fma(weight, pull, row[b])
                if beside is not None:
                    beside(o, position, k, pulls)
            for b, total in enumerate(row):
                out[(o, *position, b)] = total
            start = stop


def conv(
    meter: Meter,
    indptr: Array,
    indices: Array,
    values: Array,
    x: Array,
    geometry: Geometry,
    bias: Array | None = None,
) -> Array:
    way = _way(geometry, x.shape[1:3])
    size = map(geometry.positions, x.shape[1:3])
    y = meter.empty((len(indptr) - 1, *size, x.shape[3]), values.dtype)
    lists = _rows_expanded(meter, way, indptr, indices, values)
    _gathered(meter, lists, way, x, y, (lambda o: 0.0) if bias is None else meter.over(bias)[0].__getitem__)
    return y.array


def conv_t(meter: Meter, plan: TransposePlan, values: Array, dy: Array, geometry: Geometry, size: Size) -> Array:
    way, channels = _way(geometry, size, transposed=True), (len(plan.indptr) - 1) // geometry.kernel**2
    dx = meter.empty((channels, *size, dy.shape[3]), values.dtype)
    lists = _columns_expanded(meter, way, plan, values, channels)
    _gathered(meter, lists, way, dy, dx, lambda c: 0.0)
    return dx.array


def conv_backward(
    meter: Meter, plan: TransposePlan, values: Array, x: Array, dy: Array, geometry: Geometry
) -> tuple[Array, Array]:
    way = _way(geometry, x.shape[1:3], transposed=True)
    dx, sums = meter.empty(x.shape, values.dtype), meter.full(len(values), np.float64)
    lists = _columns_expanded(meter, way, plan, values, len(x))
    (images,) = meter.over(x)
    held = {place: images[place] for place in np.ndindex(*x.shape)}  # once for all entries of a channel

    def beside(c: int, position: tuple[int, int], k: int, pulls: list[float]) -> None:
        place = lists.places[k]
        total = sums[place]
        for b, pull in enumerate(pulls):
            total = meter.fma(held[(c, *position, b)], pull, total)
        sums[place] = total

    _gathered(meter, lists, way, dy, dx, lambda c: 0.0, beside)
    dvalues = meter.empty(len(values), values.dtype)
    with np.errstate(over="ignore"):
        for k in range(len(values)):
            dvalues[k] = sums[k]
    return dx.array, dvalues.array


def conv_pairs(meter: Meter, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
    out, ways = meter.empty(len(rows), x.dtype), _way(geometry, x.shape[1:3]).reads
    outputs, columns, pulls, source = meter.over(rows, cols, dy, x)
    for k in range(len(rows)):
        o, (c, tap), total = outputs[k], divmod(columns[k], geometry.kernel**2), 0.0
        for position, reads in ways.items():
            if reads[tap] is not None:
                for b in range(x.shape[3]):
                    total = meter.fma(pulls[(o, *position, b)], source[(c, *reads[tap], b)], total)
        out[k] = total
    return out.array


def _window(meter: Meter, image: Array, met: list[tuple[int, int]], whole: bool) -> Array:
    """Return the pixels met, (channels, pixels · batch): the image itself where its rows are whole, else a copy."""
    batch, (source,) = image.shape[3], meter.over(image)
    if whole:
        first, last = (met[0][0], met[-1][0] + 1) if met else (0, 0)
        return image[:, first:last].reshape(len(image), -1)
    window = meter.empty((len(image), len(met) * batch), image.dtype)
    for channel in range(len(image)):
        for number, pixel in enumerate(met):
            for b in range(batch):
                window[channel, number * batch + b] = source[(channel, *pixel, b)]
    return window.array


def conv_rows(meter: Meter, dy: Array, x: Array, geometry: Geometry) -> Array:
    taps, ways = geometry.kernel**2, _way(geometry, x.shape[1:3]).reads
    dense = meter.full((len(dy), len(x) * taps), x.dtype)
    for tap in range(taps):
        met = [(position, reads[tap]) for position, reads in ways.items() if reads[tap] is not None]
        across = len({position[1] for position, _ in met})
        own = _window(meter, dy, [position for position, _ in met], across == dy.shape[2])
        whole = geometry.stride == 1 and across == x.shape[2]
        pixels = _window(meter, x, [pixel for _, pixel in met], whole)
        (product,) = meter.over(gradient_rows(meter, own, pixels))
        for o, c in np.ndindex(len(dy), len(x)):
            dense[o, c * taps + tap] = product[o, c]
    return dense.array


def patch_abs_sums(meter: Meter, x: Array, geometry: Geometry) -> Array:
    taps, ways, (source,) = geometry.kernel**2, _way(geometry, x.shape[1:3]).reads, meter.over(x)
    pixels, mass = meter.empty(x.shape[:3], np.float64), meter.empty(len(x) * taps, np.float64)
    for pixel in np.ndindex(*x.shape[:3]):
        total = 0.0
        for b in range(x.shape[3]):
            total = meter.add(total, abs(source[(*pixel, b)]))
        pixels[pixel] = total
    for c, tap in np.ndindex(len(x), taps):
        total = 0.0
        for reads in ways.values():
            if reads[tap] is not None:
                total = meter.add(total, pixels[(c, *reads[tap])])
        mass[c * taps + tap] = total
    return mass.array


def patch_signed_sums(meter: Meter, x: Array, signs: Array, geometry: Geometry) -> Array:
    taps, ways, (source, sketch) = geometry.kernel**2, _way(geometry, x.shape[1:3]).reads, meter.over(x, signs)
    mass = meter.empty(len(x) * taps, np.float64)
    for c, tap in np.ndindex(len(x), taps):
        total = 0.0
        for position, reads in ways.items():
            if reads[tap] is not None:
                for b in range(x.shape[3]):
                    total = meter.fma(source[(c, *reads[tap], b)], sketch[(*position, b)], total)
        mass[c * taps + tap] = abs(total)
    return mass.array


LOOPS = {
    "conv": conv,
    "conv_t": conv_t,
    "conv_backward": conv_backward,
    "conv_pairs": conv_pairs,
    "conv_rows": conv_rows,
    "patch_abs_sums": patch_abs_sums,
    "patch_signed_sums": patch_signed_sums,
}
