"""Σ|ab| of every product is what the definition gives for absolute values."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from gse_ref.backends import get
from gse_ref.conformance import magnitudes, strategies
from gse_ref.conformance.checks.kernels import plan_of
from gse_ref.conformance.magnitudes import wide
from gse_ref.sparse import Topology
from tests.bounds import assert_close

NAIVE = get("naive")
FLOAT32 = (np.dtype(np.float32),)


def close(actual: np.ndarray, expected: np.ndarray, length: int) -> None:
    assert actual.dtype == np.float64
    assert_close(actual, expected, expected, length)


@given(case=strategies.products(FLOAT32))
def test_products(case: strategies.Product) -> None:
    topology, values, x, dy, bias = case
    pattern, more = (topology.indptr, topology.indices), () if bias is None else (wide(bias),)
    close(magnitudes.product(*case[:3], bias), NAIVE.spmm(*pattern, wide(values), wide(x), *more), topology.n_in)
    of_dx = NAIVE.spmm_t(plan_of(topology), wide(values), wide(dy))
    close(magnitudes.transposed(topology, values, dy), of_dx, topology.n_out)
    pairs = topology.rows, topology.indices
    close(magnitudes.pairs(*pairs, dy, x), NAIVE.sddmm_pairs(*pairs, wide(dy), wide(x)), x.shape[1])


@given(case=strategies.convolutions(FLOAT32, finite=True))
def test_convolutions(case: strategies.Convolution) -> None:
    topology, values, x, dy, bias, geometry = case
    pattern, more = (topology.indptr, topology.indices), () if bias is None else (wide(bias),)
    of_y = NAIVE.conv(*pattern, wide(values), wide(x), geometry, *more)
    close(magnitudes.convolution(topology, values, x, geometry, bias), of_y, topology.n_in)
    size = x.shape[1], x.shape[2]
    of_dx = NAIVE.conv_t(plan_of(topology), wide(values), wide(dy), geometry, size)
    close(magnitudes.convolution_transposed(topology, values, dy, geometry, size), of_dx, topology.size)
    pairs = topology.rows, topology.indices
    of_dvalues = NAIVE.conv_pairs(*pairs, wide(dy), wide(x), geometry)
    close(magnitudes.convolution_pairs(*pairs, dy, x, geometry), of_dvalues, dy[0].size)


def test_reduction_lengths_count_what_may_meet() -> None:
    topology = Topology.from_edges(np.array([0, 0, 1, 2]), np.array([0, 5, 4, 7]), (4, 8))
    assert magnitudes.most_inputs(topology) == 3, "two connections and a bias"
    assert magnitudes.most_outputs(topology) == 1
    assert magnitudes.most_outputs(topology, kernel=2) == 3, "taps 0, 1 and 3 of the second channel"
    none = Topology.from_edges(np.empty(0, int), np.empty(0, int), (1, 1))
    assert (magnitudes.most_inputs(none), magnitudes.most_outputs(none)) == (1, 0)
