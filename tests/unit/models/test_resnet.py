"""Residual networks: any image, width and number of classes; the shortcuts; what cannot be built."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from gse_ref.autodiff import Tensor, cross_entropy
from gse_ref.errors import InputError, ShapeError
from gse_ref.models import MODELS, ModelSpec, build_model, large_resnet, layer_counts, small_resnet
from gse_ref.models.resnet import BasicBlock, Bottleneck, OptionA
from gse_ref.nn import Conv2d, Module, initialise

compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")


def images(shape: tuple[int, ...], batch: int = 3, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(40).standard_normal((*shape, batch)).astype(dtype)


def train_once(model: Module, x: np.ndarray, classes: int) -> Tensor:
    """Return the output of one forward pass after which every parameter has a finite gradient."""
    y = model(Tensor(x))
    cross_entropy(y, np.arange(x.shape[-1]) % classes).backward()
    for name, parameter in model.named_parameters().items():
        assert parameter.grad is not None, name
        assert np.isfinite(parameter.grad.numpy()).all(), name
    return y


@compiled
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 40, 36), (4, 5, 7), (2, 4, 4)])
@pytest.mark.parametrize("width", [0.5, 1.5, 2])
def test_small_images_of_any_kind(shape: tuple[int, int, int], width: float) -> None:
    model = small_resnet(20, shape, 7, width)
    initialise(model, 0.1)
    x = images(shape)
    assert train_once(model, x, 7).shape == (7, 3)
    counts = layer_counts(model, shape)
    height, side = shape[1:]
    sides = [(height, side), (-(-height // 2), -(-side // 2)), (-(-height // 4), -(-side // 4))]
    expected = [h * w for (h, w), layers in zip(sides, (7, 6, 6), strict=True) for _ in range(layers)]
    assert [layer.positions for layer in counts] == [*expected, 1]
    channels = [round(width * c) for c in (16, 32, 64)]
    stem = shape[0] * 9 * channels[0]
    assert [counts[0].size, counts[-1].size] == [stem, channels[2] * 7]
    assert [layer.size for layer in counts[13:19]] == [9 * channels[1] * channels[2]] + 5 * [9 * channels[2] ** 2]


@compiled
@pytest.mark.parametrize("depth", [18, 34, 50])
def test_large_images_of_any_kind(depth: int) -> None:
    shape = (1, 32, 45)
    model = large_resnet(depth, shape, 5, width=0.125)
    initialise(model, 0.2)
    assert train_once(model, images(shape), 5).shape == (5, 3)
    positions = {layer.name: layer.positions for layer in layer_counts(model, shape)}
    assert next(iter(positions.values())) == 16 * 23
    assert list(positions.values())[-2:] == [1 * 2, 1]


def test_flat_samples_are_images() -> None:
    model = small_resnet(20, (2, 6, 5), 3, width=0.25)
    initialise(model, 0.5)
    x = images((2, 6, 5))
    flat = model(Tensor(x.reshape(60, 3)))
    np.testing.assert_array_equal(flat.numpy(), model(Tensor(x)).numpy())


def test_the_stride_of_a_bottleneck_is_that_of_its_3x3() -> None:
    model = large_resnet(50, (3, 64, 64), 10)
    blocks = [module for _, module in model.named_modules() if isinstance(module, Bottleneck)]
    strides = [tuple(c.geometry.stride for c in (b.conv1, b.conv2, b.conv3)) for b in blocks]
    assert (
        strides
        == [(1, 1, 1)] * 3
        + [(1, 2, 1)]
        + [(1, 1, 1)] * 3
        + [(1, 2, 1)]
        + [(1, 1, 1)] * 5
        + [(1, 2, 1)]
        + [(1, 1, 1)] * 2
    )
    assert [b.conv3.weight.layout.n_out for b in blocks[::4]] == [256, 512, 1024, 1024]
    assert [b.conv1.weight.layout.n_out for b in blocks[::4]] == [64, 128, 256, 256]


def test_which_blocks_have_a_shortcut_of_their_own() -> None:
    def kinds(model: Module) -> list[str]:
        blocks = [m for _, m in model.named_modules() if isinstance(m, (BasicBlock, Bottleneck))]
        return [type(b.shortcut).__name__ for b in blocks]

    none = ["NoneType"]
    small = small_resnet(20, (3, 8, 8), 10)
    assert kinds(small) == none * 3 + ["OptionA"] + none * 2 + ["OptionA"] + none * 2
    assert kinds(large_resnet(18, (3, 32, 32), 10)) == none * 2 + ["Sequential", *none] * 3
    assert kinds(large_resnet(50, (3, 32, 32), 10))[:4] == ["Sequential", *none, *none, "Sequential"]
    biases = [m.bias for _, m in small.named_modules() if isinstance(m, Conv2d)]
    assert biases == [None] * 19


def test_option_a_keeps_every_second_pixel_between_zero_channels() -> None:
    x = images((2, 5, 4), dtype=np.float64)
    y = OptionA(2, 5, 2)(Tensor(x)).numpy()
    assert y.shape == (5, 3, 2, 3)
    np.testing.assert_array_equal(y[1:3], x[:, ::2, ::2])
    assert not y[[0, 3, 4]].any()
    assert not list(OptionA(2, 5, 2).named_parameters())


@pytest.mark.parametrize("depth", [19, 2, 1, 21, 0, -4])
def test_depths_that_are_not_6n_plus_2(depth: int) -> None:
    with pytest.raises(InputError, match=rf"has 6n \+ 2 layers .*got {depth}"):
        small_resnet(depth, (3, 32, 32), 10)


@pytest.mark.parametrize("depth", [20, 101, 152, 0])
def test_depths_that_the_table_does_not_have(depth: int) -> None:
    with pytest.raises(InputError, match=f"has 18, 34, 50 layers, got {depth}"):
        large_resnet(depth, (3, 64, 64), 10)


@pytest.mark.parametrize("shape", [(3, 3, 32), (3, 32, 3), (1, 1, 1)])
def test_images_too_small_for_the_small_ones(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match=rf"ResNet-20 .*{shape[1]}×{shape[2]} .*pad them to at least 4"):
        small_resnet(20, shape, 10)


def test_images_too_small_for_the_large_ones() -> None:
    with pytest.raises(InputError, match=r"ResNet-50 .*31×64 .*pad them to at least 32"):
        large_resnet(50, (3, 31, 64), 10)
    large_resnet(50, (3, 32, 64), 10)


@pytest.mark.parametrize("x", [(1, 8, 8, 2), (3, 8, 9, 2), (2, 3, 8, 8), (191, 2)])
def test_images_of_another_shape(x: tuple[int, ...]) -> None:
    model = small_resnet(20, (3, 8, 8), 10)
    with pytest.raises(
        ShapeError, match=r"built for images of 3 channels, 8×8 pixels, with the batch as last axis"
    ):
        model(Tensor(np.zeros(x, np.float32)))


@compiled
@pytest.mark.parametrize("name", sorted(name for name in MODELS if name != "mlp"))
def test_every_model_of_the_table_is_built_to_its_spec(name: str) -> None:
    spec = ModelSpec(3 * 32 * 32, 6, (), np.dtype(np.float64), (3, 32, 32), width=0.125)
    model = build_model(name, spec)
    parameters = model.named_parameters().values()
    assert {p.dtype for p in parameters} == {np.dtype(np.float64)}
    assert layer_counts(model, (3, 32, 32))[-1].positions == 1
    flat = ModelSpec(12, 6, (), np.dtype(np.float64))
    with pytest.raises(InputError, match=f"{name} needs images, the data have 12 flat features"):
        build_model(name, flat)
