"""From models to layers of a cost: shapes, positions, counts as a run has them, nothing dense."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from gse_ref.cost import Layer, Setting, saving
from gse_ref.errors import InputError
from gse_ref.models import cost_layers, mlp, saving_curve, small_resnet, with_density
from gse_ref.nn import Conv2d, Flatten, Linear, Sequential, initialise
from tests.bounds import assert_close


def test_shapes_kernels_and_positions() -> None:
    net = Sequential(Conv2d(3, 4, 5, 2, 0), Flatten(), Linear(4 * 3 * 4, 7), Linear(7, 2, sparse=False))
    assert cost_layers(net, (3, 9, 12)) == [
        Layer("layers.0.weight", 4, 75, 300, 12, (5, 5)),
        Layer("layers.2.weight", 7, 48, 336, 1, None),
    ]


@pytest.mark.parametrize("budget", ["uniform", "erdos_renyi", "erdos_renyi_kernel", "scaled"])
def test_counts_are_those_of_a_run(budget: str) -> None:
    net = small_resnet(8, (1, 8, 8), 3, width=0.5)
    layers = cost_layers(net, (1, 8, 8))
    initialise(net, 0.1, budget)
    counts = [parameter.topology.nnz for parameter in net.sparse_parameters().values()]
    assert [layer.nnz for layer in with_density(layers, 0.1, budget)] == counts
    assert [layer._replace(nnz=layer.size) for layer in with_density(layers, 0.1, budget)] == layers
    shares = [layer.nnz for layer in with_density(layers, 0.1, budget, real=True)]
    assert max(abs(a - b) for a, b in zip(shares, counts, strict=True)) < 1
    total = np.array(0.1 * sum(layer.size for layer in layers))
    assert_close(np.array(sum(shares)), total, total, len(layers))


def test_real_shares_need_no_connection() -> None:
    layers = cost_layers(mlp(10, (10,), 10), (10,))
    with pytest.raises(InputError, match="raise the density"):
        with_density(layers, 1e-3)
    assert [layer.nnz for layer in with_density(layers, 1e-3, "uniform", real=True)] == [0.1, 0.1]


def test_the_curve_is_the_saving_at_each_density() -> None:
    layers, setting = cost_layers(mlp(100, (50,), 10), (100,)), Setting(every=10)
    curve = saving_curve(layers, (0.5, 0.1, 1e-6), "erdos_renyi", setting)
    for at in curve:
        assert at.saving == saving(with_density(layers, at.density, "erdos_renyi", real=True), setting)
    assert curve[0].saving.ratio < curve[1].saving.ratio < curve[2].saving.ratio
    assert curve[0].sparse > curve[1].sparse > curve[2].sparse


def test_a_layer_that_is_not_called_has_no_cost() -> None:
    net = Sequential(Linear(3, 2))
    net.spare = Linear(2, 3)
    with pytest.raises(InputError, match=r"layer spare\.weight is not called in the forward pass"):
        cost_layers(net, (3,))


def test_nothing_dense_is_made() -> None:
    width = 100_000
    cost_layers(mlp(10, (10,), 10), (10,))  # compiled and imported beforehand
    tracemalloc.start()
    layers = with_density(cost_layers(mlp(width, (width,), 10), (width,)), 1e-5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert layers[0].size == width**2
    assert peak < 200 * width, "a byte for each possible connection would be 10 GB"
    assert sum(layer.nnz for layer in layers) == round(1e-5 * (width**2 + 10 * width))
