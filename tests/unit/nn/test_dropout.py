"""Dropout: its masks are those of the stream of the step, layer by layer, and nothing else drops anything."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.autodiff import Tensor, check_gradient
from gse_ref.errors import InputError
from gse_ref.nn import Dropout, Sequential, dropping
from gse_ref.rng import stream

X = np.random.default_rng(51).standard_normal((3, 4, 5, 7)) + 10


def mask(shape: tuple[int, ...], p: float, seed: int, layer: int, step: int) -> np.ndarray:
    return (stream(seed, "dropout", layer, step).random(shape, np.float32) >= p) / (1 - p)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_layer_has_the_stream_of_its_number_and_step(dtype: type) -> None:
    net = Sequential(Dropout(0.3), Dropout(0.0), Dropout(0.6))
    x = X.astype(dtype)
    for step in (0, 7, 7):
        with dropping(5, step):
            y = net(Tensor(x)).numpy()
        assert y.dtype == dtype
        first, second = (mask(x.shape, p, 5, layer, step).astype(dtype) for layer, p in enumerate((0.3, 0.6)))
        np.testing.assert_array_equal(y, x * first * second)


def test_the_share_that_is_kept_keeps_the_mean() -> None:
    with dropping(1, 2):
        y = Dropout(0.25)(Tensor(np.ones((100, 1000)))).numpy()
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    # Binomial of 1e5 draws, six standard deviations: a false alarm in 5e8 with this seed.
    assert abs((y > 0).sum() - 75_000) < 6 * np.sqrt(1e5 * 0.25 * 0.75)


def test_passes_nest_and_end() -> None:
    layer, x = Dropout(0.5), Tensor(X)
    with dropping(3, 1):
        outer = layer(x).numpy()
        with dropping(4, 1):
            inner = layer(x).numpy()
        np.testing.assert_array_equal(layer(x).numpy(), X * mask(X.shape, 0.5, 3, 1, 1))
    np.testing.assert_array_equal(outer, X * mask(X.shape, 0.5, 3, 0, 1))
    np.testing.assert_array_equal(inner, X * mask(X.shape, 0.5, 4, 0, 1))
    with pytest.raises(InputError, match=r"run the forward pass inside dropping\(seed, step\), or call eval\(\)"):
        layer(x)
    with pytest.raises(KeyError), dropping(3, 1):
        raise KeyError
    with pytest.raises(InputError, match="no random stream"):
        layer(x)


def test_evaluation_and_probability_zero_change_nothing() -> None:
    x = Tensor(X)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("order", [1, 2])
def test_gradient(order: int) -> None:
    def function(x: Tensor) -> Tensor:
        with dropping(6, 2):
            return Dropout(0.4)(x) * x

    check_gradient(function, X, order=order).require()


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_what_dropout_refuses(p: float) -> None:
    with pytest.raises(InputError, match=r"dropout needs a probability in \[0, 1\), got"):
        Dropout(p)
