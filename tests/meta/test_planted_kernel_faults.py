"""Broken backends, each a one-line bug that a kernel could have: the check meant for it must find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gse_ref.backends import AliasTable, Backend, get
from tests.contract.checks import CHECKS, wide_cases
from tests.contract.conv_checks import CONV_CHECKS
from tests.contract.norm_checks import NORM_CHECKS
from tests.meta.planted import judge

CPU, NAIVE = get("cpu"), get("naive")


class Fault(NamedTuple):
    function: str
    bug: str
    broken: Callable[..., Any]


def _drops_last_slot(indptr, indices, values, x, bias=None):
    cut = values.copy()
    cut[-1:] = 0
    return CPU.spmm(indptr, indices, cut, x, bias)


def _adds_bias_to_filled_rows_only(indptr, indices, values, x, bias=None):
    return CPU.spmm(indptr, indices, values, x, None if bias is None else bias * (np.diff(indptr) > 0))


def _leaves_out_the_tail(tile):
    def spmm(indptr, indices, values, x, bias=None):
        y = CPU.spmm(indptr, indices, values, x, bias)
        y[:, x.shape[1] - x.shape[1] % tile :] = 0
        return y

    return spmm


def _drops_low_bits(array):
    kind = np.uint32 if array.dtype == np.float32 else np.uint64
    return (array.view(kind) & ~kind(0xFFF)).view(array.dtype)


def _weights_rounded(indptr, indices, values, x, bias=None):
    return CPU.spmm(indptr, indices, _drops_low_bits(values), x, bias)


def _slots_not_permuted(plan, values, dy):
    return CPU.spmm_t(plan._replace(slots=np.sort(plan.slots)), values, dy)


def _slots_permuted_backwards(plan, values, dy):
    inverse = np.argsort(plan.slots).astype(np.int32)
    return CPU.spmm_t(plan._replace(slots=inverse), values, dy)


def _gradient_left_in_transposed_order(plan, values, x, dy):
    dx, dvalues = CPU.spmm_backward(plan, values, x, dy)
    return dx, dvalues[plan.slots]


def _gradient_of_last_tile_only(plan, values, x, dy):
    first = x.shape[1] // 129 * 128
    last = CPU.spmm_backward(plan, values, x[:, first:], dy[:, first:])
    return CPU.spmm_t(plan, values, dy), last[1]


def _leaks_padding(indptr, indices, dy, x):
    def pad(array):
        padded = np.ones((len(array), -(-array.shape[1] // 16) * 16), array.dtype)
        padded[:, : array.shape[1]] = array
        return padded

    return CPU.sddmm(indptr, indices, pad(dy), pad(x))


def _next_column(indptr, indices, dy, x):
    return CPU.sddmm(indptr, np.minimum(indices + np.int32(1), np.int32(len(x) - 1)), dy, x)


def _scores_sorted(rows, cols, dy, x):
    order = np.lexsort((cols, rows))
    return CPU.sddmm_pairs(rows[order], cols[order], dy, x)


def _scores_absolute(rows, cols, dy, x):
    return np.abs(CPU.sddmm_pairs(rows, cols, dy, x))


def _gradient_rounded(dy, x):
    return CPU.gradient_rows(dy, _drops_low_bits(x))


def _signed(x):
    return np.abs(x.astype(np.float64).sum(axis=1))


def _mass_in_dtype_of_x(x):
    return np.abs(x).sum(axis=1).astype(np.float64)


def _signs_shifted(x, signs):
    return CPU.signed_sums(x, np.roll(signs, 1))


def _sketch_keeps_sign(x, signs):
    return x.astype(np.float64) @ signs


def _threshold_of_the_rest_is_zero(mass):
    table = CPU.alias_table(mass)
    return table._replace(threshold=np.where(table.alias == np.arange(len(mass)), 0.0, table.threshold))


def _fills_smallest_first(mass):
    table = CPU.alias_table(mass[::-1].copy())
    return AliasTable(table.threshold[::-1].copy(), (len(mass) - 1 - table.alias[::-1]).astype(np.int32))


def _compares_with_equality(table, uniforms):
    position = uniforms * len(table.threshold)
    slot = position.astype(np.int32)
    return np.where(position - slot <= table.threshold[slot], slot, table.alias[slot]).astype(np.int32)


def _draws_in_single(table, uniforms):
    position = (uniforms.astype(np.float32) * np.float32(len(table.threshold))).astype(np.float64)
    slot = np.minimum(position, len(table.threshold) - 1).astype(np.int32)
    return np.where(position - slot < table.threshold[slot], slot, table.alias[slot]).astype(np.int32)


def _keeps_active(rows, cols, indptr, indices, n_in):
    return CPU.candidates(rows, cols, np.zeros_like(indptr), indices[:0], n_in)


def _unsorted(rows, cols, indptr, indices, n_in):
    rows, cols = CPU.candidates(rows, cols, indptr, indices, n_in)
    order = np.lexsort((rows, cols))
    return rows[order], cols[order]


def _keeps_repetitions(rows, cols, indptr, indices, n_in):
    active = {(i, j) for i in range(len(indptr) - 1) for j in indices[indptr[i] : indptr[i + 1]].tolist()}
    pairs = sorted(p for p in zip(rows.tolist(), cols.tolist(), strict=True) if p not in active)
    return tuple(np.array([p[side] for p in pairs], np.int32) for side in (0, 1))


def _ids_in_32_bits(rows, cols, indptr, indices, n_in):
    rows, cols = CPU.candidates(rows, cols, indptr, indices, n_in)
    order = np.argsort(rows * np.int32(n_in) + cols)
    return rows[order], cols[order]


def _forgets_empty_rows(indptr, indices, n_in):
    rows, cols = CPU.inactive(indptr, indices, n_in)
    keep = np.diff(indptr)[rows] > 0
    return rows[keep], cols[keep]


def _ties_to_the_higher_position(scores, k):
    return np.sort(len(scores) - 1 - CPU.top_k(scores[::-1].copy(), k))


def _best_first(scores, k):
    return np.lexsort((np.arange(len(scores)), -scores))[:k]


def _zeros_apart(scores, k):
    return CPU.top_k(scores - np.signbit(scores) * np.finfo(scores.dtype).smallest_subnormal, k)


def _survivors_shuffled(*args):
    indptr, indices, target = CPU.merge(*args)
    kept = target >= 0
    target[kept] = target[kept][::-1].copy()
    return indptr, indices, target


def _grown_after_the_survivors(indptr, indices, pruned, rows, cols):
    kept = np.delete(np.arange(len(indices)), pruned)
    row = np.concatenate([np.searchsorted(indptr, kept, side="right") - 1, rows])
    order = np.argsort(row, kind="stable")
    merged = np.concatenate([indices[kept], cols]).astype(np.int32)[order]
    new_indptr, _, target = CPU.merge(indptr, indices, pruned, rows, cols)
    return new_indptr, merged, target


def _grown_not_zeroed(values, target, size):
    moved = CPU.carry(values, target, size)
    moved[np.setdiff1d(np.arange(size), target)] = 1e-3
    return moved


def _loses_the_sign_of_zero(values, target, size):
    return CPU.carry(values, target, size) + values.dtype.type(0)


def _scales_in_the_dtype_of_the_result(features, order, scale, shift, dtype):
    rows = features[order].T.astype(dtype)
    spread = (np.reshape(np.asarray(v, dtype), (-1, 1)) for v in (scale, shift))
    return np.ascontiguousarray(rows * next(spread) + next(spread))


def _slots_counted_from_the_column(indptr, indices, n_in):
    plan = CPU.transpose_index(indptr, indices, n_in)
    return plan._replace(slots=np.arange(len(indices), dtype=np.int32))


def _unstable_sort(indptr, indices, n_in):
    plan = NAIVE.transpose_index(indptr, indices, n_in)
    order = np.lexsort((-plan.rows, np.repeat(np.arange(n_in), np.diff(plan.indptr))))
    return plan._replace(rows=plan.rows[order], slots=plan.slots[order])


FAULTS = [
    Fault("spmm", "a loop that ends one slot early", _drops_last_slot),
    Fault("spmm", "empty rows skipped before their bias is written", _adds_bias_to_filled_rows_only),
    Fault("spmm", "no loop for the samples after the last tile of 16", _leaves_out_the_tail(16)),
    Fault("spmm", "no loop for the samples after the last tile of 128", _leaves_out_the_tail(128)),
    Fault("spmm", "weights rounded on the way", _weights_rounded),
    Fault("spmm", "a result that is a view of the input", lambda *args: args[3][: len(args[0]) - 1]),
    Fault("spmm_t", "values taken in CSR order", _slots_not_permuted),
    Fault("spmm_t", "the inverse of the permutation", _slots_permuted_backwards),
    Fault("spmm_backward", "weight gradient not scattered back", _gradient_left_in_transposed_order),
    Fault("spmm_backward", "weight gradient set, not summed, by each tile", _gradient_of_last_tile_only),
    Fault("sddmm", "the batch padded to a tile and the padding summed", _leaks_padding),
    Fault("sddmm", "a column too far", _next_column),
    Fault("sddmm_pairs", "scores in sorted order instead of the order of the pairs", _scores_sorted),
    Fault("sddmm_pairs", "absolute values taken too early", _scores_absolute),
    Fault("gradient_rows", "operands rounded on the way", _gradient_rounded),
    Fault("relu_backward", "the gradient passes at 0", lambda y, dy: CPU.relu_backward(y + (y == 0), dy)),
    Fault("relu_backward", "times a mask: infinity times 0, and -0", lambda y, dy: dy * (y > 0)),
    Fault("gather", "scaled in the dtype of the result", _scales_in_the_dtype_of_the_result),
    Fault("gather", "samples in sorted order", lambda f, order, *rest: CPU.gather(f, np.sort(order), *rest)),
    Fault("abs_sums", "absolute value of the sum instead of sum of absolute values", _signed),
    Fault("abs_sums", "sums in the dtype of the operand", _mass_in_dtype_of_x),
    Fault("signed_sums", "the two sides use different signs", _signs_shifted),
    Fault("signed_sums", "a mass may be negative", _sketch_keeps_sign),
    Fault("alias_table", "what is left over gets threshold 0 instead of 1", _threshold_of_the_rest_is_zero),
    Fault("alias_table", "stacks filled in the other order", _fills_smallest_first),
    Fault("alias_draw", "coin <= threshold: a slot of mass 0 is drawn", _compares_with_equality),
    Fault("alias_draw", "uniforms rounded to float32", _draws_in_single),
    Fault("candidates", "active pairs are kept", _keeps_active),
    Fault("candidates", "pairs drawn twice are kept twice", _keeps_repetitions),
    Fault("candidates", "sorted by column first", _unsorted),
    Fault("candidates", "edge ids in 32 bits", _ids_in_32_bits),
    Fault("inactive", "rows without connections are left out", _forgets_empty_rows),
    Fault("top_k", "ties go to the higher position", _ties_to_the_higher_position),
    Fault("top_k", "positions from best to worst", _best_first),
    Fault("top_k", "-0 sorts below +0", _zeros_apart),
    Fault("merge", "survivors end in other slots", _survivors_shuffled),
    Fault("merge", "grown pairs put behind the survivors of a row", _grown_after_the_survivors),
    Fault("carry", "grown weights not zeroed", _grown_not_zeroed),
    Fault("carry", "-0 becomes +0", _loses_the_sign_of_zero),
    Fault("carry", "values changed in place", lambda v, t, s: CPU.carry(np.multiply(v, 2, out=v), t, s) / 2),
    Fault("transpose_index", "slots of the columns instead of CSR slots", _slots_counted_from_the_column),
    Fault("transpose_index", "rows of a column in falling order", _unstable_sort),
]


def judged(function: str, backend: Backend) -> None:
    judge(CHECKS[function], backend)
    for case in wide_cases().get(function, ()):
        CHECKS[function].body(backend, case)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.function}: {fault.bug}")
def test_the_check_finds_the_fault(fault: Fault) -> None:
    with pytest.raises(AssertionError):
        judged(fault.function, replace(CPU, **{fault.function: fault.broken}))


def test_each_function_has_a_fault() -> None:
    elsewhere = set(CONV_CHECKS) | set(NORM_CHECKS)
    assert {fault.function for fault in FAULTS} == set(CHECKS) - elsewhere
