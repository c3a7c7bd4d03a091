"""What the O(n + nnz) of docs/complexity.md rests on, by exact counts: no clock is looked at.

Some costs hold whatever the data; where an expected cost needs an assumption, both it and what happens without it
are tested here. That of the selection is in `test_selection_bound`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from gse_ref.backends import Backend, Geometry, get, use
from gse_ref.backends.counting import Counter, Tally, counting
from gse_ref.conformance import strategies
from gse_ref.explore import METHODS, Request, update
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, Topology, erdos_renyi, full, sample_inactive

SEEDS = 20


def counted(run) -> Tally:
    """Return what `run` costs on a counting backend that it is given."""
    counter = Counter()
    run(counting(get("cpu"), counter))
    return counter.total()


@given(case=strategies.drawn())
def test_candidates_are_no_more_than_draws_and_cost_the_same_whichever_were_drawn(case: strategies.Drawn) -> None:
    topology, draws = case.topology, len(case.rows)
    pattern = topology.indptr, topology.indices, topology.n_in

    def run(backend: Backend) -> None:
        rows, cols = backend.candidates(case.rows, case.cols, *pattern)
        assert len(rows) == len(cols) <= draws

    assert counted(run).moves == 3 * draws
    equal = counted(lambda backend: backend.candidates(case.rows * 0, case.cols * 0, *pattern))
    assert equal.moves == 3 * draws


@pytest.mark.parametrize("density", [0.001, 0.01, 0.1, 0.25])
def test_uniform_draws_leave_candidates_in_proportion(density: float) -> None:
    """γ = 1: |S| / N → (1 − d)(1 − e^−d) / d, which is 1 − 1.5 d for small d.

    The mean of 20 seeds; its standard deviation is below √(N / 20), so that five of them err once in 10⁶ runs.
    """
    n = 400
    nnz = round(density * n * n)
    topology = erdos_renyi((n, n), nnz, stream(0, "topology"))
    sizes = []
    for seed in range(SEEDS):
        generator = stream(seed, "draw")
        rows, cols = (generator.integers(0, n, nnz, np.int32) for _ in range(2))
        sizes.append(len(get("cpu").candidates(rows, cols, topology.indptr, topology.indices, n)[0]))
    expected = (n * n - nnz) * (1 - (1 - 1 / (n * n)) ** nnz)
    assert abs(np.mean(sizes) - expected) < 5 * math.sqrt(nnz / SEEDS)
    assert abs(expected / nnz - (1 - density) * -math.expm1(-density) / density) < 1e-3


def exploration(density: float, factor: float) -> tuple[Tally, int]:
    """Return what the candidates of one update cost, and the number of connections."""
    n = 60
    parameter = SparseParameter(LayerShape(n, n))
    nnz = round(density * n * n)
    parameter.place(erdos_renyi((n, n), nnz, stream(0, "topology")), np.ones(nnz, np.float32))
    ones = np.ones((n, 2), np.float32)
    request = Request(0, 1, 0.1, "layer", factor, lambda observe: observe(parameter, ones, ones))
    counter = Counter()
    with use(counting(get("cpu"), counter)):
        update({"layer": parameter}, METHODS["gse"].propose, request)
    return counter.tallies["candidates"], nnz


@pytest.mark.parametrize("density", [0.5, 0.7, 0.95])
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_all_inactive_are_listed_only_where_they_are_no_more_than_the_draws(density: float, factor: float) -> None:
    """So that the n_out · n_in comparisons of the list are at most (1 + γ) N."""
    listed, nnz = exploration(density, factor)
    assert listed.moves == 60 * 60 <= (1 + factor) * nnz
    drawn, nnz = exploration(0.9 / (1 + factor), factor)
    assert drawn.moves == 3 * math.ceil(factor * nnz)


@pytest.mark.parametrize("density", [0.02, 0.25, 0.45, 0.499])
@pytest.mark.parametrize("n", [20, 100, 400])
def test_set_rejects_a_bounded_number_of_draws(n: int, density: float) -> None:
    """At most half of all pairs are active or asked for, else all are listed: so few draws are rejected.

    In the worst case, as many asked for as that allows, over 20 seeds: 5 rounds and 6.4 sorted entries for each.
    """
    for seed in range(SEEDS):
        topology = erdos_renyi((n, n), int(density * n * n), stream(seed, "topology"))
        wanted = (topology.size - topology.nnz - 1) // 2
        counter = Counter()
        with use(counting(get("cpu"), counter)):
            sample_inactive([topology], wanted, stream(seed, "grow"))
        cost = counter.tallies["candidates"]
        assert cost.calls <= 8
        assert cost.moves / 3 <= 8 * wanted + 200


def patterns(n: int, per_unit: int) -> dict[str, Topology]:
    """Patterns of n · per_unit connections: even, as random as they come, and as uneven as they can be."""
    edges = np.arange(n * per_unit)
    return {
        "random": erdos_renyi((n, n), n * per_unit, stream(0, "topology")),
        "even": Topology.from_edges(edges // per_unit, (edges // per_unit + edges % per_unit) % n, (n, n)),
        "full rows": Topology.from_edges(edges // n, edges % n, (n, n)),
        "full columns": Topology.from_edges(edges % n, edges // n, (n, n)),
    }


def test_costs_do_not_depend_on_the_lengths_of_rows() -> None:
    """Only the time on several threads does: a row is one thread's."""
    n, batch = 64, 3
    x = np.ones((n, batch), np.float32)
    rows, cols = (np.arange(0, 8 * n, dtype=np.int32) % n for _ in range(2))
    costs = {}
    for name, topology in patterns(n, 8).items():
        values = np.ones(topology.nnz, np.float32)
        indptr, indices, plan = topology.indptr, topology.indices, topology.transpose
        slots = np.arange(0, topology.nnz, 7)
        runs = (
            lambda b, p=(indptr, indices), v=values: b.spmm(*p, v, x),
            lambda b, p=plan, v=values: b.spmm_backward(p, v, x, x),
            lambda b, p=(indptr, indices): b.sddmm(*p, x, x),
            lambda b, p=(indptr, indices): b.transpose_index(*p, n),
            lambda b, p=(indptr, indices), s=slots: b.merge(*p, s, rows[:0], cols[:0]),
        )
        costs[name] = [counted(run) for run in runs]
        assert counted(lambda b, t=topology: b.candidates(rows, cols, t.indptr, t.indices, n)).moves == 3 * len(
            rows
        )
    assert all(cost == costs["random"] for cost in costs.values())


@pytest.mark.parametrize("n", [1_000, 10_000, 100_000])
def test_the_longest_row_of_a_random_topology_is_short(n: int) -> None:
    """At 10 connections a unit: below 10 e + 2 ln n, but for one topology in 10⁵ (Chernoff's bound)."""
    longest = max(int(erdos_renyi((n, n), 10 * n, stream(seed, "topology")).fan_in().max()) for seed in range(3))
    assert 10 < longest < 10 * math.e + 2 * math.log(n)


@given(mass=strategies.masses())
def test_an_alias_table_takes_less_than_a_step_for_each_slot(mass: np.ndarray) -> None:
    """Whatever the masses: every step fills one slot for good, and the last is never filled."""
    steps = counted(lambda backend: backend.alias_table(mass)).moves - len(mass)
    assert 0 <= steps < len(mass)


def test_one_heavy_unit_takes_all_steps_and_equal_masses_none() -> None:
    heavy = counted(lambda backend: backend.alias_table(np.array([1e6] + [1.0] * 99)))
    assert heavy.moves == 100 + 99
    assert counted(lambda backend: backend.alias_table(np.full(64, 0.5))).moves == 64


@pytest.mark.parametrize("geometry", [Geometry(3, 1, 1), Geometry(3, 2, 1), Geometry(5, 1, 2), Geometry(7, 2, 3)])
def test_the_lists_of_a_convolution_grow_with_its_connections_alone(geometry: Geometry) -> None:
    """A large image has as many classes of positions as a small one, at most kernel² with this padding."""
    topology = full((2, 2 * geometry.kernel**2))
    values, classes = np.ones(topology.nnz, np.float32), set()
    for size in (16, 24, 48):
        x = np.ones((2, size, size, 1), np.float32)
        dy = get("cpu").conv(topology.indptr, topology.indices, values, x, geometry)
        runs = (
            lambda b, x=x: b.conv(topology.indptr, topology.indices, values, x, geometry),
            lambda b, dy=dy, size=size: b.conv_t(topology.transpose, values, dy, geometry, (size, size)),
        )
        classes.add(tuple(counted(run).moves / topology.nnz for run in runs))
    assert len(classes) == 1
    assert max(classes.pop()) <= geometry.kernel**2
