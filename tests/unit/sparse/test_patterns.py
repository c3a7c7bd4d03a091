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
from gse_ref.conformance import strategies
from gse_ref.errors import InputError
from gse_ref.rng import stream
from gse_ref.sparse import (
    PATTERNS,
    Topology,
    banded,
    bernoulli,
    block,
    edit,
    empty,
    erdos_renyi,
    full,
    sample_inactive,
    sample_inactive_in_rows,
    scale_free,
    small_world,
)

EXACT = sorted(set(PATTERNS) - {"bernoulli", "full"})


@given(shape=strategies.shapes(12), data=st.data())
def test_erdos_renyi_has_exactly_these_many(shape: tuple[int, int], data: st.DataObject) -> None:
    size = shape[0] * shape[1]
    nnz = data.draw(st.sampled_from((0, size // 2, size // 2 + 1, size)) | st.integers(0, size))
    if nnz > size:
        nnz = size
    topology = erdos_renyi(shape, nnz, stream(data.draw(st.integers(0, 99)), "topology"))
    assert (topology.shape, topology.nnz) == (shape, nnz)


@pytest.mark.parametrize("name", sorted(PATTERNS))
@given(shape=strategies.shapes(40), share=st.sampled_from((0.0, 0.02, 0.2, 0.5, 0.9, 1.0)), seed=st.integers(0, 99))
def test_every_pattern_has_the_shape_and_number_asked_for(
    name: str, shape: tuple[int, int], share: float, seed: int
) -> None:
    size = shape[0] * shape[1]
    nnz = size if name == "full" else round(share * size)
    topology = PATTERNS[name](shape, nnz, stream(seed, "topology"))  # a Topology refuses what is not canonical
    assert topology.shape == shape
    assert name == "bernoulli" or topology.nnz == nnz


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_equal_streams_give_equal_patterns_on_every_backend(name: str) -> None:
    counts = (63,) if name == "full" else (5, 20, 50, 60)
    drawn = []
    for backend in ("cpu", "naive", "cpu"):
        with use(backend):
            drawn += [[PATTERNS[name]((9, 7), nnz, stream(3, "topology")) for nnz in counts]]
    assert drawn[0] == drawn[1] == drawn[2]
    if name not in ("full", "banded"):  # which draw nothing
        assert PATTERNS[name]((9, 7), 20, stream(4, "topology")) != drawn[0][1]


@pytest.mark.parametrize("nnz", [-1, 13])
@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_counts_that_do_not_fit(name: str, nnz: int) -> None:
    with pytest.raises(InputError, match=rf"shape \(3, 4\) holds 0 to 12 connections, asked for {nnz}"):
        PATTERNS[name]((3, 4), nnz, stream(0, "topology"))


def test_full_takes_no_other_number() -> None:
    with pytest.raises(InputError, match=r"full has all 12 connections .* asked for 11: set the density to 1"):
        PATTERNS["full"]((3, 4), 11, stream(0, "topology"))


@pytest.mark.parametrize("rewired", [-0.1, 1.1, float("nan")])
def test_shares_rewired_that_make_no_sense(rewired: float) -> None:
    with pytest.raises(InputError, match=r"share of connections rewired must lie in \[0, 1\], got"):
        small_world((3, 4), 5, stream(0, "topology"), rewired)


def test_blocks_without_a_side() -> None:
    with pytest.raises(InputError, match="side of a block must be at least 1, got 0"):
        block((3, 4), 5, stream(0, "topology"), 0)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_probabilities_that_make_no_sense(probability: float) -> None:
    with pytest.raises(InputError, match=r"probability must lie in \[0, 1\], got"):
        bernoulli((3, 4), probability, stream(0, "topology"))


def test_bernoulli_at_its_ends() -> None:
    assert bernoulli((3, 4), 0, stream(0, "topology")) == empty((3, 4))
    assert bernoulli((3, 4), 1, stream(0, "topology")) == full((3, 4))


def test_the_bernoulli_of_the_table_expects_the_number() -> None:
    """400 draws of a binomial, mean 50, variance 37.5: five deviations of their mean, alarm 6e-7, fixed seeds."""
    drawn = [PATTERNS["bernoulli"]((10, 20), 50, stream(seed, "topology")).nnz for seed in range(400)]
    assert abs(np.mean(drawn) - 50) < 5 * np.sqrt(37.5 / 400)
    assert len(set(drawn)) > 10


@given(shape=strategies.shapes(30), share=st.floats(0, 1))
def test_a_band_is_each_units_nearest_inputs(shape: tuple[int, int], share: float) -> None:
    topology = banded(shape, round(share * shape[0] * shape[1]), stream(0, "topology"))
    n_out, n_in = shape
    numbers = topology.fan_in()
    assert set(numbers) <= {numbers.min(), numbers.min() + 1}
    # |j + 1/2 − (i + 1/2) · n_in / n_out| in units of 1 / (2 n_out)
    far = np.abs((2 * np.arange(n_in) + 1) * n_out - (2 * np.arange(n_out)[:, None] + 1) * n_in)
    for row, number in enumerate(numbers):
        own = topology.indices[topology.indptr[row] : topology.indptr[row + 1]]
        assert sorted(far[row, own]) == sorted(far[row])[:number]


def test_the_band_of_a_square_layer_by_hand() -> None:
    assert strategies.mask_of(banded((5, 5), 15, stream(0, "topology"))).astype(int).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [0, 0, 1, 1, 1],
    ]


def test_nothing_rewired_is_a_ring() -> None:
    assert strategies.mask_of(small_world((5, 5), 15, stream(0, "topology"), 0)).astype(int).tolist() == [
        [1, 1, 0, 0, 1],
        [1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [1, 0, 0, 1, 1],
    ]


@pytest.mark.parametrize(("rewired", "nnz"), [(0.1, 20_000), (0.5, 20_000), (1.0, 20_000), (0.3, 100_000)])
def test_a_small_world_rewires_its_share_anywhere(rewired: float, nnz: int) -> None:
    """How many leave their place on the ring, five deviations (alarm 6e-7, fixed seed); both ways of drawing."""
    shape = (1000, 400)
    ring, topology = (small_world(shape, nnz, stream(2, "topology"), p) for p in (0, rewired))
    np.testing.assert_array_equal(topology.fan_in(), ring.fan_in())
    width = nnz // shape[0]
    away = (~np.isin(topology.edge_ids, ring.edge_ids)).sum()
    expected = nnz * rewired * (shape[1] - width) / (shape[1] - width * (1 - rewired))
    assert abs(away - expected) < 5 * np.sqrt(expected)
    far = np.bincount(topology.indices[~np.isin(topology.edge_ids, ring.edge_ids)], minlength=shape[1])
    assert np.abs(far - away / shape[1]).max() < 6 * np.sqrt(away / shape[1]), "rewired ends prefer some inputs"


def degrees(topology: Topology) -> tuple[np.ndarray, np.ndarray]:
    return topology.fan_in(), np.diff(topology.transpose.indptr)


def test_scale_free_degrees_have_a_heavy_tail_of_exponent_three() -> None:
    """Against Erdős–Rényi of the same mean, 10: there any unit of four times the mean has probability 2e-7.

    Hill's estimate over the 2 % largest of 20,000 degrees had mean 2.89 and deviation 0.06 over 80 sides: four
    deviations, alarm 6e-5 a side, fixed seed. Barabási and Albert: 3, from below at finite degrees.
    """
    units, mean, tail = 20_000, 10, 400
    for plain in degrees(erdos_renyi((units, units), mean * units, stream(1, "topology"))):
        assert plain.max() < 4 * mean
    for heavy in degrees(scale_free((units, units), mean * units, stream(1, "topology"))):
        largest = np.sort(heavy)[::-1]
        exponent = 1 + tail / np.log(largest[:tail] / largest[tail]).sum()
        assert 2.65 < exponent < 3.13
        assert (heavy >= 4 * mean).sum() > units / 30
        assert largest[0] > 50 * mean


def test_hubs_of_a_scale_free_layer_are_not_the_first_units() -> None:
    fan_in, fan_out = degrees(scale_free((2000, 2000), 20_000, stream(0, "topology")))
    for heavy in (fan_in, fan_out):
        assert (np.argsort(heavy)[-10:] > 200).any(), "chance 1e-10"


def test_a_scale_free_layer_fills_up_where_its_hubs_are_saturated() -> None:
    for nnz in (170, 199, 200):
        assert scale_free((10, 20), nnz, stream(0, "topology")).nnz == nnz


@pytest.mark.parametrize("shape", [(64, 96), (61, 100)])
def test_blocks_are_dense_but_for_the_last(shape: tuple[int, int]) -> None:
    side, nnz = 8, 1000
    topology = block(shape, nnz, stream(3, "topology"), side)
    mask = np.zeros((-(-shape[0] // side) * side, -(-shape[1] // side) * side), bool)
    mask[topology.rows, topology.indices] = True
    possible = np.zeros(mask.shape, bool)
    possible[: shape[0], : shape[1]] = True
    tiles, room = (m.reshape(mask.shape[0] // side, side, -1, side).sum(axis=(1, 3)) for m in (mask, possible))
    used = tiles > 0
    assert (tiles[used] < room[used]).sum() <= 1
    assert used.sum() >= -(-nnz // side**2)
    assert len(np.unique(np.nonzero(used)[0])) > 4, "random places, not one corner"


def test_a_block_as_large_as_the_layer_is_erdos_renyi() -> None:
    topology = block((30, 40), 100, stream(0, "topology"), 10**6)
    assert topology.nnz == 100
    assert topology.fan_in().max() < 20


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


@given(topology=strategies.topologies(), data=st.data())
def test_sample_inactive_in_rows_draws_the_numbers_asked_for(topology: Topology, data: st.DataObject) -> None:
    free = topology.n_in - topology.fan_in()
    counts = np.array([data.draw(st.integers(0, int(most))) for most in free])
    rows, cols = sample_inactive_in_rows(topology, counts, data.draw(strategies.generators()))
    assert rows.dtype == cols.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(rows, minlength=topology.n_out), counts)
    edit(topology, np.empty(0, np.int64), rows, cols)  # refuses what is active or unordered


@pytest.mark.parametrize("count", [2, 12])
def test_sample_inactive_in_rows_is_uniform(count: int) -> None:
    """2 or 12 of 29 inactive inputs, 4,000 rows: each input's number binomial, five deviations, alarm 2e-5."""
    active = Topology.from_edges(np.arange(4000), np.full(4000, 7), (4000, 30))
    rows, cols = sample_inactive_in_rows(active, np.full(4000, count), stream(5, "topology"))
    numbers, share = np.bincount(cols, minlength=30), count / 29
    assert numbers[7] == 0
    deviation = np.sqrt(4000 * share * (1 - share))
    assert np.abs(np.delete(numbers, 7) - 4000 * share).max() < 5 * deviation
    assert len(rows) == 4000 * count


@pytest.mark.parametrize("counts", [[1, -1], [4, 0], [1], [1, 1, 1]])
def test_sample_inactive_in_rows_refuses(counts: list[int]) -> None:
    with pytest.raises(InputError, match="cannot draw these numbers of inactive connections from the rows of"):
        sample_inactive_in_rows(Topology([0, 1, 1], [0], (2, 4)), np.array(counts), stream(0, "topology"))


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


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="draws by interpreted kernels")
@pytest.mark.parametrize("name", [*EXACT, "bernoulli"])
def test_no_pattern_makes_a_dense_array(name: str) -> None:
    side, nnz = 100_000, 400_000
    PATTERNS[name]((90, 70), 50, stream(0, "topology"))  # compiled and imported beforehand
    whole, half = (
        peak(lambda part=part: PATTERNS[name]((side // part, side // part), nnz // part, stream(0, "topology")))
        for part in (1, 2)
    )
    assert whole < side * side // 100, "a dense mask would take 10 GB"
    assert whole < 200 * (2 * side + nnz), "bytes for each unit and connection"
    assert whole < 2.3 * half, "not linear"
