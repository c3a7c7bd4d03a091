"""Thinning out: counts that meet the target, the best kept, the guard, and what cannot be reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref.errors import InputError
from gse_ref.explore import Target
from gse_ref.explore.keep import counts, keep_best, require_reachable
from gse_ref.nn import SparseParameter
from gse_ref.sparse import LayerShape, full, layer_budgets

shapes = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=4)
densities = st.integers(1, 1000).map(lambda k: k / 1000)


def _layers(shapes: list[tuple[int, int]]) -> dict[str, SparseParameter]:
    layers = {}
    for number, shape in enumerate(shapes):
        parameter = SparseParameter(LayerShape(*shape))
        parameter.place(full(shape), np.ones(shape[0] * shape[1], np.float32))
        layers[str(number)] = parameter
    return layers


@given(
    shapes=shapes, falling=st.lists(densities, min_size=1, max_size=5), scope=st.sampled_from(["global", "layer"])
)
def test_rounds_of_any_densities_end_exactly_at_the_last(
    shapes: list[tuple[int, int]], falling: list[float], scope: str
) -> None:
    """A larger total may give a small layer fewer connections: it must not lose what it has to have in the end."""
    layers, falling = _layers(shapes), sorted(falling, reverse=True)
    sizes = [p.topology.size for p in layers.values()]
    if round(falling[-1] * sum(sizes)) < 1:
        return
    left = sizes
    for density in falling:
        wanted = counts(layers, Target(density, falling[-1]), scope)
        left = [len(slots) for slots in keep_best([np.ones(n) for n in left], wanted)]
        assert sum(left) >= round(falling[-1] * sum(sizes))
    assert sum(left) == round(falling[-1] * sum(sizes))
    budgets = layer_budgets("erdos_renyi", [LayerShape(*shape) for shape in shapes], falling[-1])
    assert scope == "global" or left == budgets


def test_a_larger_total_can_leave_a_layer_fewer() -> None:
    """The case that the guard is for: 4 of 9 connections leave the first layer none, 3 of 9 leave it one."""
    shapes = [(1, 1), (1, 4), (4, 1)]
    layouts = [LayerShape(*shape) for shape in shapes]
    assert [layer_budgets("erdos_renyi", layouts, total / 9) for total in (4, 3)] == [[0, 2, 2], [1, 1, 1]]
    assert counts(_layers(shapes), Target(4 / 9, 3 / 9), "layer") == [1, 2, 2]


scores = st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 3.5]), max_size=6), min_size=2, max_size=4)


@given(scores=scores, count=st.integers(0, 20), guard=st.integers(0, 4))
def test_the_best_are_kept_and_every_layer_its_guard(scores: list[list[float]], count: int, guard: int) -> None:
    entries = sorted((-s, n, e) for n, layer in enumerate(scores) for e, s in enumerate(layer))
    first = [entry for n in range(len(scores)) for entry in [e for e in entries if e[1] == n][:guard]]
    rest = [entry for entry in entries if entry not in first]
    chosen = first + rest[: max(0, count - len(first))]
    expected = [sorted(e for _, home, e in chosen if home == n) for n in range(len(scores))]
    actual = keep_best([np.array(s) for s in scores], [count], guard)
    assert [slots.tolist() for slots in actual] == expected
    event("the guard decides" if guard and len(first) > count else "the count decides")


@given(scores=scores, data=st.data())
def test_each_layer_keeps_its_own_best(scores: list[list[float]], data: st.DataObject) -> None:
    wanted = [data.draw(st.integers(0, 8)) for _ in scores]
    expected = [
        sorted(sorted(range(len(s)), key=lambda e: (-s[e], e))[:k]) for s, k in zip(scores, wanted, strict=True)
    ]
    actual = keep_best([np.array(s) for s in scores], wanted, min_nnz=3)
    assert [slots.tolist() for slots in actual] == expected, "the budget decides, not the guard"


def test_what_cannot_be_reached() -> None:
    layers = _layers([(4, 5), (2, 4)])
    with pytest.raises(InputError, match="leaves none: raise the density"):
        counts(layers, Target(0.01, 0.01), "global")
    with pytest.raises(InputError, match="did you mean 'layer'"):
        counts(layers, Target(0.5, 0.5), "layr")
    with pytest.raises(InputError, match=r"min_nnz 3 keeps 6 connections in 2 layers, density 0\.18 leaves 5"):
        require_reachable(layers, Target(0.18, 0.18), "global", 3)
    require_reachable(layers, Target(0.22, 0.22), "global", 3)
    require_reachable(layers, Target(0.18, 0.18), "layer", 3)
