"""The invariants of ALGORITHM section 5, for every method, scope and nasty state."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gse_ref.explore import CRITERIA, Request, TopologyUpdate, method, update
from gse_ref.nn import SparseParameter
from gse_ref.sparse import LayerShape, Topology
from tests.methods import GROWING

Edges = dict[tuple[int, int], float]


@dataclass
class State:
    """Layers with their probe arrays."""

    layers: dict[str, SparseParameter]
    shown: list[tuple[np.ndarray, np.ndarray]]

    def run_probe(self, observer) -> None:
        for parameter, (x, delta) in reversed(list(zip(self.layers.values(), self.shown, strict=True))):
            observer(parameter, x, delta)


@st.composite
def states(draw) -> State:
    """One to three small layers; values on a coarse grid, so that ties abound; any density from none to full."""
    layers, shown = {}, []
    batch = draw(st.integers(1, 4))
    grid = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0])
    for number in range(draw(st.integers(1, 3))):
        n_out, n_in = draw(st.integers(1, 5)), draw(st.integers(1, 6))
        edges = sorted(draw(st.sets(st.integers(0, n_out * n_in - 1))))
        topology = Topology.from_edges([e // n_in for e in edges], [e % n_in for e in edges], (n_out, n_in))
        parameter = SparseParameter(LayerShape(n_out, n_in), np.float64)
        values = draw(st.lists(grid, min_size=len(edges), max_size=len(edges)))
        parameter.place(topology, np.array(values, np.float64))
        layers[f"layer{number}"] = parameter
        x, delta = (
            np.array(draw(st.lists(grid, min_size=n * batch, max_size=n * batch))).reshape(n, batch)
            for n in (n_in, n_out)
        )
        shown.append((x, delta))
    return State(layers, shown)


def edges_of(parameter: SparseParameter) -> Edges:
    topology = parameter.topology
    keys = zip(topology.rows.tolist(), topology.indices.tolist(), strict=True)
    return dict(zip(keys, parameter.data.tolist(), strict=True))


def request(state: State, scope: str, fraction: float, gamma: float, min_nnz: int, step: int = 5) -> Request:
    return Request(7, step, fraction, scope, gamma, state.run_probe, min_nnz)


#: Fractions are whole thousandths, so that the expected counts are exact in integers.
requests = st.tuples(
    st.sampled_from(["global", "layer"]),
    st.integers(0, 1000).map(lambda k: k / 1000),
    st.floats(0.1, 3),
    st.sampled_from([0, 0, 1, 3]),
)


@pytest.mark.parametrize("name", GROWING)
@given(state=states(), options=requests)
def test_invariants(name: str, state: State, options: tuple[str, float, float, int]) -> None:
    scope, fraction, gamma, min_nnz = options
    before = {layer: edges_of(parameter) for layer, parameter in state.layers.items()}
    asked = request(state, scope, fraction, gamma, min_nnz)
    quotas = asked.quotas(state.layers)
    change = update(state.layers, method(name).propose, asked)
    assert {layer: edges_of(parameter) for layer, parameter in state.layers.items()} == before  # pure
    grown_total, pruned_total, available = 0, 0, 0
    for (layer, parameter), quota in zip(state.layers.items(), quotas, strict=True):
        result, old = change.layers[layer], before[layer]
        carried = result.slot_map.carry(parameter.data)
        parameter.rewire(result.topology, result.slot_map)
        new = edges_of(parameter)
        grown, pruned = set(new) - set(old), set(old) - set(new)
        assert len(grown) == result.grown
        assert len(pruned) == result.pruned
        assert result.candidates <= parameter.topology.size - len(old)
        assert all(new[edge] == 0 and math.copysign(1, new[edge]) == 1 for edge in grown)
        assert all(
            math.copysign(1, new[e]) == math.copysign(1, old[e]) and new[e] == old[e] for e in set(new) & set(old)
        )
        assert np.array_equal(carried, parameter.data)
        assert len(new) >= min(min_nnz, len(old))
        if pruned and not min_nnz and scope == "layer":
            kept = [abs(old[e]) for e in old if e not in pruned]
            assert max(abs(old[e]) for e in pruned) <= min(kept, default=math.inf)
        if scope == "layer":
            assert len(grown) == len(pruned) <= quota
            if not min_nnz:
                assert len(grown) == min(quota, result.candidates)
        grown_total, pruned_total = grown_total + len(grown), pruned_total + len(pruned)
        available += result.candidates
    assert grown_total == pruned_total <= sum(quotas)
    if scope == "global" and not min_nnz:
        assert grown_total == min(sum(quotas), available)
    free = [p.topology.size - len(before[layer]) for layer, p in state.layers.items()]
    if name in ("set", "rigl") and not min_nnz:  # they see every inactive connection
        full = sum(map(min, quotas, free)) if scope == "layer" else min(sum(quotas), sum(free))
        assert grown_total == full
    event("nothing moved" if not grown_total else "moved")


@pytest.mark.parametrize("name", GROWING)
@given(state=states(), options=requests)
def test_same_seed_same_update(name: str, state: State, options: tuple[str, float, float, int]) -> None:
    first, second = (update(state.layers, method(name).propose, request(state, *options)) for _ in range(2))
    for layer in state.layers:
        assert first.layers[layer].topology == second.layers[layer].topology
        assert np.array_equal(first.layers[layer].slot_map.target, second.layers[layer].slot_map.target)


@pytest.mark.parametrize("allow_regrow", [False, True])
@pytest.mark.parametrize("criterion", sorted(CRITERIA))
@given(state=states(), options=requests)
def test_as_many_are_pruned_as_grown_by_every_criterion(
    criterion: str, allow_regrow: bool, state: State, options: tuple[str, float, float, int]
) -> None:
    """Asked for k, pruned k; of those that may grow again, the ones that do have simply stayed."""
    scope, _, _, min_nnz = options
    momenta = {name: np.arange(p.topology.nnz) % 3 - 1.0 for name, p in state.layers.items()}
    asked = replace(request(state, *options), criterion=criterion, momenta=momenta, allow_regrow=allow_regrow)
    quotas, before = asked.quotas(state.layers), {name: edges_of(p) for name, p in state.layers.items()}
    change = update(state.layers, method("rigl").propose, asked)
    grown, pruned = ([getattr(row, part) for row in change.layers.values()] for part in ("grown", "pruned"))
    free = [p.topology.size - p.topology.nnz for p in state.layers.values()]
    for name, row in change.layers.items():
        assert row.topology.nnz == len(before[name]) + row.grown - row.pruned
        assert row.topology.nnz >= min(min_nnz, len(before[name]))
    if scope == "layer":
        assert grown == pruned
    assert sum(grown) == sum(pruned)
    if not min_nnz and not allow_regrow:
        full = sum(map(min, quotas, free)) if scope == "layer" else min(sum(quotas), sum(free))
        assert sum(pruned) == full
    event("moved" if sum(grown) else "nothing moved")


@given(state=states(), options=requests)
def test_regrowth_by_brute_force(state: State, options: tuple[str, float, float, int]) -> None:
    """The k best of everything that is inactive after pruning k: Evci et al. 2020, algorithm 1."""
    scope, fraction, _, _ = options
    asked = replace(request(state, scope, fraction, 1.0, 0), allow_regrow=True)
    quotas = asked.quotas(state.layers)
    change = update(state.layers, method("rigl").propose, asked)
    entries: list[tuple[float, float, int, int, bool]] = []
    for number, (parameter, (x, delta)) in enumerate(zip(state.layers.values(), state.shown, strict=True)):
        gradient, active = np.abs(delta @ x.T), edges_of(parameter)
        for i, j in np.ndindex(*parameter.topology.shape):
            edge = (i, j) in active
            size = abs(active[i, j]) if edge else math.inf
            entries.append((size, -gradient[i, j], number, i * parameter.topology.n_in + j, edge))
    groups = [range(len(quotas))] if scope == "global" else [[n] for n in range(len(quotas))]
    expected = set()
    for group in groups:
        own = [e for e in entries if e[2] in group]
        active = sorted((e for e in own if e[4]), key=lambda e: (e[0], e[2], e[3]))
        k = min(sum(quotas[n] for n in group), len(active))
        kept = set(active[k:])
        best = sorted((e for e in own if e not in kept), key=lambda e: e[1:4])[:k]
        expected |= {e[2:4] for e in kept | set(best)}
    new = {(n, e) for n, row in enumerate(change.layers.values()) for e in row.topology.edge_ids.tolist()}
    assert new == expected


@given(state=states(), options=requests)
def test_ties_by_brute_force(state: State, options: tuple[str, float, float, int]) -> None:
    """RigL sees every inactive connection, so its choice can be listed: score, then layer, then edge id."""
    scope, fraction, _, _ = options
    change = update(state.layers, method("rigl").propose, request(state, scope, fraction, 1.0, 0))
    grow, prune, quotas = [], [], []
    for number, (parameter, (x, delta)) in enumerate(zip(state.layers.values(), state.shown, strict=True)):
        gradient, active = np.abs(delta @ x.T), edges_of(parameter)
        quotas.append(-(-round(1000 * fraction) * len(active) // 1000))
        for i, j in np.ndindex(*parameter.topology.shape):
            entry = (number, i * parameter.topology.n_in + j)
            if (i, j) in active:
                prune.append((abs(active[i, j]), *entry))
            else:
                grow.append((-gradient[i, j], *entry))
    groups = [range(len(quotas))] if scope == "global" else [[n] for n in range(len(quotas))]
    expected_grow, expected_prune = set(), set()
    for group in groups:
        g, p = ([e for e in entries if e[1] in group] for entries in (grow, prune))
        k = min(sum(quotas[n] for n in group), len(g))
        expected_grow |= {e[1:] for e in sorted(g)[:k]}
        expected_prune |= {e[1:] for e in sorted(p)[:k]}
    actual_grow, actual_prune = moved_edges(state, change)
    assert actual_grow == expected_grow
    assert actual_prune == expected_prune


def moved_edges(state: State, change: TopologyUpdate) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    grown, pruned = set(), set()
    for number, (layer, parameter) in enumerate(state.layers.items()):
        old, new = (set(t.edge_ids.tolist()) for t in (parameter.topology, change.layers[layer].topology))
        grown |= {(number, edge) for edge in new - old}
        pruned |= {(number, edge) for edge in old - new}
    return grown, pruned


class Life(RuleBasedStateMachine):
    """Updates of any kind, one after another, against a dictionary from edge to (weight, momentum)."""

    @initialize(state=states())
    def start(self, state: State) -> None:
        self.state, self.step = state, 0
        self.momenta = {name: 10.0 + np.arange(p.topology.nnz) for name, p in state.layers.items()}
        self.model = {name: self.table(name) for name in state.layers}
        self.total = sum(map(len, self.model.values()))

    def table(self, name: str) -> dict[tuple[int, int], tuple[float, float]]:
        edges = edges_of(self.state.layers[name])
        return {e: (w, m) for (e, w), m in zip(edges.items(), self.momenta[name].tolist(), strict=True)}

    @precondition(lambda self: hasattr(self, "state"))
    @rule(name=st.sampled_from(GROWING), options=requests)
    def change(self, name: str, options: tuple[str, float, float, int]) -> None:
        self.step += 1
        change = update(self.state.layers, method(name).propose, request(self.state, *options, self.step))
        for layer, result in change.layers.items():
            self.momenta[layer] = result.slot_map.carry(self.momenta[layer])
            self.state.layers[layer].rewire(result.topology, result.slot_map)
            ids = result.topology.edge_ids.tolist()
            n_in = result.topology.n_in
            self.model[layer] = {divmod(e, n_in): self.model[layer].get(divmod(e, n_in), (0.0, 0.0)) for e in ids}

    @precondition(lambda self: hasattr(self, "state"))
    @rule(amount=st.sampled_from([-1.0, 0.25, 1.0]))
    def train(self, amount: float) -> None:
        for layer, parameter in self.state.layers.items():
            parameter.data = parameter.data + amount
            self.model[layer] = {e: (w + amount, m) for e, (w, m) in self.model[layer].items()}

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "state"):
            return
        assert sum(p.topology.nnz for p in self.state.layers.values()) == self.total
        for layer in self.state.layers:
            assert self.table(layer) == self.model[layer]


TestLife = Life.TestCase
