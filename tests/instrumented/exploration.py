"""Literal loops of what a topology update does, over metered arrays."""

from __future__ import annotations

import numpy as np

from gse_ref.backends import AliasTable, Pairs, TransposePlan
from gse_ref.backends.tally_exploration import SEARCH_COMPARISONS, SEARCH_LOADS, SEARCH_STORES
from tests.instrumented.meter import Meter, Metered
from tests.instrumented.selection import introselect

Array = np.ndarray


def abs_sums(meter: Meter, x: Array) -> Array:
    mass, (source,) = meter.empty(len(x), np.float64), meter.over(x)
    for i in range(len(x)):
        total = 0.0
        for b in range(x.shape[1]):
            total = meter.add(total, abs(source[i, b]))
        mass[i] = total
    return mass.array


def signed_sums(meter: Meter, x: Array, signs: Array) -> Array:
    mass, (source, sketch) = meter.empty(len(x), np.float64), meter.over(x, signs)
    for i in range(len(x)):
        total = 0.0
        for b in range(x.shape[1]):
            total = meter.fma(source[i, b], sketch[b], total)
        mass[i] = abs(total)
    return mass.array


def alias_table(meter: Meter, mass: Array) -> AliasTable:
    """Vose's construction; the stack entry of a step is stored in any case and stays if the large slot falls."""
    n = len(mass)
    (source,) = meter.over(mass)
    threshold, scaled = meter.empty(n, np.float64), meter.empty(n, np.float64)
    alias, stack = meter.empty(n, np.int32), meter.empty(n, np.int32)
    total = 0.0
    for i in range(n):
        total = meter.add(total, source[i])
    small, large = 0, n
    for i in range(n):
        share = meter.times(source[i] / total, n)
        scaled[i], threshold[i], alias[i] = share, 1.0, i
        if meter.less(share, 1.0):
            stack[small] = i
            small += 1
        else:
            large -= 1
            stack[large] = i
    while small > 0 and large < n:
        a, b = stack[small - 1], stack[large]
        share = scaled[a]
        threshold[a], alias[a] = share, b
        left = meter.add(scaled[b], -meter.add(1.0, -share))
        scaled[b] = left
        falls = meter.less(left, 1.0)
        stack[small - 1] = b
        small, large = small - 1 + falls, large + falls
    return AliasTable(threshold.array, alias.array)


def alias_draw(meter: Meter, table: AliasTable, uniforms: Array) -> Array:
    slots = meter.empty(len(uniforms), np.int32)
    threshold, alias, numbers = meter.over(*table, uniforms)
    for k in range(len(uniforms)):
        position = meter.times(numbers[k], len(table.threshold))
        slot = int(position)
        stays, other = meter.less(position - slot, threshold[slot]), alias[slot]
        slots[k] = slot if stays else other
    return slots.array


def _summed(starts: Metered) -> None:
    """Turn counts, one place further on, into starts."""
    total = 0
    for k in range(1, len(starts)):
        total += starts[k]
        starts[k] = total


def candidates(meter: Meter, rows: Array, cols: Array, indptr: Array, indices: Array, n_in: int) -> Pairs:
    n_out, drawn = len(indptr) - 1, len(rows)
    outputs, inputs, ends, active = meter.over(rows, cols, indptr, indices)
    column_start, row_start = meter.full(n_in + 1, np.int64), meter.full(n_out + 1, np.int64)
    for k in range(drawn):
        for start, unit in ((column_start, inputs[k]), (row_start, outputs[k])):
            start[unit + 1] = start[unit + 1] + 1
    _summed(column_start)
    _summed(row_start)
    by_column, ordered = meter.empty((drawn, 2), np.int32), meter.empty(drawn, np.int32)
    for k in range(drawn):
        i, j = outputs[k], inputs[k]
        position = column_start[j]
        column_start[j] = position + 1
        by_column[position, 0], by_column[position, 1] = i, j
        meter.move()
    for k in range(drawn):
        i, j = by_column[k, 0], by_column[k, 1]
        position = row_start[i]
        row_start[i] = position + 1
        ordered[position] = j
        meter.move()
    return _filtered(meter, ordered, row_start, ends, active, n_in)


def _filtered(meter: Meter, ordered: Metered, row_end: Metered, ends: Metered, active: Metered, n_in: int) -> Pairs:
    """Keep what is neither active nor seen before in its row; each store is made, and stays if it counts."""
    mark = meter.full(n_in, np.int32, -1)
    out = [meter.empty(len(ordered), np.int32) for _ in range(2)]
    count, start, first = 0, ends[0], 0
    for i in range(len(ends) - 1):
        stop, last = ends[i + 1], row_end[i]
        for k in range(start, stop):
            mark[active[k]] = i
        for k in range(first, last):
            j = ordered[k]
            out[0][count], out[1][count] = i, j
            count += not meter.equal(mark[j], i)
            mark[j] = i
        start, first = stop, last
    results = [meter.empty(count, np.int32) for _ in range(2)]
    for k in range(count):
        results[0][k], results[1][k] = out[0][k], out[1][k]
    return results[0].array, results[1].array


def inactive(meter: Meter, indptr: Array, indices: Array, n_in: int) -> Pairs:
    left = (len(indptr) - 1) * n_in - len(indices)
    rows, cols = meter.empty(left, np.int32), meter.empty(left, np.int32)
    ends, active = meter.over(indptr, indices)
    count, k = 0, ends[0]
    for i in range(len(indptr) - 1):
        stop = ends[i + 1]
        for j in range(n_in):
            if meter.equal(j, active[k] if k < stop else None):
                k += 1
            else:
                rows[count], cols[count] = i, j
                count += 1
    return rows.array, cols.array


def top_k(meter: Meter, scores: Array, k: int) -> Array:
    """The search has a meter of its own (`test_selection_bound`); here it is charged its bound."""
    positions = meter.empty(k + 1, np.int64)
    if k > 0:
        copy = meter.empty(len(scores), scores.dtype)
        (source,) = meter.over(scores)
        for m in range(len(scores)):
            copy[m] = source[m]
        threshold = introselect(Meter(), copy.array.copy(), len(scores) - k)
        meter.moves += SEARCH_COMPARISONS * len(scores)
        meter.bytes_read += SEARCH_LOADS * scores.nbytes
        meter.bytes_written += SEARCH_STORES * scores.nbytes
        ties = k
        for m in range(len(scores)):
            ties -= meter.less(threshold, source[m])
        count = 0
        for m in range(len(scores)):
            score = source[m]
            above, tied = meter.less(threshold, score), meter.equal(score, threshold) and ties > 0
            ties -= tied
            positions[count] = m
            count += above or tied
    return positions.array[:k]


def merge(
    meter: Meter, indptr: Array, indices: Array, pruned: Array, grown_rows: Array, grown_cols: Array
) -> tuple[Array, Array, Array]:
    new_indptr, target = meter.empty(len(indptr), np.int64), meter.empty(len(indices), np.int32)
    new_indices = meter.empty(len(indices) - len(pruned) + len(grown_rows), np.int32)
    ends, columns = meter.over(indptr, indices)
    gone, *come = meter.over(pruned, grown_rows, grown_cols)
    nobody = (len(indptr), 0)
    leaving = iter([gone[k] for k in range(len(gone))] + [-1])
    arriving = iter([(come[0][k], come[1][k]) for k in range(len(grown_rows))] + [nobody])
    leaver, arrival, slot, start = next(leaving), next(arriving), 0, ends[0]
    new_indptr[0] = 0
    for i in range(len(indptr) - 1):
        stop = ends[i + 1]
        for k in range(start, stop):
            if meter.equal(leaver, k):
                target[k], leaver = -1, next(leaving)
                continue
            j = columns[k]
            while arrival < (i, j):
                meter.move()
                new_indices[slot], slot, arrival = arrival[1], slot + 1, next(arriving)
            meter.move()
            target[k], new_indices[slot], slot = slot, j, slot + 1
        while arrival[0] == i:
            meter.move()
            new_indices[slot], slot, arrival = arrival[1], slot + 1, next(arriving)
        new_indptr[i + 1], start = slot, stop
    return new_indptr.array, new_indices.array, target.array


def carry(meter: Meter, values: Array, target: Array, size: int) -> Array:
    moved, (source, slots) = meter.full(size + 1, values.dtype), meter.over(values, target)
    for k in range(len(target)):
        moved[slots[k]] = source[k]
        meter.move()
    return moved.array[:size]


def transpose_index(meter: Meter, indptr: Array, indices: Array, n_in: int) -> TransposePlan:
    ends, columns = meter.over(indptr, indices)
    start = meter.full(n_in + 1, np.int64)
    rows, slots, places = (meter.empty(len(indices), np.int32) for _ in range(3))
    for k in range(len(indices)):
        j = columns[k]
        start[j + 1] = start[j + 1] + 1
    _summed(start)
    following = meter.empty(n_in, np.int64)
    for j in range(n_in):
        following[j] = start[j]
    first = ends[0]
    for i in range(len(indptr) - 1):
        stop = ends[i + 1]
        for k in range(first, stop):
            j = columns[k]
            position = following[j]
            following[j] = position + 1
            rows[position], slots[position], places[k] = i, k, position
            meter.move()
        first = stop
    return TransposePlan(start.array, rows.array, slots.array, places.array)


LOOPS = {
    "abs_sums": abs_sums,
    "signed_sums": signed_sums,
    "alias_table": alias_table,
    "alias_draw": alias_draw,
    "candidates": candidates,
    "inactive": inactive,
    "top_k": top_k,
    "merge": merge,
    "carry": carry,
    "transpose_index": transpose_index,
}
