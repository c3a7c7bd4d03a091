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
from gse_ref.errors import DivergenceError
from gse_ref.explore import Request
from gse_ref.explore.reference import greedy_reference
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, Topology, empty, erdos_renyi
from tests.strategies import mask_of, of_mask, shapes, topologies

SAMPLES = 3


class Layer(NamedTuple):
    parameter: SparseParameter
    x: np.ndarray
    delta: np.ndarray
    grown: Topology


@st.composite
def networks(draw: st.DrawFn) -> list[Layer]:
    """Layers whose gradients are small whole numbers, so that sums are exact and ties are many."""
    layers = []
    for shape in draw(st.lists(shapes(6), min_size=1, max_size=3)):
        parameter, topology = SparseParameter(LayerShape(*shape), np.float64), draw(topologies(shape))
        parameter.place(topology, np.ones(topology.nnz))
        generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        x, delta = (generator.integers(-2, 3, (side, SAMPLES)).astype(np.float64) for side in reversed(shape))
        grown = mask_of(draw(topologies(shape))) & ~mask_of(topology)
        layers.append(Layer(parameter, x, delta, of_mask(grown)))
    return layers


def reference(layers: list[Layer], scope: str) -> list:
    named = {f"layer{number}": layer for number, layer in enumerate(layers)}

    def run_probe(observer) -> None:
        for layer in reversed(layers):
            observer(layer.parameter, layer.x, layer.delta)

    request = Request(0, 5, 0.3, scope, 1.0, run_probe)
    parameters = {name: layer.parameter for name, layer in named.items()}
    found = greedy_reference(parameters, {name: layer.grown for name, layer in named.items()}, request)
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
