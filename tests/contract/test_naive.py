"""The definition itself against dense algebra and set operations: it judges all else, so it is judged first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from scipy.sparse import csr_array

from gse_ref.backends import TransposePlan, get
from gse_ref.conformance import strategies
from gse_ref.sparse import Topology
from tests.bounds import assert_close

NAIVE = get("naive")


def dense(topology: Topology, values: np.ndarray) -> np.ndarray:
    matrix = np.zeros(topology.shape)
    matrix[topology.rows, topology.indices] = values
    return matrix


def plan_of(topology: Topology) -> TransposePlan:
    by_column = csr_array((np.arange(topology.nnz), topology.indices, topology.indptr), topology.shape).tocsc()
    by_column.sort_indices()
    parts = (by_column.indices, by_column.data, np.argsort(by_column.data))
    return TransposePlan(by_column.indptr.astype(np.int64), *(part.astype(np.int32) for part in parts))


def ids_of(rows: np.ndarray, cols: np.ndarray, n_in: int) -> np.ndarray:
    assert rows.dtype == cols.dtype == np.int32
    return rows.astype(np.int64) * n_in + cols


@given(case=strategies.products())
def test_spmm_is_the_dense_product(case: strategies.Product) -> None:
    topology, values, x, _, bias = case
    theta, added = dense(topology, values), np.zeros(topology.n_out) if bias is None else bias.astype(np.float64)
    actual = NAIVE.spmm(topology.indptr, topology.indices, values, x, bias)
    assert actual.dtype == values.dtype
    expected = theta @ x.astype(np.float64) + added[:, None]
    magnitude = np.abs(theta) @ np.abs(x.astype(np.float64)) + np.abs(added)[:, None]
    assert_close(actual, expected, magnitude, topology.n_in + 1)


@given(case=strategies.products())
def test_gradients_are_the_dense_products(case: strategies.Product) -> None:
    topology, values, x, dy, _ = case
    theta, x64, dy64 = dense(topology, values), x.astype(np.float64), dy.astype(np.float64)
    plan, at, batch = plan_of(topology), (topology.rows, topology.indices), x.shape[1]
    dx, dvalues = NAIVE.spmm_backward(plan, values, x, dy)
    assert dx.dtype == dvalues.dtype == values.dtype
    assert_close(dx, theta.T @ dy64, np.abs(theta).T @ np.abs(dy64), topology.n_out)
    np.testing.assert_array_equal(NAIVE.spmm_t(plan, values, dy), dx)
    expected, magnitude = dy64 @ x64.T, np.abs(dy64) @ np.abs(x64).T
    assert_close(dvalues, expected[at], magnitude[at], batch)
    np.testing.assert_array_equal(NAIVE.sddmm(topology.indptr, topology.indices, dy, x), dvalues)
    np.testing.assert_array_equal(NAIVE.sddmm_pairs(*at, dy, x), dvalues)
    rows = NAIVE.gradient_rows(dy, x)
    assert rows.dtype == values.dtype
    assert_close(rows, expected, magnitude, batch)


@given(case=strategies.sampled())
def test_scores_of_pairs_in_any_order(case: strategies.Sampled) -> None:
    rows, cols, dy, x = case
    dy, x = dy.astype(np.float64), x.astype(np.float64)
    expected, magnitude = dy @ x.T, np.abs(dy) @ np.abs(x).T
    actual = NAIVE.sddmm_pairs(rows, cols, dy, x)
    assert_close(actual, expected[rows, cols], magnitude[rows, cols], x.shape[1])


@given(case=strategies.signed())
def test_masses_are_norms_and_sketches(case: strategies.Signed) -> None:
    x, batch = case.x.astype(np.float64), case.x.shape[1]
    magnitude = np.abs(x).sum(axis=1)
    bound, estimate = NAIVE.abs_sums(case.x), NAIVE.signed_sums(case.x, case.signs)
    assert bound.dtype == estimate.dtype == np.float64
    assert_close(bound, np.linalg.norm(x, ord=1, axis=1), magnitude, batch)
    assert_close(estimate, np.abs(x @ case.signs), magnitude, batch)


def test_alias_table_worked_by_hand() -> None:
    # scaled: 3/8, 3/4, 15/8. The top small slot, 1, takes 1/4 of slot 2, then slot 0 takes 5/8: exactly 1 is left.
    table = NAIVE.alias_table(np.array([1.0, 2.0, 5.0]))
    np.testing.assert_array_equal(table.threshold, [0.375, 0.75, 1.0])
    np.testing.assert_array_equal(table.alias, np.array([2, 2, 2], np.int32))
    # scaled: 0, 4/3, 4/3, 4/3 in quarters of 3: the top large slot, 3, falls to 1/3 and is filled by slot 2.
    table = NAIVE.alias_table(np.array([0.0, 1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(table.alias, np.array([3, 1, 1, 2], np.int32))
    assert table.threshold[0] == 0
    assert table.threshold[1] == 1
    assert table.threshold.dtype == np.float64
    assert table.alias.dtype == np.int32


@given(case=strategies.draws())
def test_alias_draw_is_the_formula(case: tuple[np.ndarray, np.ndarray]) -> None:
    mass, uniforms = case
    table, position = NAIVE.alias_table(mass), uniforms * len(mass)
    slot = position.astype(np.int64)
    expected = np.where(position - slot < table.threshold[slot], slot, table.alias[slot])
    actual = NAIVE.alias_draw(table, uniforms)
    assert actual.dtype == np.int32
    np.testing.assert_array_equal(actual, expected)


@given(case=strategies.drawn())
def test_candidates_are_a_set_difference(case: strategies.Drawn) -> None:
    topology = case.topology
    pairs = NAIVE.candidates(case.rows, case.cols, topology.indptr, topology.indices, topology.n_in)
    expected = np.setdiff1d(ids_of(case.rows, case.cols, topology.n_in), topology.edge_ids)
    np.testing.assert_array_equal(ids_of(*pairs, topology.n_in), expected)


@given(topology=strategies.topologies())
def test_inactive_is_the_complement(topology: Topology) -> None:
    pairs = NAIVE.inactive(topology.indptr, topology.indices, topology.n_in)
    expected = np.flatnonzero(~strategies.mask_of(topology))
    np.testing.assert_array_equal(ids_of(*pairs, topology.n_in), expected)


@given(case=strategies.scores())
def test_top_k_is_a_stable_sort(case: tuple[np.ndarray, int]) -> None:
    scores, k = case
    expected = np.sort(np.lexsort((np.arange(len(scores)), -scores))[:k])
    actual = NAIVE.top_k(scores, k)
    assert actual.dtype == np.int64
    np.testing.assert_array_equal(actual, expected)


@given(case=strategies.edits())
def test_merge_and_carry_are_set_algebra(case: strategies.Edit) -> None:
    topology, pruned, rows, cols, values = case
    n_in, ids = topology.n_in, topology.edge_ids
    grown = ids_of(rows, cols, n_in)
    indptr, indices, target = NAIVE.merge(topology.indptr, topology.indices, pruned, rows, cols)
    assert (indptr.dtype, indices.dtype, target.dtype) == (np.int64, np.int32, np.int32)
    expected = np.union1d(np.delete(ids, pruned), grown)
    actual = np.repeat(np.arange(topology.n_out), np.diff(indptr)) * n_in + indices
    np.testing.assert_array_equal(actual, expected)
    kept = np.setdiff1d(np.arange(topology.nnz), pruned)
    np.testing.assert_array_equal(actual[target[kept]], ids[kept])
    assert (target[pruned] == -1).all()
    moved = NAIVE.carry(values, target, len(indices))
    assert moved.dtype == values.dtype
    assert moved[target[kept]].tobytes() == values[kept].tobytes()
    assert not moved[np.isin(actual, grown)].any()


@given(topology=strategies.topologies())
def test_transpose_index_is_a_conversion_to_columns(topology: Topology) -> None:
    actual = NAIVE.transpose_index(topology.indptr, topology.indices, topology.n_in)
    for part, wanted in zip(actual, plan_of(topology), strict=True):
        assert part.dtype == wanted.dtype
        np.testing.assert_array_equal(part, wanted)
