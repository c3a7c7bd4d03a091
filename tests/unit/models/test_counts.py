"""Counts of parameters and multiply-adds are the published ones; counting leaves the model as it was."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.errors import ShapeError
from gse_ref.models import LayerCount, large_resnet, layer_counts, mlp, small_resnet
from gse_ref.nn import Conv2d, Dropout, Flatten, Linear, Module, Sequential, ToImages, initialise

compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")
CIFAR, IMAGENET = (3, 32, 32), (3, 224, 224)
#: Parameters with every connection, biases and normalisation included. He et al. 2016, table 6, states them in
#: millions (0.27, 0.46, 0.66, 0.85, 1.7); to the last one they are those of the option-A networks everybody trains.
SMALL = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
#: Parameters as torchvision documents them, and multiply-adds of the convolutions, those of the shortcuts included,
#: and of the classifier (without bias, normalisation, pools, activations and sums), which it gives as 1.81, 3.66
#: and 4.09 · 10⁹.
LARGE = {
    18: (11_689_512, 1_814_073_344),
    34: (21_797_672, 3_663_761_408),
    50: (25_557_032, 4_089_184_256),
}


def parameters(model: Module) -> int:
    """Return how many parameters the model has when every possible connection is active."""
    sparse = model.sparse_parameters()
    dense = sum(p.size for name, p in model.named_parameters().items() if name not in sparse)
    return dense + sum(p.topology.size for p in sparse.values())


def dense_macs(counts: list[LayerCount]) -> int:
    return sum(layer.size * layer.positions for layer in counts)


@pytest.mark.parametrize("depth", sorted(SMALL))
def test_parameters_of_residual_networks_for_small_images(depth: int) -> None:
    model = small_resnet(depth, CIFAR, 10)
    assert parameters(model) == SMALL[depth]
    assert len(model.sparse_parameters()) == depth


@compiled
@pytest.mark.parametrize("depth", sorted(LARGE))
def test_residual_networks_for_large_images(depth: int) -> None:
    model = large_resnet(depth, IMAGENET, 1000)
    expected, macs = LARGE[depth]
    assert parameters(model) == expected
    assert dense_macs(layer_counts(model, IMAGENET)) == macs
    shortcuts = 3 if depth < 50 else 4
    assert len(model.sparse_parameters()) == depth + shortcuts


@compiled
def test_multiply_adds_of_resnet20_by_hand() -> None:
    """40.6 million: all convolutions cost the same but the stem and, half as much, the first ones of two stages."""
    counts = layer_counts(small_resnet(20, CIFAR, 10), CIFAR)
    full = 16 * 16 * 9 * 32 * 32  # of a convolution inside a stage, the same in all three
    assert dense_macs(counts) == 3 * 16 * 9 * 32 * 32 + 16 * full + 2 * (full // 2) + 64 * 10 == 40_551_040
    assert [layer.positions for layer in counts] == [1024] * 7 + [256] * 6 + [64] * 6 + [1]


@compiled
def test_sparse_multiply_adds_follow_the_connections() -> None:
    model = small_resnet(20, CIFAR, 10, width=0.5)
    before = layer_counts(model, CIFAR)
    assert {layer.nnz for layer in before} == {0}
    initialise(model, 0.1)
    counts = layer_counts(model, CIFAR)
    for layer, (name, parameter) in zip(counts, model.sparse_parameters().items(), strict=True):
        assert (layer.name, layer.nnz, layer.size) == (name, parameter.topology.nnz, parameter.topology.size)
    assert [layer._replace(nnz=0) for layer in counts] == before
    assert sum(layer.nnz for layer in counts) == round(0.1 * sum(layer.size for layer in counts))


def test_strides_padding_and_matrices() -> None:
    layers = Conv2d(3, 4, 5, 2, 0), Conv2d(4, 2, 1), Flatten(), Linear(2 * 3 * 4, 7)
    counts = layer_counts(Sequential(*layers), (3, 9, 12))
    assert [(layer.size, layer.positions) for layer in counts] == [(300, 12), (8, 12), (168, 1)]
    assert [layer.name for layer in counts] == ["layers.0.weight", "layers.1.weight", "layers.3.weight"]
    assert layer_counts(layers[0], (3, 9, 12)) == [LayerCount("weight", 300, 0, 12)]
    assert [layer.positions for layer in layer_counts(mlp(6, (5,), 4), (6,))] == [1, 1]


def test_a_layer_called_twice_counts_twice() -> None:
    shared = Conv2d(2, 2, 3, dtype=np.float64)
    [layer] = layer_counts(Sequential(shared, shared), (2, 3, 4))
    assert layer.positions == 2 * 12
    unused = Sequential(shared)
    unused.spare = Linear(2, 3)
    assert [layer.positions for layer in layer_counts(unused, (2, 3, 4))] == [12, 0]


def test_dense_layers_are_not_counted() -> None:
    assert layer_counts(Sequential(Linear(4, 3, sparse=False)), (4,)) == []


def test_counting_leaves_the_model_as_it_was() -> None:
    model = small_resnet(20, (1, 8, 8), 3, width=0.25)
    initialise(model, 0.2)
    model.layers[2].eval()
    model.layers[4].norm1.eval()
    modes = [module.training for _, module in model.named_modules()]
    attributes = [set(vars(module)) for _, module in model.named_modules()]
    state = {name: array.copy() for name, array in model.state_dict().items()}
    layer_counts(model, (1, 8, 8))
    assert [module.training for _, module in model.named_modules()] == modes
    assert [set(vars(module)) for _, module in model.named_modules()] == attributes
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    assert all(p.grad is None for p in model.named_parameters().values())


def test_dropout_does_not_disturb_counting() -> None:
    assert layer_counts(Sequential(Linear(4, 3), Dropout(0.5)), (4,))[0].positions == 1


def test_a_model_is_as_it_was_after_an_error() -> None:
    model = Sequential(ToImages((3, 4, 4)), Conv2d(3, 2))
    with pytest.raises(ShapeError, match="built for images of 3 channels, 4×4"):
        layer_counts(model, (1, 4, 4))
    assert model.training
    assert "forward" not in vars(model.layers[1])
    assert model(Tensor(np.zeros((3, 4, 4, 2), np.float32))).shape == (2, 4, 4, 2)


def test_silent_connections_multiply_nothing() -> None:
    model = mlp(6, (5,), 4)
    initialise(model, 0.5)
    weight = model.sparse_parameters()["layers.0.weight"]
    weight.place(weight.topology, weight.data, np.arange(weight.topology.nnz) % 3 == 0)
    assert next(count.nnz for count in layer_counts(model, (6,))) == weight.topology.nnz * 2 // 3
