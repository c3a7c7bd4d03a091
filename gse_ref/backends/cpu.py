"""The Numba kernels as a backend: allocates results, hands plain arrays to `kernels`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ..kernels import alias as alias_kernels
from ..kernels import candidates as candidate_kernels
from ..kernels import edit, elementwise, gather, sddmm, spmm, topk
from ..kernels.launch import launch
from ..kernels.sums import HALF, WIDE
from . import cpu_conv, cpu_norm, cpu_pool
from .api import AliasTable, Array, Backend, Pairs, Scaling, TransposePlan
from .memory import empty

#: What a packed tile may take, in bytes: most of a second-level cache.
CACHE = 3 << 19


def _rows(operand: Array) -> Array:
    """Return `operand` in C order; activations come aligned from `empty`, others run slower."""
    return operand if operand.flags.c_contiguous else operand.copy()


def _tile_width(rows: int, batch: int, itemsize: int, nnz: int) -> int:
    """Return how many columns of a gathered operand to pack at a time; `batch` is all, without a copy.

    Rows that lie a power of two apart fall into few sets of the cache, and an operand beyond the cache is fetched
    anew for each of its uses; a packed tile does neither. Measured: it pays from 16 uses of each row on.
    """
    if nnz < 16 * rows or batch < WIDE:
        return batch
    if rows * WIDE * itemsize > CACHE:
        return HALF
    return WIDE


def _tiles(operand: Array, nnz: int) -> Iterator[tuple[int, Array]]:
    """Yield (first column, columns) of a gathered operand, packed where that pays."""
    rows, batch = operand.shape
    width = _tile_width(rows, batch, operand.itemsize, nnz)
    if width >= batch:
        yield 0, operand
        return
    scratch = empty((rows, width), operand.dtype)
    for column in range(0, batch, width):
        part = scratch if column + width <= batch else empty((rows, batch - column), operand.dtype)
        launch(spmm.pack, part.size, operand, column, part)
        yield column, part


def _spmm(indptr: Array, indices: Array, values: Array, x: Array, bias: Array | None = None) -> Array:
    y = empty((len(indptr) - 1, x.shape[1]), values.dtype)
    bias = values[:0] if bias is None else bias
    for column, part in _tiles(_rows(x), len(indices)):
        launch(spmm.spmm, len(indices) * part.shape[1], indptr, indices, values, part, bias, y, column)
    return y


def _transposed(plan: TransposePlan, values: Array) -> Array:
    moved = np.empty_like(values)
    launch(spmm.permute, len(values), values, plan.slots, moved)
    return moved


def _spmm_t(plan: TransposePlan, values: Array, dy: Array) -> Array:
    return _spmm(plan.indptr, plan.rows, _transposed(plan, values), dy)


def _spmm_backward(plan: TransposePlan, values: Array, x: Array, dy: Array) -> tuple[Array, Array]:
    dx = empty(x.shape, x.dtype)
    moved, dvalues = np.empty_like(values), np.empty_like(values)
    operands = (plan.indptr, plan.rows, _transposed(plan, values), _rows(x))
    for column, part in _tiles(_rows(dy), len(values)):
        work = 2 * len(values) * part.shape[1]
        launch(spmm.spmm_backward, work, *operands, part, dx, moved, column)
    launch(spmm.permute, len(values), moved, plan.places, dvalues)
    return dx, dvalues


def _sddmm(indptr: Array, indices: Array, dy: Array, x: Array) -> Array:
    dvalues = np.empty(len(indices), x.dtype)
    launch(sddmm.sddmm, len(indices) * x.shape[1], indptr, indices, _rows(dy), _rows(x), dvalues)
    return dvalues


def _sddmm_pairs(rows: Array, cols: Array, dy: Array, x: Array) -> Array:
    scores = np.empty(len(rows), x.dtype)
    launch(sddmm.sddmm_pairs, len(rows) * x.shape[1], rows, cols, _rows(dy), _rows(x), scores)
    return scores


def _gradient_rows(dy: Array, x: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN propagate, as in the kernels
        return dy @ x.T


def _relu_backward(y: Array, dy: Array) -> Array:
    dx = empty(y.shape, y.dtype)
    launch(elementwise.relu_backward, y.size, _rows(y).reshape(-1), _rows(dy).reshape(-1), dx.reshape(-1))
    return dx


@lru_cache(maxsize=16)
def _lookup(scale: float, shift: float, dtype: np.dtype) -> Array:
    """Return the value of each of the 256 bytes."""
    return (np.arange(256) * scale + shift).astype(dtype)


def _gather(features: Array, order: Array, scale: Scaling, shift: Scaling, dtype: np.dtype) -> Array:
    x = empty((features.shape[1], len(order)), dtype)
    if features.dtype == np.uint8 and np.ndim(scale) == np.ndim(shift) == 0:
        launch(gather.gather_lookup, x.size, features, order, _lookup(float(scale), float(shift), x.dtype), x)
    else:
        each = (np.full(features.shape[1], value, np.float64) for value in (scale, shift))
        launch(gather.gather_affine, x.size, features, order, *each, x)
    return x


def _abs_sums(x: Array) -> Array:
    mass = np.empty(len(x), np.float64)
    launch(alias_kernels.abs_sums, x.size, _rows(x), mass)
    return mass


def _signed_sums(x: Array, signs: Array) -> Array:
    mass = np.empty(len(x), np.float64)
    launch(alias_kernels.signed_sums, x.size, _rows(x), _rows(signs), mass)
    return mass


def _alias_table(mass: Array) -> AliasTable:
    n = len(mass)
    table = AliasTable(np.empty(n, np.float64), np.empty(n, np.int32))
    alias_kernels.alias_table(mass, np.empty(n, np.float64), *table, np.empty(n, np.int32))
    return table


def _alias_draw(table: AliasTable, uniforms: Array) -> Array:
    slots = np.empty(len(uniforms), np.int32)
    launch(alias_kernels.alias_draw, len(uniforms), *table, uniforms, slots)
    return slots


def _candidates(rows: Array, cols: Array, indptr: Array, indices: Array, n_in: int) -> Pairs:
    out_rows, out_cols = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
    count = candidate_kernels.candidates(rows, cols, indptr, indices, n_in, out_rows, out_cols)
    return out_rows[:count].copy(), out_cols[:count].copy()


def _inactive(indptr: Array, indices: Array, n_in: int) -> Pairs:
    count = (len(indptr) - 1) * n_in - len(indices)
    rows, cols = np.empty(count, np.int32), np.empty(count, np.int32)
    candidate_kernels.inactive(indptr, indices, n_in, rows, cols)
    return rows, cols


def _top_k(scores: Array, k: int) -> Array:
    positions = np.empty(k + 1, np.int64)
    if k > 0:
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        topk.select(scores, threshold, k, positions)
    return positions[:k]


def _merge(
    indptr: Array, indices: Array, pruned: Array, grown_rows: Array, grown_cols: Array
) -> tuple[Array, Array, Array]:
    new_indptr, target = np.empty_like(indptr), np.empty(len(indices), np.int32)
    new_indices = np.empty(len(indices) - len(pruned) + len(grown_rows), np.int32)
    edit.merge(indptr, indices, pruned, grown_rows, grown_cols, new_indptr, new_indices, target)
    return new_indptr, new_indices, target


def _carry(values: Array, target: Array, size: int) -> Array:
    moved = np.zeros(size + 1, values.dtype)
    edit.carry(values, target, moved)
    return moved[:size]


def _transpose_index(indptr: Array, indices: Array, n_in: int) -> TransposePlan:
    nnz = len(indices)
    plan = TransposePlan(np.zeros(n_in + 1, np.int64), *(np.empty(nnz, np.int32) for _ in range(3)))
    edit.transpose_index(indptr, indices, *plan)
    return plan


BACKEND = Backend(
    name="cpu",
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
    **cpu_conv.OPERATIONS,
    **cpu_norm.OPERATIONS,
    **cpu_pool.OPERATIONS,
)
