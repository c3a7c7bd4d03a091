"""The definition: literal loops over the formulas of ALGORITHM, sharing no code with the kernels.

Sums run in float64 in index order and are rounded once to the dtype of the operands. Speed is no concern.
"""

from __future__ import annotations

import numpy as np

from . import naive_conv, naive_norm, naive_pool
from .api import AliasTable, Array, Backend, Pairs, Scaling, TransposePlan


def _spmm(indptr: Array, indices: Array, values: Array, x: Array, bias: Array | None = None) -> Array:
    y = np.zeros((len(indptr) - 1, x.shape[1]), values.dtype)
    for i in range(y.shape[0]):
        for b in range(y.shape[1]):
            total = 0.0 if bias is None else float(bias[i])
            for k in range(indptr[i], indptr[i + 1]):
                total += float(values[k]) * float(x[indices[k], b])
            y[i, b] = total
    return y


def _spmm_t(plan: TransposePlan, values: Array, dy: Array) -> Array:
    dx = np.zeros((len(plan.indptr) - 1, dy.shape[1]), values.dtype)
    for j in range(dx.shape[0]):
        for b in range(dx.shape[1]):
            total = 0.0
            for k in range(plan.indptr[j], plan.indptr[j + 1]):
                total += float(values[plan.slots[k]]) * float(dy[plan.rows[k], b])
            dx[j, b] = total
    return dx


def _spmm_backward(plan: TransposePlan, values: Array, x: Array, dy: Array) -> tuple[Array, Array]:
    dvalues = np.zeros(len(values), values.dtype)
    for j in range(len(plan.indptr) - 1):
        for k in range(plan.indptr[j], plan.indptr[j + 1]):
            dvalues[plan.slots[k]] = _dot(dy[plan.rows[k]], x[j])
    return _spmm_t(plan, values, dy), dvalues


def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for p, q in zip(a, b, strict=True):
        total += float(p) * float(q)
    return total


def _sddmm(indptr: Array, indices: Array, dy: Array, x: Array) -> Array:
    dvalues = np.zeros(len(indices), x.dtype)
    for i in range(len(indptr) - 1):
        for k in range(indptr[i], indptr[i + 1]):
            dvalues[k] = _dot(dy[i], x[indices[k]])
    return dvalues


def _sddmm_pairs(rows: Array, cols: Array, dy: Array, x: Array) -> Array:
    scores = np.zeros(len(rows), x.dtype)
    for k in range(len(rows)):
        scores[k] = _dot(dy[rows[k]], x[cols[k]])
    return scores


def _gradient_rows(dy: Array, x: Array) -> Array:
    dense = np.zeros((dy.shape[0], x.shape[0]), x.dtype)
    for i in range(dy.shape[0]):
        for j in range(x.shape[0]):
            dense[i, j] = _dot(dy[i], x[j])
    return dense


def _relu_backward(y: Array, dy: Array) -> Array:
    dx = np.zeros(y.shape, y.dtype)
    for index in np.ndindex(*y.shape):
        if y[index] > 0:
            dx[index] = dy[index]
    return dx


def _gather(features: Array, order: Array, scale: Scaling, shift: Scaling, dtype: np.dtype) -> Array:
    x = np.zeros((features.shape[1], len(order)), dtype)
    for j in range(features.shape[1]):
        factor, offset = (float(value if np.ndim(value) == 0 else value[j]) for value in (scale, shift))
        for k, sample in enumerate(order):
            x[j, k] = float(features[sample, j]) * factor + offset
    return x


def _abs_sums(x: Array) -> Array:
    return np.array([sum(abs(float(v)) for v in row) for row in x], np.float64)


def _signed_sums(x: Array, signs: Array) -> Array:
    return np.array([abs(_dot(row, signs)) for row in x], np.float64)


def _alias_table(mass: Array) -> AliasTable:
    n = len(mass)
    total = 0.0
    for p in mass:
        total += float(p)
    scaled = [float(p) / total * n for p in mass]
    threshold, alias = np.ones(n, np.float64), np.arange(n, dtype=np.int32)
    small = [i for i in range(n) if scaled[i] < 1]
    large = [i for i in range(n) if not scaled[i] < 1]
    while small and large:
        a, b = small.pop(), large[-1]
        threshold[a], alias[a] = scaled[a], b
        scaled[b] -= 1 - scaled[a]
        if scaled[b] < 1:
            small.append(large.pop())
    return AliasTable(threshold, alias)


def _alias_draw(table: AliasTable, uniforms: Array) -> Array:
    n = len(table.threshold)
    slots = np.zeros(len(uniforms), np.int32)
    for k, u in enumerate(uniforms):
        slot = int(np.floor(u * n))
        coin = u * n - slot
        slots[k] = slot if coin < table.threshold[slot] else table.alias[slot]
    return slots


def _active(indptr: Array, indices: Array) -> set[tuple[int, int]]:
    return {(i, int(indices[k])) for i in range(len(indptr) - 1) for k in range(indptr[i], indptr[i + 1])}


def _pairs(edges: list[tuple[int, int]]) -> Pairs:
    return np.array([i for i, _ in edges], np.int32), np.array([j for _, j in edges], np.int32)


def _candidates(rows: Array, cols: Array, indptr: Array, indices: Array, n_in: int) -> Pairs:
    drawn = {(int(i), int(j)) for i, j in zip(rows, cols, strict=True)}
    return _pairs(sorted(drawn - _active(indptr, indices)))


def _inactive(indptr: Array, indices: Array, n_in: int) -> Pairs:
    every = {(i, j) for i in range(len(indptr) - 1) for j in range(n_in)}
    return _pairs(sorted(every - _active(indptr, indices)))


def _top_k(scores: Array, k: int) -> Array:
    best = sorted(range(len(scores)), key=lambda position: (-scores[position], position))[:k]
    return np.array(sorted(best), np.int64)


def _merge(
    indptr: Array, indices: Array, pruned: Array, grown_rows: Array, grown_cols: Array
) -> tuple[Array, Array, Array]:
    gone = {int(k) for k in pruned}
    entries = [(int(i), int(j), -1) for i, j in zip(grown_rows, grown_cols, strict=True)]
    for i in range(len(indptr) - 1):
        entries += [(i, int(indices[k]), k) for k in range(indptr[i], indptr[i + 1]) if k not in gone]
    entries.sort()
    new_indptr, target = np.zeros(len(indptr), np.int64), np.full(len(indices), -1, np.int32)
    for slot, (i, _, old) in enumerate(entries):
        new_indptr[i + 1 :] += 1
        if old >= 0:
            target[old] = slot
    return new_indptr, np.array([j for _, j, _ in entries], np.int32), target


def _carry(values: Array, target: Array, size: int) -> Array:
    moved = np.zeros(size, values.dtype)
    for k, slot in enumerate(target):
        if slot >= 0:
            moved[slot] = values[k]
    return moved


def _transpose_index(indptr: Array, indices: Array, n_in: int) -> TransposePlan:
    entries = sorted(
        (int(indices[k]), i, int(k)) for i in range(len(indptr) - 1) for k in range(indptr[i], indptr[i + 1])
    )
    starts = np.zeros(n_in + 1, np.int64)
    for j, _, _ in entries:
        starts[j + 1 :] += 1
    rows, slots = (np.array([entry[part] for entry in entries], np.int32) for part in (1, 2))
    places = np.zeros(len(slots), np.int32)
    for position, slot in enumerate(slots):
        places[slot] = position
    return TransposePlan(starts, rows, slots, places)


BACKEND = Backend(
    name="naive",
    spmm=_spmm,
    spmm_t=_spmm_t,
    spmm_backward=_spmm_backward,
    sddmm=_sddmm,
    sddmm_pairs=_sddmm_pairs,
    gradient_rows=_gradient_rows,
    relu_backward=_relu_backward,
    gather=_gather,
    abs_sums=_abs_sums,
    signed_sums=_signed_sums,
    alias_table=_alias_table,
    alias_draw=_alias_draw,
    candidates=_candidates,
    inactive=_inactive,
    top_k=_top_k,
    merge=_merge,
    carry=_carry,
    transpose_index=_transpose_index,
    **naive_conv.OPERATIONS,
    **naive_norm.OPERATIONS,
    **naive_pool.OPERATIONS,
)
