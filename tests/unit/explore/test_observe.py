"""Every measure of exploration against its definition in Python sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.backends import bound
from gse_ref.conformance.strategies import mask_of, shapes, topologies
from gse_ref.errors import CheckpointError, InputError
from gse_ref.explore import explored_share, jaccard_distance, recall, survival
from gse_ref.explore.history import History
from gse_ref.explore.observe import units_without_inputs, units_without_outputs
from gse_ref.sparse import Topology, empty, full

Edges = set[tuple[int, int, int]]


def edges(network: list[Topology]) -> Edges:
    """Return (layer, row, column) of every connection."""
    return {(k, int(i), int(j)) for k, t in enumerate(network) for i, j in zip(t.rows, t.indices, strict=True)}


@st.composite
def histories(draw: st.DrawFn) -> list[list[Topology]]:
    """The same layers at two or more moments."""
    of = draw(st.lists(shapes(5), min_size=1, max_size=3))
    return [[draw(topologies(shape)) for shape in of] for _ in range(draw(st.integers(2, 4)))]


@given(histories())
def test_measures_follow_their_definitions(history: list[list[Topology]]) -> None:
    a, b = history[:2]
    one, other = edges(a), edges(b)
    possible = sum(t.n_out * t.n_in for t in a)
    assert explored_share(history) == len(set().union(*map(edges, history))) / possible
    assert jaccard_distance(a, b) == (1 - len(one & other) / len(one | other) if one | other else 0)
    assert recall(a, b) == (len(one & other) / len(other) if other else None)
    assert survival(a, b) == (len(one & other) / len(one) if one else None)
    assert units_without_inputs(a) == sum(int((~mask_of(t).any(axis=1)).sum()) for t in a)
    assert units_without_outputs(a) == sum(int((~mask_of(t).any(axis=0)).sum()) for t in a)


@given(histories())
def test_one_layer_needs_no_list(history: list[list[Topology]]) -> None:
    a, b = history[0][0], history[1][0]
    assert explored_share([a, b]) == explored_share([[a], [b]])
    for measure in (jaccard_distance, recall, survival):
        assert measure(a, b) == measure([a], [b])
    assert units_without_inputs(a) == units_without_inputs([a])
    assert units_without_outputs(a) == units_without_outputs([a])


@given(histories())
def test_distance_is_one(history: list[list[Topology]]) -> None:
    """0 to itself and to nothing else, symmetric, within the triangle."""
    a, b, c = history[0], history[1], history[-1]
    assert (jaccard_distance(a, b) == 0) == (edges(a) == edges(b))
    assert jaccard_distance(a, b) == jaccard_distance(b, a)
    assert 0 <= jaccard_distance(a, b) <= 1
    detour = jaccard_distance(a, b) + jaccard_distance(b, c)
    assert jaccard_distance(a, c) <= detour + bound(np.float64, 2, np.float64(2.0))


def test_what_there_is_nothing_of() -> None:
    nothing, everything = empty((3, 4)), full((3, 4))
    assert recall(everything, nothing) is None
    assert survival(nothing, everything) is None
    assert jaccard_distance(nothing, nothing) == 0
    assert jaccard_distance(nothing, everything) == 1
    assert (explored_share([nothing]), explored_share([nothing, everything])) == (0, 1)


@pytest.mark.parametrize("measure", [jaccard_distance, recall, survival, lambda a, b: explored_share([a, b])])
def test_networks_of_different_layers_are_refused(measure) -> None:
    with pytest.raises(InputError, match="one shape"):
        measure(empty((2, 3)), empty((3, 3)))
    with pytest.raises(InputError, match=r"the same layers, got (1 and 2|2 and 1)"):
        measure(empty((2, 3)), [empty((2, 3)), empty((2, 3))])


@pytest.mark.parametrize("history", [[], [[]]])
def test_no_history_is_refused(history) -> None:
    with pytest.raises(InputError, match="at least one topology"):
        explored_share(history)


@given(histories())
def test_history_remembers_what_was_grown(history: list[list[Topology]]) -> None:
    names = [f"layer{number}.weight" for number in range(len(history[0]))]
    first, *grown = [dict(zip(names, network, strict=True)) for network in history]
    remembered = History(first)
    assert edges(list(remembered.recent.values())) == edges(list(remembered.grown.values())) == set()
    for update in grown:
        remembered.add(update)
    assert remembered.first == first
    assert remembered.recent == grown[-1]
    assert edges(list(remembered.grown.values())) == set().union(*map(edges, history[1:]))
    copy = History(first)
    copy.restore(remembered.state())
    assert (copy.grown, copy.recent) == (remembered.grown, remembered.recent)
    assert all(array.dtype == np.int64 for array in copy.state().values())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("grown/a"), "is of other layers"),
        (lambda state: state.update({"grown/b": np.empty(0, np.int64)}), "is of other layers"),
        (lambda state: state.update({"grown/a": np.array([6])}), r"rows must lie in \[0, 2\)"),
        (lambda state: state.update({"grown/a": np.array([-1])}), r"rows must lie in \[0, 2\)"),
        (lambda state: state.update({"recent/a": np.array([1, 1])}), "more than once"),
        (lambda state: state.update({"recent/a": np.array([0.5])}), "integer"),
        (lambda state: state.update({"recent/a": np.array(["x"])}), "history of exploration, recent/a"),
    ],
)
def test_damaged_history_is_refused(damage, message: str) -> None:
    history = History({"a": empty((2, 3))})
    state = history.state()
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        history.restore(state)
