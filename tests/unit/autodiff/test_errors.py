"""What the operations refuse, and how numerically delicate ones behave at the edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gse_ref.autodiff as ad
from gse_ref.autodiff import Tensor
from gse_ref.errors import InputError, ShapeError

LOGITS = Tensor(np.zeros((3, 4)))
ZEROS = Tensor(np.zeros((3, 4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ZEROS @ Tensor(np.zeros((5, 2))), r"matmul cannot take shapes \(3, 4\) and \(5, 2\): .*\(4\)"),
        (lambda: ZEROS @ Tensor(np.zeros(3)), r"\(3, 4\) and \(3,\): .* only axis"),
        (lambda: Tensor(np.zeros((2, 3, 4))) @ Tensor(np.zeros((3, 4, 5))), r"\(2, 3, 4\) and \(3, 4, 5\)"),
        (lambda: ZEROS @ 1.0, r"matmul cannot take shapes \(3, 4\) and \(\)"),
        (lambda: ZEROS + np.zeros(3), r"add cannot take shapes \(3, 4\) and \(3,\)"),
        (lambda: ad.where(np.ones(5, bool), ZEROS, 1.0), r"where cannot take shapes \(3, 4\) and \(\)"),
        (lambda: ZEROS.reshape(5, 5), r"reshape cannot take shapes \(3, 4\)"),
        (lambda: ZEROS.transpose((0, 1, 2)), "transpose cannot take shapes"),
        (lambda: ZEROS.transpose((0, 0)), "transpose cannot take shapes"),
        (lambda: ad.broadcast_to(ZEROS, (2, 4)), r"broadcast_to cannot take shapes \(3, 4\)"),
        (lambda: ad.pad(ZEROS, ((1, 1),)), "pad cannot take shapes"),
        (lambda: ad.concatenate([ZEROS, Tensor(np.zeros((3, 5)))]), r"concatenate .*\(3, 4\) and \(3, 5\)"),
        (lambda: ad.concatenate([ZEROS, Tensor(np.zeros(4))]), r"concatenate .*\(3, 4\) and \(4,\)"),
        (lambda: ad.concatenate([Tensor(1.0)]), "0-d tensors have no axis"),
        (lambda: ZEROS.sum(2), r"sum cannot take shapes \(3, 4\)"),
        (lambda: ZEROS.mean((0, 0)), "mean cannot take shapes"),
        (lambda: Tensor(np.zeros((0, 3))).mean(0), "mean over no elements"),
        (lambda: Tensor(np.zeros((1, 3))).var(0, ddof=1), "variance of 1 elements with ddof=1"),
        (lambda: Tensor(np.zeros((0, 3))).max(0), "max cannot take shapes"),
        (lambda: ad.cross_entropy(LOGITS, np.zeros(3, int)), r"labels have shape \(3,\), .* \(4,\)"),
        (lambda: ad.cross_entropy(LOGITS, np.zeros(4, int), axis=2), "class axis 2 does not exist"),
        (lambda: ad.cross_entropy(Tensor(np.zeros((3, 0))), np.zeros(0, int)), "empty batch"),
    ],
)
def test_shape_errors_name_the_shapes(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ad.power(ZEROS, ZEROS), "exponent must be one real number, got Tensor"),  # type: ignore[arg-type]
        (lambda: ZEROS ** np.ones(2), "exponent must be one real number"),  # type: ignore[operator]
        (lambda: ad.where(np.ones(4), ZEROS, 0.0), "bool array as condition, got float64"),
        (lambda: ad.pad(ZEROS, ((-1, 0), (0, 0))), "must not be negative"),
        (lambda: ad.concatenate([]), "no tensors"),
        (lambda: ad.concatenate([ZEROS], axis=2), "axis 2 for tensors of 2 axes"),
        (lambda: ad.cross_entropy(LOGITS, np.zeros(4)), "labels must be integers, got float64"),
        (lambda: ad.cross_entropy(LOGITS, np.zeros(4, bool)), "labels must be integers, got bool"),
        (lambda: ad.cross_entropy(LOGITS, np.array([0, 1, 2, 3])), r"lie in \[0, 3\), got 0 to 3"),
        (lambda: ad.cross_entropy(LOGITS, np.array([0, 1, 2, -1])), r"lie in \[0, 3\), got -1 to 2"),
        (lambda: ad.cross_entropy(LOGITS, np.zeros(4, int), 1.0), r"label_smoothing must lie in \[0, 1\)"),
        (lambda: ad.cross_entropy(LOGITS, np.zeros(4, int), np.nan), "label_smoothing"),
    ],
)
def test_input_errors(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_index_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        ZEROS[3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arguments_do_not_overflow(dtype: type) -> None:
    x = Tensor(np.array([[1e4, -1e4], [-1e4, 1e4]], dtype), requires_grad=True)
    np.testing.assert_array_equal(ad.sigmoid(x).numpy(), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(ad.softmax(x, 0).numpy(), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(ad.log_softmax(x, 0).numpy(), [[0, -2e4], [-2e4, 0]])
    np.testing.assert_array_equal(ad.logsumexp(x, 0).numpy(), [1e4, 1e4])
    loss = ad.cross_entropy(x, np.array([1, 1]))
    assert loss.item() == 1e4
    loss.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [[0.5, 0], [-0.5, 0]])


def test_masked_out_logits() -> None:
    x = Tensor(np.array([0.0, -np.inf]), requires_grad=True)
    np.testing.assert_array_equal(ad.softmax(x, 0).numpy(), [1, 0])
    total = ad.logsumexp(x)
    total.backward()
    assert total.item() == 0
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [1, 0])
    assert ad.logsumexp(Tensor(np.full(2, -np.inf))).item() == -np.inf


def test_gradients_at_kinks_and_ties() -> None:
    x = Tensor(np.array([0.0, -0.0, 1.0]), requires_grad=True)
    for function, expected in (
        (ad.relu, [0, 0, 1]),
        (abs, [0, 0, 1]),
        (lambda t: ad.maximum(t, 0.0), [0.5, 0.5, 1]),
        (lambda t: t[:2].max(), [0.5, 0.5, 0]),
        (lambda t: t**2, [0, 0, 2]),
        (lambda t: t**1, [1, 1, 1]),
    ):
        (gradient,) = ad.grad(function(x).sum(), [x])
        assert gradient is not None
        np.testing.assert_array_equal(gradient.numpy(), expected)


def test_second_derivative_of_a_square_at_zero() -> None:
    x = Tensor(np.zeros(2), requires_grad=True)
    (first,) = ad.grad((x**2).sum(), [x], create_graph=True)
    assert first is not None
    (second,) = ad.grad(first.sum(), [x], create_graph=True)
    assert second is not None
    np.testing.assert_array_equal(second.numpy(), [2, 2])
    assert not second.requires_grad


def test_tails_of_gelu_and_sigmoid_keep_their_digits() -> None:
    # 1 + erf and 1 - sigmoid would both round to 0 here.
    x = Tensor(np.array([-12.0]))
    assert -1e-30 < ad.gelu(x).item() < 0
    assert 0 < ad.sigmoid(Tensor(np.array([-300.0]))).item() < 1e-100
