"""VGG networks: shapes by the configurations of the paper, any image and width, dropout, what cannot be built."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from gse_ref.autodiff import Tensor, cross_entropy
from gse_ref.errors import InputError, ShapeError
from gse_ref.models import layer_counts, small_vgg
from gse_ref.nn import Conv2d, Dropout, MaxPool2d, dropping, initialise

#: Columns A, B, D and E of table 1 in Simonyan & Zisserman 2015: channels of the 3×3 convolutions, M for a pool.
PAPER = {
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}
compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")
every_depth = pytest.mark.parametrize("depth", sorted(PAPER))


def by_hand(depth: int, shape: tuple[int, int, int], classes: int, width: float = 1) -> list[tuple[int, int]]:
    """Return (connections, positions) of each layer: convolutions a quarter as wide, classifier of 512."""
    layers, (c_in, height, side) = [], shape
    for word in PAPER[depth].split():
        if word == "M":
            height, side = height // 2, side // 2
            continue
        c_out = int(int(word) / 4 * width)
        layers.append((c_in * c_out * 9, height * side))
        c_in = c_out
    hidden = int(512 * width)
    return [*layers, (c_in * height * side * hidden, 1), (hidden * hidden, 1), (hidden * classes, 1)]


@every_depth
@pytest.mark.parametrize(("shape", "width"), [((3, 32, 32), 1), ((1, 33, 70), 2), ((4, 64, 32), 0.5)])
def test_layers_are_those_of_the_paper(depth: int, shape: tuple[int, int, int], width: float) -> None:
    model = small_vgg(depth, shape, 10, width)
    counts = layer_counts(model, shape)
    assert [(layer.size, layer.positions) for layer in counts] == by_hand(depth, shape, 10, width)
    assert len(counts) == depth
    pools = [module for _, module in model.named_modules() if isinstance(module, MaxPool2d)]
    assert [pool.geometry for pool in pools] == [(2, 2, 0)] * 5


def test_number_of_parameters() -> None:
    """VGG-16: convolutions, γ and β of each, classifier with biases."""
    model = small_vgg(16, (3, 32, 32), 100)
    convolutions = [layer for layer, positions in by_hand(16, (3, 32, 32), 100)[:13]]
    normalised = 2 * (2 * 16 + 2 * 32 + 3 * 64 + 6 * 128)
    classifier = 128 * 512 + 512 + 512 * 512 + 512 + 512 * 100 + 100
    sparse = model.sparse_parameters()
    dense = sum(p.size for name, p in model.named_parameters().items() if name not in sparse)
    total = dense + sum(p.topology.size for p in sparse.values())
    assert total == sum(convolutions) + normalised + classifier
    assert not any(m.bias for _, m in model.named_modules() if isinstance(m, Conv2d))


@compiled
@every_depth
def test_every_parameter_learns(depth: int) -> None:
    model = small_vgg(depth, (3, 32, 40), 5, width=0.25)
    initialise(model, 0.4)
    x = np.random.default_rng(41).standard_normal((3, 32, 40, 6)).astype(np.float32)
    y = model(Tensor(x))
    assert y.shape == (5, 6)
    cross_entropy(y, np.arange(6) % 5).backward()
    for name, parameter in model.named_parameters().items():
        assert parameter.grad is not None, name
        assert np.isfinite(parameter.grad.numpy()).all(), name
        assert parameter.grad.numpy().any(), name


@compiled
def test_dropout_follows_the_hidden_layers_of_the_classifier() -> None:
    model = small_vgg(11, (3, 32, 32), 5, width=0.25, dropout=0.3)
    assert [m.p for _, m in model.named_modules() if isinstance(m, Dropout)] == [0.3, 0.3]
    assert not [m for _, m in small_vgg(11, (3, 32, 32), 5).named_modules() if isinstance(m, Dropout)]
    initialise(model, 0.5)
    x = Tensor(np.random.default_rng(42).standard_normal((3, 32, 32, 4)).astype(np.float32))
    with pytest.raises(InputError, match="dropout has no random stream"):
        model(x)
    with dropping(0, 1):
        first = model(x).numpy()
    with dropping(0, 2):
        assert not np.array_equal(first, model(x).numpy())


@pytest.mark.parametrize("depth", [12, 0, 20])
def test_depths_that_the_table_does_not_have(depth: int) -> None:
    with pytest.raises(InputError, match=f"has 11, 13, 16, 19 layers, got {depth}"):
        small_vgg(depth, (3, 32, 32), 10)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 32, 31), (1, 31, 64)])
def test_images_too_small(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match=rf"VGG-16 .*{shape[1]}×{shape[2]} .*pad them to at least 32"):
        small_vgg(16, shape, 10)


@pytest.mark.parametrize("x", [(1, 32, 32, 2), (3, 32, 33, 2), (2, 3, 32, 32), (3, 2)])
def test_images_of_another_shape(x: tuple[int, ...]) -> None:
    model = small_vgg(11, (3, 32, 32), 10)
    with pytest.raises(
        ShapeError, match=r"built for images of 3 channels, 32×32 pixels, with the batch as last axis"
    ):
        model(Tensor(np.zeros(x, np.float32)))
