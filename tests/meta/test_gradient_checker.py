"""The gradient checker itself: every planted wrong rule is caught, and no right rule is rejected."""

from __future__ import annotations

import numpy as np
import pytest

import gse_ref.autodiff as ad
from gse_ref.autodiff import Op, Tensor, apply, check_gradient
from gse_ref.errors import InputError, MismatchError, ShapeError
from tests.unit.autodiff.cases import CASES, LABELS, Case, positive, spread

SEEDS = 20


def _tanh(rule) -> Op:
    return Op("wrong tanh", np.tanh, lambda grad, out, inputs, needs: (rule(grad, out, inputs[0]),))


def _mul(rule) -> Op:
    return Op("wrong mul", np.multiply, lambda grad, out, inputs, needs: rule(grad, *inputs))


def _square_rows(rule) -> Op:
    return Op("wrong", lambda x: x[[0, 0, 1]] ** 2, lambda grad, out, inputs, needs: (rule(grad, inputs[0]),))


def _cross_entropy(rule) -> Op:
    def forward(x: np.ndarray) -> np.ndarray:
        return ad.cross_entropy(Tensor(x), LABELS).numpy()

    def vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: tuple[bool]) -> tuple[Tensor]:
        target = np.eye(3)[LABELS].T
        return (rule(grad, ad.softmax(inputs[0], 0), target),)

    return Op("wrong cross_entropy", forward, vjp)


def _matmul(rule) -> Op:
    return Op("wrong matmul", np.matmul, lambda grad, out, inputs, needs: rule(grad, *inputs))


def _scatter(grad: Tensor, shape: tuple[int, ...], key: list[int]) -> Tensor:
    out = np.zeros(shape)
    out[key] = grad.numpy()
    return Tensor(out)


def _single(x: Tensor) -> Tensor:
    return Tensor(x.numpy().astype(np.float32).astype(np.float64))


TANH = (spread(3, 4),)
PAIR = (spread(3, 4), positive(3, 4))
SQUARE = (spread(4, 4), positive(4, 4))
LOGITS = (spread(3, 6),)

WRONG = [
    ("factor 1.001", _tanh(lambda g, y, x: 1.001 * g * (1 - y * y)), TANH),
    ("factor 1.00001", _tanh(lambda g, y, x: 1.00001 * g * (1 - y * y)), TANH),
    ("wrong sign", _tanh(lambda g, y, x: -g * (1 - y * y)), TANH),
    ("missing term", _tanh(lambda g, y, x: g), TANH),
    ("input in place of output", _tanh(lambda g, y, x: g * (1 - x * x)), TANH),
    ("incoming gradient forgotten", _tanh(lambda g, y, x: 1 - y * y), TANH),
    ("incoming gradient squared", _tanh(lambda g, y, x: g * g * (1 - y * y)), TANH),
    ("one element lost", _tanh(lambda g, y, x: g * (1 - y * y) * (np.arange(12).reshape(3, 4) > 0)), TANH),
    ("rows in the wrong order", _tanh(lambda g, y, x: (g * (1 - y * y))[::-1]), TANH),
    ("no gradient", _tanh(lambda g, y, x: None), TANH),
    ("gradient not a number", _tanh(lambda g, y, x: g * np.nan), TANH),
    ("rounded to single precision", _tanh(lambda g, y, x: _single(g * (1 - y * y))), TANH),
    ("factors swapped", _mul(lambda g, x, y: (g * x, g * y)), PAIR),
    ("1.001 on one of two", _mul(lambda g, x, y: (g * y, 1.001 * (g * x))), PAIR),
    ("second input forgotten", _mul(lambda g, x, y: (g * y, None)), PAIR),
    ("transpose forgotten", _matmul(lambda g, a, b: (g @ b, a.T @ g)), SQUARE),
    ("transpose of the result", _matmul(lambda g, a, b: (g @ b.T, (a.T @ g).T)), SQUARE),
    (
        "repeated index not added",
        _square_rows(lambda g, x: _scatter(2 * g * x[[0, 0, 1]], x.shape, [0, 0, 1])),
        TANH,
    ),
    ("mean over the batch forgotten", _cross_entropy(lambda g, p, t: g * (p - t)), LOGITS),
    ("mean over the classes too", _cross_entropy(lambda g, p, t: g * (p - t) / 18), LOGITS),
    ("target forgotten", _cross_entropy(lambda g, p, t: g * p / 6), LOGITS),
]


@pytest.mark.parametrize(("op", "arrays"), [pytest.param(*row[1:], id=row[0]) for row in WRONG])
def test_wrong_rule_is_caught_at_every_seed(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    for seed in range(SEEDS):
        result = check_gradient(lambda *x: apply(op, *x), *arrays, seed=seed)
        assert not result
        with pytest.raises(MismatchError, match=r"order 1 DISAGREES: the rules give .* bound"):
            result.require()


def test_missing_unbroadcast_is_caught_and_named() -> None:
    op = Op("greedy add", np.add, lambda grad, out, inputs, needs: (grad, grad))
    with pytest.raises(ShapeError, match="'greedy add' returned"):
        check_gradient(lambda x, y: apply(op, x, y), spread(3, 4), spread(4))


def test_unbroadcast_by_mean_is_caught() -> None:
    op = Op("mean add", np.add, lambda grad, out, inputs, needs: (grad, grad.mean(0)))
    assert not check_gradient(lambda x, y: apply(op, x, y), spread(3, 4), spread(4))


WRONG_SECOND = [
    ("output cut off", _tanh(lambda g, y, x: g * (1 - y.detach() * y.detach())), TANH),
    ("incoming gradient cut off", _tanh(lambda g, y, x: g.detach() * (1 - y * y)), TANH),
    ("half cut off", _tanh(lambda g, y, x: g * (1 - y * y.detach())), TANH),
    ("softmax cut off", _cross_entropy(lambda g, p, t: g * (p.detach() - t) / 6), LOGITS),
]


@pytest.mark.parametrize(("op", "arrays"), [pytest.param(*row[1:], id=row[0]) for row in WRONG_SECOND])
def test_wrong_rule_of_the_rule_is_caught_at_order_two_only(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    for seed in range(SEEDS):
        assert check_gradient(lambda x: apply(op, x), *arrays, seed=seed)
        result = check_gradient(lambda x: apply(op, x), *arrays, seed=seed, order=2)
        assert not result
        assert "order 2 DISAGREES" in str(result)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_right_rule_is_never_rejected(case: Case) -> None:
    for seed in range(100, 100 + 2 * SEEDS):
        check_gradient(case.function, *case.arrays, seed=seed).require()


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_inputs_of_any_scale(scale: float) -> None:
    check_gradient(lambda x, y: ad.log(x * y) / scale, scale * positive(30), scale * positive(30)).require()
    wrong = _mul(lambda g, x, y: (1.001 * g * y, g * x))
    assert not check_gradient(lambda x, y: apply(wrong, x, y), scale * positive(30), scale * positive(30))


def test_large_arrays_keep_the_bound_sharp() -> None:
    x = np.random.default_rng(0).normal(size=(500, 400))
    result = check_gradient(ad.gelu, x)
    result.require()
    assert result.bound < 1e-6 * result.size
    assert not check_gradient(lambda x: apply(WRONG[0][1], x), x)


def test_constant_function_has_gradient_zero() -> None:
    constant = Op("sign", np.sign, lambda grad, out, inputs, needs: (None,))
    result = check_gradient(lambda x: apply(constant, x) + 5.0, spread(3, 4))
    result.require()
    assert result.actual == result.expected == 0
    check_gradient(lambda x: Tensor(np.full(3, 2.0)), spread(3), order=2).require()


def test_kink_near_the_point_is_inconclusive_not_passed() -> None:
    x = np.array([1.0, 1e-4, -2.0])
    result = check_gradient(ad.relu, x)
    assert not result
    assert "INCONCLUSIVE" in str(result)
    assert "kink" in str(result)
    with pytest.raises(MismatchError, match="move the point"):
        result.require()


def test_same_seed_same_numbers() -> None:
    assert check_gradient(ad.tanh, spread(5), seed=3) == check_gradient(ad.tanh, spread(5), seed=3)
    assert check_gradient(ad.tanh, spread(5), seed=3) != check_gradient(ad.tanh, spread(5), seed=4)


def test_unusable_arguments() -> None:
    with pytest.raises(InputError, match="order >= 1"):
        check_gradient(ad.tanh, spread(3), order=0)
    with pytest.raises(InputError, match="at least one array"):
        check_gradient(lambda: Tensor(1.0))
    single = Op("single", lambda x: x.astype(np.float32), lambda grad, out, inputs, needs: (grad,))
    with pytest.raises(ShapeError, match="keep the dtype"):
        check_gradient(lambda x: apply(single, x), spread(3))
