"""Initial patterns and uniform draws: exact counts, refusals, and memory in O(n + nnz)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.backends import use
from gse_ref.errors import InputError
from gse_ref.rng import stream
from gse_ref.sparse import Topology, bernoulli, edit, empty, erdos_renyi, full, sample_inactive
from tests import strategies


@given(shape=strategies.shapes(12), data=st.data())
def test_erdos_renyi_has_exactly_these_many(shape: tuple[int, int], data: st.DataObject) -> None:
    size = shape[0] * shape[1]
    nnz = data.draw(st.sampled_from((0, size // 2, size // 2 + 1, size)) | st.integers(0, size))
    if nnz > size:
        nnz = size
    topology = erdos_renyi(shape, nnz, stream(data.draw(st.integers(0, 99)), "topology"))
    assert (topology.shape, topology.nnz) == (shape, nnz)


def test_equal_streams_give_equal_patterns_on_every_backend() -> None:
    drawn = []
    for backend in ("cpu", "naive", "cpu"):
        with use(backend):
            drawn += [[erdos_renyi((9, 7), nnz, stream(3, "topology")) for nnz in (5, 20, 50, 60)]]
    assert drawn[0] == drawn[1] == drawn[2]
    assert erdos_renyi((9, 7), 20, stream(4, "topology")) != drawn[0][1]


@pytest.mark.parametrize("nnz", [-1, 13])
def test_counts_that_do_not_fit(nnz: int) -> None:
    with pytest.raises(InputError, match=rf"shape \(3, 4\) holds 0 to 12 connections, asked for {nnz}"):
        erdos_renyi((3, 4), nnz, stream(0, "topology"))


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_probabilities_that_make_no_sense(probability: float) -> None:
    with pytest.raises(InputError, match=r"probability must lie in \[0, 1\], got"):
        bernoulli((3, 4), probability, stream(0, "topology"))


def test_bernoulli_at_its_ends() -> None:
    assert bernoulli((3, 4), 0, stream(0, "topology")) == empty((3, 4))
    assert bernoulli((3, 4), 1, stream(0, "topology")) == full((3, 4))


def test_full_and_empty() -> None:
    assert full((2, 3)).edge_ids.tolist() == list(range(6))
    assert empty((2, 3)).indptr.tolist() == [0, 0, 0]


@given(layers=st.lists(strategies.topologies(), min_size=1, max_size=3), data=st.data())
def test_sample_inactive_draws_inactive_ones(layers: list[Topology], data: st.DataObject) -> None:
    free = sum(t.size - t.nnz for t in layers)
    k = data.draw(st.sampled_from((0, free)) | st.integers(0, free))
    pairs = sample_inactive(layers, k, data.draw(strategies.generators()))
    assert sum(len(rows) for rows, _ in pairs) == k
    for topology, (rows, cols) in zip(layers, pairs, strict=True):
        assert rows.dtype == cols.dtype == np.int32
        grown, _ = edit(topology, np.empty(0, np.int64), rows, cols)  # refuses what is active or unordered
        assert grown.nnz == topology.nnz + len(rows)


@pytest.mark.parametrize("k", [-1, 10])
def test_more_than_there_are(k: int) -> None:
    with pytest.raises(InputError, match=f"cannot draw {k} of 9 inactive connections"):
        sample_inactive([strategies.of_mask(np.eye(3, dtype=bool)), empty((1, 3))], k, stream(0, "grow"))


def peak(function: Callable[[], object]) -> int:
    """Return the highest number of bytes allocated while `function` ran."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="two million draws by interpreted kernels")
def test_memory_is_linear_in_units_and_connections() -> None:
    side, nnz = 200_000, 2_000_000
    erdos_renyi((9, 7), 5, stream(0, "topology"))  # compiled and imported beforehand
    made: dict[int, Topology] = {}

    def make(part: int) -> int:
        def build() -> None:
            made[part] = erdos_renyi((side // part, side // part), nnz // part, stream(0, "topology"))

        return peak(build)

    whole, half = make(1), make(2)
    assert made[1].nnz == nnz
    assert whole < side * side // 100, "a dense mask would take 40 GB"
    assert whole < 200 * (2 * side + nnz), "bytes for each unit and connection"
    assert whole < 2.2 * half, "not linear"

    grow = peak(lambda: sample_inactive([made[1]], nnz // 10, stream(0, "grow")))
    assert grow < 200 * (2 * side + nnz)
    plan = peak(lambda: made[2].transpose)
    assert plan < 40 * (side + nnz)
