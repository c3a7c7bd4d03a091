"""Pools as modules: values and gradients of any order, PyTorch's conventions, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gse_ref.autodiff import Tensor, check_gradient, grad
from gse_ref.backends import use
from gse_ref.errors import InputError, ShapeError
from gse_ref.nn import AvgPool2d, GlobalAvgPool, MaxPool2d
from tests.bounds import assert_close

WINDOWS = [(1, 1, 0), (2, 2, 0), (2, 1, 1), (3, 2, 1), (3, 1, 1), (2, 3, 1), (3, 3, 0), (5, 2, 2)]
every_window = pytest.mark.parametrize("window", WINDOWS, ids=str)
both_pools = pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])


def image(dtype: type = np.float64, shape: tuple[int, ...] = (2, 5, 7, 3)) -> np.ndarray:
    """Distinct values, apart by more than a gradient check moves them."""
    order = np.random.default_rng(31).permutation(int(np.prod(shape)))
    return (order.reshape(shape) / order.size - 0.4).astype(dtype)


@both_pools
@every_window
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients(pool: Any, window: tuple[int, int, int], order: int) -> None:
    layer = pool(*window)
    check_gradient(lambda x: layer(x) * layer(x), image(), order=order).require()


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_the_mean_of_the_image(order: int) -> None:
    check_gradient(lambda x: GlobalAvgPool()(x * x), image(), order=order).require()


def windows(x: np.ndarray, window: tuple[int, int, int], outside: float) -> np.ndarray:
    kernel, stride, p = window
    padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), constant_values=outside)
    seen = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    return seen[:, ::stride, ::stride]


@every_window
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_those_of_the_windows(window: tuple[int, int, int], dtype: type) -> None:
    x = image(dtype)
    largest = windows(x, window, -np.inf).max(axis=(-2, -1))
    for name in ("cpu", "naive"):
        with use(name):
            y = MaxPool2d(*window)(Tensor(x)).numpy()
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, largest)
    mean = AvgPool2d(*window)(Tensor(x)).numpy()
    assert mean.dtype == dtype
    taps = windows(x.astype(np.float64), window, 0.0)
    assert_close(mean, taps.mean(axis=(-2, -1)), np.abs(taps).mean(axis=(-2, -1)), window[0] ** 2)
    whole = GlobalAvgPool()(Tensor(x)).numpy()
    assert whole.shape == (2, 3)
    assert_close(whole, x.astype(np.float64).mean(axis=(1, 2)), np.abs(x).mean(axis=(1, 2)), 35)


def test_the_stride_is_that_of_the_window_unless_given() -> None:
    x = Tensor(image())
    for pool in (MaxPool2d, AvgPool2d):
        np.testing.assert_array_equal(pool(3)(x).numpy(), pool(3, 3, 0)(x).numpy())
        assert not pool(2).state_dict()


def test_the_first_of_equal_values_takes_the_gradient() -> None:
    x = Tensor(np.zeros((1, 4, 4, 2)), requires_grad=True)
    MaxPool2d(2)(x).sum().backward()
    assert x.grad is not None
    expected = np.zeros((1, 4, 4, 2))
    expected[:, ::2, ::2] = 1
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@both_pools
@every_window
def test_is_pytorchs(pool: Any, window: tuple[int, int, int]) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, of the extra 'peers'")
    x, leaf = image(), Tensor(image(), requires_grad=True)
    peer = torch.tensor(x.transpose(3, 0, 1, 2).copy(), requires_grad=True)
    y = pool(*window)(leaf)
    expected = getattr(torch.nn, pool.__name__)(*window)(peer)
    dy = np.random.default_rng(32).standard_normal(y.shape)
    (dx,) = grad(y, [leaf], grad_output=Tensor(dy))
    expected.backward(torch.tensor(dy.transpose(3, 0, 1, 2).copy()))
    overlap = window[0] ** 2
    assert_close(y.numpy(), expected.detach().numpy().transpose(1, 2, 3, 0), 1.0, overlap)
    assert_close(dx.numpy(), peer.grad.numpy().transpose(1, 2, 3, 0), overlap * np.abs(dy).max(), overlap)


def test_what_pools_refuse() -> None:
    for wrong in ((0,), (2, 0), (2, 1, 2), (3, 1, -1), (1, 1, 1)):
        for pool in (MaxPool2d, AvgPool2d):
            with pytest.raises(InputError, match=r"a pool needs a kernel .*, got Geometry"):
                pool(*wrong)
    with pytest.raises(InputError, match="windows up to 15x15, got 16"):
        MaxPool2d(16)
    small = Tensor(np.zeros((1, 2, 5, 1)))
    for pool in (MaxPool2d, AvgPool2d):
        with pytest.raises(ShapeError, match=r"a window of 3x3 does not fit into x of shape \(1, 2, 5, 1\)"):
            pool(3)(small)
        for shape in ((4, 4, 2), (1, 4, 4, 0)):
            with pytest.raises(ShapeError, match=r"a pool wants x of shape .*the batch is the last axis"):
                pool(2)(Tensor(np.zeros(shape)))
    with pytest.raises(ShapeError, match="a pool wants x of shape"):
        GlobalAvgPool()(Tensor(np.zeros((3, 4))))
