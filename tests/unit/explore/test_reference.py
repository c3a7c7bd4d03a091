"""What RigL would have grown, against a dense definition, and in the memory of a block."""

from __future__ import annotations

import math
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref import backends
from gse_ref.conformance.strategies import generators, mask_of, of_mask, shapes, topologies
from gse_ref.errors import DivergenceError
from gse_ref.explore import Request, method, recall
from gse_ref.explore.reference import greedy_reference
from gse_ref.explore.update import settle
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, Topology, difference, empty, erdos_renyi

SAMPLES = 3


class Layer(NamedTuple):
    parameter: SparseParameter
    x: np.ndarray
    delta: np.ndarray
    grown: Topology


@st.composite
def networks(draw: st.DrawFn, least: int = 1, density: float | None = None) -> list[Layer]:
    """Layers whose gradients are small whole numbers, so that sums are exact and ties are many."""
    layers, sides = [], shapes(6) if least == 1 else st.tuples(st.integers(least, 9), st.integers(least, 9))
    for shape in draw(st.lists(sides, min_size=1, max_size=3)):
        generator = draw(generators())
        topology = draw(topologies(shape)) if density is None else of_mask(generator.random(shape) < density)
        parameter = SparseParameter(LayerShape(*shape), np.float64)
        parameter.place(topology, np.ones(topology.nnz))
        x, delta = (generator.integers(-2, 3, (side, SAMPLES)).astype(np.float64) for side in reversed(shape))
        grown = mask_of(draw(topologies(shape))) & ~mask_of(topology)
        layers.append(Layer(parameter, x, delta, of_mask(grown)))
    return layers


def request_of(layers: list[Layer], scope: str, subset_factor: float = 1.0) -> Request:
    def run_probe(observer) -> None:
        for layer in reversed(layers):
            observer(layer.parameter, layer.x, layer.delta)

    return Request(0, 5, 0.3, scope, subset_factor, run_probe)


def reference(layers: list[Layer], scope: str) -> list:
    named = {f"layer{number}": layer for number, layer in enumerate(layers)}
    parameters = {name: layer.parameter for name, layer in named.items()}
    grown = {name: layer.grown for name, layer in named.items()}
    found = greedy_reference(parameters, grown, request_of(layers, scope))
    return [found[name] for name in named]


def best_pairs(layers: list[Layer], k: int) -> list[tuple[float, int, int, int]]:
    """Return the k best (−|gradient|, layer, row, column) of all inactive pairs: a sort of the dense gradient."""
    inactive = [
        (-abs(sum(layer.delta[i] * layer.x[j])), number, i, j)
        for number, layer in enumerate(layers)
        for i in range(layer.parameter.topology.n_out)
        for j in range(layer.parameter.topology.n_in)
        if not mask_of(layer.parameter.topology)[i, j]
    ]
    return sorted(inactive)[:k]


@given(networks(), st.sampled_from(["global", "layer"]))
def test_reference_is_the_top_of_the_dense_gradient(layers: list[Layer], scope: str) -> None:
    if scope == "global":
        best = best_pairs(layers, sum(layer.grown.nnz for layer in layers))
    else:
        best = [
            (score, number, i, j)
            for number, layer in enumerate(layers)
            for score, _, i, j in best_pairs([layer], layer.grown.nnz)
        ]
    event(f"grown: {min(2, len(best))}, layers: {len(layers)}, {scope}")
    for number, (layer, actual) in enumerate(zip(layers, reference(layers, scope), strict=True)):
        own = sorted((i, j) for _, k, i, j in best if k == number)
        assert list(zip(actual.best.rows.tolist(), actual.best.indices.tolist(), strict=True)) == own
        assert actual.best_mass == -sum(score for score, k, _, _ in best if k == number)
        pairs = zip(layer.grown.rows, layer.grown.indices, strict=True)
        assert actual.grown_mass == sum(abs(layer.delta[i] @ layer.x[j]) for i, j in pairs)


@given(networks(5, 0.3), st.sampled_from(["global", "layer"]), st.sampled_from([0.5, 1.0, 2.0, 100.0]))
def test_candidates_hold_what_is_grown_of_the_best(layers: list[Layer], scope: str, factor: float) -> None:
    """What S holds of RigL's top k, GSE grows, and what it grows is in S."""
    request = request_of(layers, scope, factor)
    parameters = {str(number): layer.parameter for number, layer in enumerate(layers)}
    proposals = method("gse").propose(parameters, request)
    change = settle(parameters, proposals, request)
    grown = {name: difference(change.layers[name].topology, p.topology) for name, p in parameters.items()}
    found = greedy_reference(parameters, grown, request)
    pairs = zip(proposals, parameters.values(), strict=True)
    candidates = [Topology.from_edges(s.rows, s.cols, p.topology.shape) for s, p in pairs]
    best = [found[name].best for name in parameters]
    share = recall(candidates, best)
    event(f"recall {share if share is None or share in (0, 1) else 'between'}")
    assert recall(list(grown.values()), best) == share
    if factor == 100 and all(p.nnz for p in parameters.values()):  # S is all that is inactive
        assert share == 1


def test_nothing_grown_costs_no_probe() -> None:
    parameter = SparseParameter(LayerShape(3, 4))

    def run_probe(observer) -> None:
        raise AssertionError("a probe was run")

    request = Request(0, 5, 0.0, "global", 1.0, run_probe)
    [found] = greedy_reference({"fc": parameter}, {"fc": empty((3, 4))}, request).values()
    assert (found.best.nnz, found.best_mass, found.grown_mass) == (0, 0, 0)


def test_gradients_that_are_not_finite_name_layer_and_step() -> None:
    parameter = SparseParameter(LayerShape(3, 4), np.float64)
    grown = Topology.from_edges([0], [0], (3, 4))
    layer = Layer(parameter, np.ones((4, 2)), np.full((3, 2), math.inf), grown)
    with pytest.raises(DivergenceError, match="layer layer0 at step 5"):
        reference([layer], "layer")


def test_reference_holds_one_block_of_the_gradient() -> None:
    n, batch = 8192, 4
    parameter = SparseParameter(LayerShape(n, n))
    parameter.place(erdos_renyi((n, n), 10 * n, stream(0, "topology")), np.ones(10 * n, np.float32))
    x, delta = (np.ones((n, batch), np.float32) * np.arange(n, dtype=np.float32)[:, None] for _ in range(2))
    grown = erdos_renyi((n, n), n, stream(1, "topology"))
    tracemalloc.start()
    with backends.thread_limit(1):
        [found] = reference([Layer(parameter, x, delta, grown)], "layer")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.best.nnz == n
    assert peak < n * n, "not even one byte for each possible connection"
