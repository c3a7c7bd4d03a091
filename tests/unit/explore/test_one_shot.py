"""Pruning before training: laws of the scores, exact counts, and a network that is left as it was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.errors import DivergenceError, InputError
from gse_ref.explore import Request, Target, one_shot
from gse_ref.explore.one_shot import grasp, grasp_scores, snip, synflow, synflow_scores
from gse_ref.models import small_resnet
from gse_ref.nn import Conv2d, GlobalAvgPool, Linear, Module, ReLU, Sequential, initialise
from gse_ref.rng import stream
from tests.bounds import assert_close
from tests.unit.explore.network_requests import request_for

WIDTHS = (9, 8, 7, 6, 5)
SHOTS = {"snip": snip, "grasp": grasp, "synflow": synflow}


def perceptron() -> Sequential:
    layers: list[Module] = []
    for n_in, n_out in pairwise(WIDTHS):
        layers += [Linear(n_in, n_out, bias=False, dtype=np.float64), ReLU()]
    model = Sequential(*layers[:-1])
    initialise(model, 1.0, seed=4)
    return model


def images() -> Sequential:
    """A network without biases: convolutions, one of them strided, a pool and a linear layer."""
    convolutions = Conv2d(2, 4, 3, bias=False, dtype=np.float64), Conv2d(4, 3, 3, 2, bias=False, dtype=np.float64)
    last = Linear(3, 5, bias=False, dtype=np.float64)
    model = Sequential(convolutions[0], ReLU(), convolutions[1], ReLU(), GlobalAvgPool(), last)
    initialise(model, 1.0, seed=4)
    return model


def batch(model: Module) -> tuple[np.ndarray, np.ndarray]:
    shape = (2, 6, 6, 10) if isinstance(next(iter(model.layers)), Conv2d) else (WIDTHS[0], 10)
    return stream(0, "check").normal(size=shape), np.arange(10) % 5


def contents(model: Module) -> list[tuple[str, int, bytes]]:
    return [(name, id(array), array.tobytes()) for name, array in model.state_dict().items()]


def absolute(model: Module) -> Module:
    for parameter in model.named_parameters().values():
        parameter.data = np.abs(parameter.data)
    return model


@pytest.mark.parametrize("network", [perceptron, images])
def test_synflow_conserves_the_sum_of_every_layer(network) -> None:
    """Without biases the flow R passes every layer whole (Tanaka et al. 2020, theorem 1)."""
    model = absolute(network())
    ones = np.ones((*batch(model)[0].shape[:-1], 1))
    flow = float(model(Tensor(ones)).data.sum())
    sums = np.array([score.sum() for score in synflow_scores(model, ones)])
    length = sum(p.topology.size for p in model.sparse_parameters().values())
    assert flow > 0
    assert_close(sums, np.full(len(sums), flow), flow, length)


def test_synflow_conserves_the_sum_at_every_hidden_unit() -> None:
    model = absolute(perceptron())
    scores = synflow_scores(model, np.ones((WIDTHS[0], 1)))
    matrices = [
        s.reshape(p.topology.shape) for s, p in zip(scores, model.sparse_parameters().values(), strict=True)
    ]
    for before, after in pairwise(matrices):
        assert_close(before.sum(1), after.sum(0), before.sum(), sum(s.size for s in scores))


def test_synflow_in_rounds_cuts_no_layer() -> None:
    """24 of 200 connections: a hundred rounds leave every layer some, and a path from end to end."""
    model = perceptron()
    x, labels = batch(model)
    request = request_for(model, x, labels, 0.12)
    assert {change.topology.nnz == 0 for change in synflow(model.sparse_parameters(), request).layers.values()} == {
        False
    }


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("density", [0.05, 0.3, 0.777, 1.0])
@pytest.mark.parametrize("network", [perceptron, images])
@pytest.mark.parametrize("name", SHOTS)
def test_counts_are_exact_and_weights_stay(
    name: str, network, density: float, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_shot, "ROUNDS", 5)
    model = network()
    layers, before = model.sparse_parameters(), contents(model)
    change = SHOTS[name](layers, request_for(model, *batch(model), density, scope=scope))
    assert contents(model) == before
    sizes = {layer: p.topology.size for layer, p in layers.items()}
    assert sum(c.topology.nnz for c in change.layers.values()) == round(density * sum(sizes.values()))
    for layer, row in change.layers.items():
        left = np.flatnonzero(row.slot_map.target >= 0)
        assert row.topology.edge_ids.tolist() == left.tolist(), "the first network is dense: slots are edge ids"
        assert row.pruned == sizes[layer] - row.topology.nnz
        gone = np.abs(np.delete(layers[layer].data, left))
        assert row.largest_pruned_magnitude == (gone.max() if len(gone) else None)


@pytest.mark.parametrize("name", SHOTS)
def test_the_guard_keeps_connections_in_every_layer(name: str) -> None:
    model = perceptron()
    change = SHOTS[name](model.sparse_parameters(), request_for(model, *batch(model), 0.1, min_nnz=4))
    assert min(c.topology.nnz for c in change.layers.values()) >= 4
    assert sum(c.topology.nnz for c in change.layers.values()) == 20


@pytest.mark.parametrize("name", SHOTS)
def test_looking_leaves_no_trace(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running statistics, modes, gradients and topologies of a network with normalisation."""
    monkeypatch.setattr(one_shot, "ROUNDS", 2)
    model = small_resnet(8, (3, 8, 8), 5, width=0.25)
    initialise(model, 1.0, seed=1)
    next(iter(model.named_parameters().values())).grad = marker = Tensor(np.ones(3))
    topologies = [p.topology for p in model.sparse_parameters().values()]
    x, labels = stream(0, "check").normal(size=(3 * 8 * 8, 6)).astype(np.float32), np.arange(6) % 5
    before = contents(model)
    SHOTS[name](model.sparse_parameters(), request_for(model, x, labels, 0.2))
    assert contents(model) == before
    assert all(module.training for _, module in model.named_modules())
    assert next(iter(model.named_parameters().values())).grad is marker
    assert [p.topology for p in model.sparse_parameters().values()] == topologies
    assert {p.dtype for p in model.named_parameters().values()} == {np.dtype(np.float32)}


class Aside(Module):
    """A network with a layer that its output does not depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = Linear(4, 5, dtype=np.float64), Linear(3, 3, dtype=np.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


def test_a_layer_that_is_not_used_has_no_score() -> None:
    model = Aside()
    initialise(model, 1.0)
    x, labels = stream(0, "check").normal(size=(4, 5)), np.arange(5)
    problem = request_for(model, x, labels).problem
    for used, unused in (
        grasp_scores(model.sparse_parameters(), problem),
        synflow_scores(absolute(model), np.ones((4, 1))),
    ):
        assert used.any()
        assert unused.shape == (9,)
        assert not unused.any()


@pytest.mark.parametrize("name", SHOTS)
def test_what_is_not_finite_is_named(name: str) -> None:
    model = perceptron()
    layers = model.sparse_parameters()
    last = list(layers)[-1]
    layers[last].data[0] = np.nan
    with pytest.raises(DivergenceError, match=rf"weights of layer {last} at step 1 are not finite"):
        SHOTS[name](layers, request_for(model, *batch(model)))


def test_scores_that_overflow_are_named() -> None:
    model = perceptron()
    for parameter in model.sparse_parameters().values():
        parameter.data[...] = 1e200
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(DivergenceError, match=r"score of layer layers"),
    ):
        synflow(model.sparse_parameters(), request_for(model, *batch(model)))


def test_what_a_request_must_have() -> None:
    model = perceptron()
    layers, asked = model.sparse_parameters(), Request(0, 1, 0.0, "global", 1.0, lambda observer: None)
    with pytest.raises(InputError, match=r"needs a target density: give Request\(target=...\)"):
        synflow(layers, asked)
    with pytest.raises(InputError, match=r"looks at the whole network: give Request\(problem=...\)"):
        grasp(layers, Request(0, 1, 0.0, "global", 1.0, lambda observer: None, target=Target(0.5, 0.5)))


def test_synflow_takes_its_hundred_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, counts = [], one_shot.counts

    def watched(layers, target, scope):
        asked.append(target.density)
        return counts(layers, target, scope)

    monkeypatch.setattr(one_shot, "counts", watched)
    model = perceptron()
    synflow(model.sparse_parameters(), request_for(model, *batch(model), 0.04))
    assert len(asked) == 100
    assert_close(np.array(asked), np.array([0.04 ** (r / 100) for r in range(1, 101)]), 1.0, 2)
    assert asked[-1] == 0.04
