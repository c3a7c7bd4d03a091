"""The contract of a backend, one body for each function: what it gives is what `naive` gives.

Integers, shapes and dtypes exactly, sums within the bound; arguments unchanged, results new.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gse_ref.backends import AliasTable, Backend, get
from gse_ref.conformance import magnitudes, strategies
from gse_ref.conformance.checks.kernel_corners import SIDE, wide_product
from gse_ref.conformance.checks.kernels import plan_of
from gse_ref.conformance.magnitudes import wide
from gse_ref.sparse import Topology
from tests.contract.conv_checks import CONV_CHECKS
from tests.contract.judge import Check, assert_same, assert_same_bits, assert_sums, call
from tests.contract.norm_checks import NORM_CHECKS

NAIVE = get("naive")


def check_spmm(backend: Backend, case: strategies.Product) -> None:
    topology, values, x, _, bias = case
    args = (topology.indptr, topology.indices, values, x, *(() if bias is None else (bias,)))
    actual, expected = call(backend.spmm, *args), NAIVE.spmm(*args)
    magnitude = magnitudes.product(topology, values, x, bias)
    assert_sums(actual, expected, magnitude, magnitudes.most_inputs(topology))


def check_spmm_t(backend: Backend, case: strategies.Product) -> None:
    topology, values, _, dy, _ = case
    plan = plan_of(topology)
    actual, expected = call(backend.spmm_t, plan, values, dy), NAIVE.spmm_t(plan, values, dy)
    assert_sums(actual, expected, magnitudes.transposed(topology, values, dy), magnitudes.most_outputs(topology))


def check_spmm_backward(backend: Backend, case: strategies.Product) -> None:
    topology, values, x, dy, _ = case
    plan = plan_of(topology)
    actual, expected = call(backend.spmm_backward, plan, values, x, dy), NAIVE.spmm_backward(plan, values, x, dy)
    of_dx = magnitudes.transposed(topology, values, dy)
    assert_sums(actual[0], expected[0], of_dx, magnitudes.most_outputs(topology))
    of_dvalues = magnitudes.pairs(topology.rows, topology.indices, dy, x)
    assert_sums(actual[1], expected[1], of_dvalues, x.shape[1])


def check_sddmm(backend: Backend, case: strategies.Product) -> None:
    topology, _, x, dy, _ = case
    args = (topology.indptr, topology.indices, dy, x)
    actual, expected = call(backend.sddmm, *args), NAIVE.sddmm(*args)
    assert_sums(actual, expected, magnitudes.pairs(topology.rows, topology.indices, dy, x), x.shape[1])


def check_sddmm_pairs(backend: Backend, case: strategies.Sampled) -> None:
    actual, expected = call(backend.sddmm_pairs, *case), NAIVE.sddmm_pairs(*case)
    assert_sums(actual, expected, magnitudes.pairs(*case), case.x.shape[1])


def check_gradient_rows(backend: Backend, case: strategies.Sampled) -> None:
    actual, expected = call(backend.gradient_rows, case.dy, case.x), NAIVE.gradient_rows(case.dy, case.x)
    assert_sums(actual, expected, wide(case.dy) @ wide(case.x).T, case.x.shape[1])


def check_relu_backward(backend: Backend, case: tuple[np.ndarray, np.ndarray]) -> None:
    assert_same_bits(call(backend.relu_backward, *case), NAIVE.relu_backward(*case))


def check_gather(backend: Backend, case: tuple[Any, ...]) -> None:
    assert_same_bits(call(backend.gather, *case), NAIVE.gather(*case))


def check_abs_sums(backend: Backend, case: strategies.Signed) -> None:
    actual, expected = call(backend.abs_sums, case.x), NAIVE.abs_sums(case.x)
    assert_sums(actual, expected, wide(case.x).sum(axis=1), case.x.shape[1])


def check_signed_sums(backend: Backend, case: strategies.Signed) -> None:
    actual, expected = call(backend.signed_sums, *case), NAIVE.signed_sums(*case)
    assert_sums(actual, expected, wide(case.x).sum(axis=1), case.x.shape[1])


def check_alias_table(backend: Backend, mass: np.ndarray) -> None:
    actual, expected = call(backend.alias_table, mass), NAIVE.alias_table(mass)
    assert isinstance(actual, AliasTable)
    assert_same(actual.threshold, expected.threshold)
    assert_same(actual.alias, expected.alias)


def check_alias_draw(backend: Backend, case: tuple[np.ndarray, np.ndarray]) -> None:
    mass, uniforms = case
    table = NAIVE.alias_table(mass)
    assert_same(call(backend.alias_draw, table, uniforms), NAIVE.alias_draw(table, uniforms))
    zero_coin = np.arange(len(mass)) / len(mass)
    assert_same(call(backend.alias_draw, table, zero_coin), NAIVE.alias_draw(table, zero_coin))


def check_candidates(backend: Backend, case: strategies.Drawn) -> None:
    topology = case.topology
    args = (case.rows, case.cols, topology.indptr, topology.indices, topology.n_in)
    for actual, expected in zip(call(backend.candidates, *args), NAIVE.candidates(*args), strict=True):
        assert_same(actual, expected)


def check_inactive(backend: Backend, topology: Topology) -> None:
    args = (topology.indptr, topology.indices, topology.n_in)
    for actual, expected in zip(call(backend.inactive, *args), NAIVE.inactive(*args), strict=True):
        assert_same(actual, expected)


def check_top_k(backend: Backend, case: tuple[np.ndarray, int]) -> None:
    assert_same(call(backend.top_k, *case), NAIVE.top_k(*case))


def check_merge(backend: Backend, case: strategies.Edit) -> None:
    topology = case.topology
    args = (topology.indptr, topology.indices, case.pruned, case.grown_rows, case.grown_cols)
    for actual, expected in zip(call(backend.merge, *args), NAIVE.merge(*args), strict=True):
        assert_same(actual, expected)


def check_carry(backend: Backend, case: strategies.Edit) -> None:
    topology = case.topology
    _, indices, target = NAIVE.merge(
        topology.indptr, topology.indices, case.pruned, case.grown_rows, case.grown_cols
    )
    actual = call(backend.carry, case.values, target, len(indices))
    expected = NAIVE.carry(case.values, target, len(indices))
    assert_same(actual, expected)
    assert actual.tobytes() == expected.tobytes(), "survivors must keep every bit, the sign of zero too"


def check_transpose_index(backend: Backend, topology: Topology) -> None:
    args = (topology.indptr, topology.indices, topology.n_in)
    for actual, expected in zip(call(backend.transpose_index, *args), NAIVE.transpose_index(*args), strict=True):
        assert_same(actual, expected)


#: One row for each function of `Backend`.
CHECKS: dict[str, Check] = {
    "spmm": Check(check_spmm, strategies.products()),
    "spmm_t": Check(check_spmm_t, strategies.products()),
    "spmm_backward": Check(check_spmm_backward, strategies.products()),
    "sddmm": Check(check_sddmm, strategies.products()),
    "sddmm_pairs": Check(check_sddmm_pairs, strategies.sampled()),
    "gradient_rows": Check(check_gradient_rows, strategies.sampled()),
    "relu_backward": Check(check_relu_backward, strategies.rectified()),
    "gather": Check(check_gather, strategies.gathers()),
    "abs_sums": Check(check_abs_sums, strategies.signed()),
    "signed_sums": Check(check_signed_sums, strategies.signed()),
    "alias_table": Check(check_alias_table, strategies.masses()),
    "alias_draw": Check(check_alias_draw, strategies.draws()),
    "candidates": Check(check_candidates, strategies.drawn()),
    "inactive": Check(check_inactive, strategies.topologies()),
    "top_k": Check(check_top_k, strategies.scores()),
    "merge": Check(check_merge, strategies.edits()),
    "carry": Check(check_carry, strategies.edits()),
    "transpose_index": Check(check_transpose_index, strategies.topologies()),
    **CONV_CHECKS,
    **NORM_CHECKS,
}


def wide_cases() -> dict[str, list[Any]]:
    """Return cases with few connections at the ends of a layer whose edge ids pass 2**32, by function.

    And connections at the end of so many columns that columns times connections pass 2**32.
    """
    product = wide_product(np.dtype(np.float32))
    topology = product.topology
    assert topology.edge_ids.max() > 2**32
    ends = np.array([SIDE - 1, 0, SIDE - 1, SIDE - 1, 61_357, 61_356, SIDE - 1], np.int32)
    grown = np.array([0, 61_357, SIDE - 1], np.int32), np.array([9, SIDE - 1, SIDE - 3], np.int32)
    edit = strategies.Edit(topology, np.array([1, 4]), *grown, np.arange(7.0))
    last = np.arange(2**20 - 2**12, 2**20, dtype=np.int32)
    crowded = Topology.from_edges(np.repeat([0, 1], last.size), np.tile(last, 2), shape=(2, 2**20))
    return {
        "candidates": [strategies.Drawn(topology, ends, ends[::-1].copy())],
        "transpose_index": [topology, crowded],
        "merge": [edit],
        "carry": [edit],
        "sddmm_pairs": [strategies.Sampled(topology.rows, topology.indices, product.dy, product.x)],
        **{function: [product] for function in ("spmm", "spmm_t", "spmm_backward", "sddmm")},
    }
