"""Schedules, distributions and selection on their own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gse_ref.errors import DivergenceError, InputError
from gse_ref.explore import METHODS, SCHEDULES, Proposal, Request, is_due, method, prune_fraction, select, update
from gse_ref.explore.distributions import mass_or_uniform, signs_of
from gse_ref.explore.greedy import top_of_dense_gradient
from gse_ref.nn import Observation, SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi, full
from tests.bounds import assert_close


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", lambda t: 0.2 / 2 * (1 + math.cos(math.pi * t / 40))),
        ("constant", lambda t: 0.2),
        ("linear", lambda t: 0.2 * (1 - t / 40)),
        ("inverse_power", lambda t: 0.2 * (1 - t / 40) ** 3),
    ],
)
def test_schedules_follow_their_formulas(schedule: str, expected) -> None:
    steps = range(1, 41)
    actual = np.array([prune_fraction(schedule, 0.2, t, 40) for t in steps])
    assert_close(actual, np.array([expected(t) for t in steps]), 0.2, 4)


def test_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        prune_fraction("cosin", 0.2, 1, 2)
    assert set(SCHEDULES) == {"cosine", "constant", "linear", "inverse_power"}


def test_updates_are_due_every_so_many_steps_until_the_last() -> None:
    assert [t for t in range(50) if is_due(t, 7, 21)] == [7, 14, 21]
    assert [t for t in range(1, 50) if is_due(t, 7, 0)] == []


def test_method_table() -> None:
    assert set(METHODS) >= {"gse", "gse-grabo", "gse-graest", "set", "rigl", "static"}
    with pytest.raises(InputError, match="did you mean 'rigl'"):
        method("rigle")


def test_signs_are_fair_and_of_unit_size() -> None:
    """10,000 fair signs: |sum| > 600 has probability below 2e-9 (Hoeffding)."""
    signs = signs_of(stream(0, "signs"), 10_000)
    assert set(signs) == {-1.0, 1.0}
    assert abs(signs.sum()) < 600


def test_mass() -> None:
    zero, fell_back = mass_or_uniform(np.zeros(3), "here")
    assert fell_back
    assert np.array_equal(zero, np.ones(3))
    assert mass_or_uniform(np.array([0.0, 2.0]), "here")[1] is False
    for bad in (math.nan, math.inf):
        with pytest.raises(DivergenceError, match="layer a at step 3"):
            mass_or_uniform(np.array([1.0, bad]), "layer a at step 3")


def _layer(shape: tuple[int, int], nnz: int) -> SparseParameter:
    parameter = SparseParameter(LayerShape(*shape), np.float64)
    topology = erdos_renyi(shape, nnz, stream(0, "topology"))
    parameter.place(topology, stream(0, "weights").normal(size=nnz))
    return parameter


def _request(observe_with, fraction: float = 0.3, scope: str = "global", **more) -> Request:
    return Request(0, 3, fraction, scope, 1.0, observe_with, **more)


@pytest.mark.parametrize("name", ["gse", "gse-grabo", "gse-graest", "rigl"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gradients_that_are_not_finite_name_layer_and_step(name: str, value: float) -> None:
    layer = _layer((6, 5), 4)
    x, delta = np.ones((5, 2)), np.full((6, 2), value)
    with pytest.raises(DivergenceError, match=r"layer fc.* step 3"):
        update({"fc": layer}, method(name).propose, _request(lambda observer: observer(layer, x, delta)))


def test_weights_that_are_not_finite_name_the_layer() -> None:
    layer = _layer((6, 5), 4)
    layer.data[2] = math.nan
    with pytest.raises(DivergenceError, match="layer fc at step 3"):
        update({"fc": layer}, method("set").propose, _request(lambda observer: None))


def test_full_layer_has_nothing_to_grow() -> None:
    layer = SparseParameter(LayerShape(3, 4), np.float64)
    layer.place(full((3, 4)), np.arange(12.0))
    x, delta = np.ones((4, 2)), np.ones((3, 2))
    for name in ("gse", "set", "rigl"):
        change = update({"fc": layer}, method(name).propose, _request(lambda o: o(layer, x, delta))).layers["fc"]
        assert (change.grown, change.pruned, change.candidates) == (0, 0, 0)
        assert change.smallest_grown_score is None
        assert change.largest_pruned_magnitude is None


def test_min_nnz_guards_a_small_layer() -> None:
    """The small layer holds the smallest weights and gains nothing: unguarded it would lose everything."""
    small, large = _layer((2, 3), 4), _layer((20, 20), 100)
    small.data = small.data * 1e-9
    nothing = np.empty(0, np.int32)
    grow = np.array([e for e in range(400) if e not in set(large.topology.edge_ids.tolist())][:30])
    proposals = [
        Proposal(nothing, nothing, np.empty(0), 0),
        Proposal(grow // 20, grow % 20, np.ones(30), 30),
    ]
    for guard, left in ((0, 0), (1, 1), (3, 3), (9, 4)):
        small_choice, large_choice = select([small, large], proposals, [4, 26], "global", guard)
        assert 4 - len(small_choice.prune) == left
        assert len(small_choice.prune) + len(large_choice.prune) == len(large_choice.grow) == 30
        kept = np.delete(np.abs(small.data), small_choice.prune)
        assert left == 0 or kept.min() >= np.sort(np.abs(small.data))[4 - left]


def test_unknown_scope() -> None:
    with pytest.raises(InputError, match="did you mean 'global'"):
        select([], [], [], "globel")


@pytest.mark.parametrize("block", [1, 7, 64, 10_000])
@pytest.mark.parametrize("keep", [0, 1, 5, 400, 1000])
def test_blocks_do_not_change_rigls_choice(block: int, keep: int) -> None:
    layer = _layer((17, 23), 60)
    grid = stream(1, "check")
    x, delta = (grid.integers(-2, 3, (n, 3)).astype(np.float64) for n in (23, 17))
    gradient = np.abs(delta @ x.T).reshape(-1)
    inactive = sorted(set(range(17 * 23)) - set(layer.topology.edge_ids.tolist()))
    expected = sorted(sorted(inactive, key=lambda e: (-gradient[e], e))[:keep])
    ids, scores = top_of_dense_gradient(Observation(layer, x, delta), keep, "here", block)
    assert ids.tolist() == expected
    assert np.array_equal(scores, gradient[expected])
