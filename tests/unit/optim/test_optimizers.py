"""SGD and Adam against their literal formulas, against PyTorch, and their contract."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.errors import InputError, ShapeError
from gse_ref.optim import SGD, Adam
from gse_ref.optim.state import BLOCK
from tests.bounds import assert_close
from tests.unit.optim.parameters import Parameter, draw

STEPS = 7
RATES = [0.1, 0.1, 0.05, 0.2, 0.0, 0.1, 0.3]

SGDS = [
    SGD(),
    SGD(weight_decay=0.1),
    SGD(momentum=0.9),
    SGD(momentum=0.9, weight_decay=0.1),
    SGD(momentum=0.9, weight_decay=0.1, nesterov=True),
    SGD(momentum=0.5, nesterov=True),
]
ADAMS = [
    Adam(),
    Adam(weight_decay=0.1),
    Adam(weight_decay=0.1, decoupled=True),
    Adam(beta1=0.5, beta2=0.9, eps=1e-3),
    Adam(beta1=0.0, beta2=0.0, eps=1.0),
]
SHAPES = [(), (1,), (5,), (3, 4), (BLOCK + 3,), (3, BLOCK)]


def literal_sgd(rule: SGD, w: np.ndarray, gradients: list[np.ndarray], decay: bool) -> np.ndarray:
    v = np.zeros_like(w)
    for g, rate in zip(gradients, RATES, strict=True):
        g = g + (rule.weight_decay * w if decay else 0)
        v = rule.momentum * v + g
        w = w - rate * (g + rule.momentum * v if rule.nesterov else v)
    return w


def literal_adam(rule: Adam, w: np.ndarray, gradients: list[np.ndarray], decay: bool) -> np.ndarray:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, (g, rate) in enumerate(zip(gradients, RATES, strict=True), start=1):
        if decay and rule.decoupled:
            w = w - rate * rule.weight_decay * w
        elif decay:
            g = g + rule.weight_decay * w
        m = rule.beta1 * m + (1 - rule.beta1) * g
        v = rule.beta2 * v + (1 - rule.beta2) * g**2
        w = w - rate * (m / (1 - rule.beta1**t)) / (np.sqrt(v / (1 - rule.beta2**t)) + rule.eps)
    return w


def run(rule: SGD | Adam, w: np.ndarray, gradients: list[np.ndarray], decay: bool) -> np.ndarray:
    parameters = {"w": Parameter(w.copy(), decay=decay)}
    state = rule.init(parameters)
    for g, rate in zip(gradients, RATES, strict=True):
        parameters["w"].grad = Tensor(g)
        rule.update(parameters, state, rate)
    return parameters["w"].data


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("decay", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", SGDS + ADAMS, ids=repr)
def test_is_the_literal_formula(rule: SGD | Adam, dtype: type, decay: bool, shape: tuple[int, ...]) -> None:
    w = draw(shape, 0, dtype)
    gradients = [draw(shape, step, dtype) for step in range(1, STEPS + 1)]
    actual = run(rule, w, gradients, decay)
    literal = literal_sgd if isinstance(rule, SGD) else literal_adam
    expected = literal(rule, w.astype(np.float64), [g.astype(np.float64) for g in gradients], decay)  # type: ignore[arg-type]
    assert actual.dtype == dtype
    total = np.abs(w) + sum(np.abs(g) for g in gradients)
    # Adam divides by the root of a mean square: its steps have size 1, whatever the gradient.
    assert_close(actual, expected, magnitude=1 + np.max(total), length=4 * STEPS)


@pytest.mark.parametrize("rule", SGDS + ADAMS, ids=repr)
def test_is_pytorchs(rule: SGD | Adam) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, of the extra 'peers'")
    w = draw((50,), 0)
    gradients = [draw((50,), step) for step in range(1, STEPS + 1)]
    actual = run(rule, w, gradients, decay=True)
    peer = torch.nn.Parameter(torch.tensor(w))
    if isinstance(rule, SGD):
        options = {"momentum": rule.momentum, "weight_decay": rule.weight_decay, "nesterov": rule.nesterov}
        optimizer = torch.optim.SGD([peer], lr=1.0, **options)
    else:
        kind = torch.optim.AdamW if rule.decoupled else torch.optim.Adam
        betas = (rule.beta1, rule.beta2)
        optimizer = kind([peer], lr=1.0, betas=betas, eps=rule.eps, weight_decay=rule.weight_decay)
    for g, rate in zip(gradients, RATES, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        peer.grad = torch.tensor(g)
        optimizer.step()
    total = np.abs(w) + sum(np.abs(g) for g in gradients)
    assert_close(actual, peer.detach().numpy(), magnitude=1 + np.max(total), length=4 * STEPS)


@pytest.mark.parametrize("rule", SGDS + ADAMS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_change_no_bit_and_nothing_is_replaced(rule: SGD | Adam, dtype: type) -> None:
    size = 2 * BLOCK + 17
    w = draw((size,), 0, dtype)
    gradients = [draw((size,), step, dtype) for step in range(1, STEPS + 1)]
    whole = run(rule, w, gradients, decay=True)
    for part in (slice(0, 10), slice(BLOCK - 5, BLOCK + 5), slice(size - 10, size)):
        alone = run(rule, w[part], [g[part] for g in gradients], decay=True)
        np.testing.assert_array_equal(whole[part], alone)
    parameters = {"w": Parameter(w.copy(), Tensor(gradients[0].copy()))}
    state = rule.init(parameters)
    data, arrays = parameters["w"].data, dict(state["w"])
    rule.update(parameters, state, np.float64(0.1))  # type: ignore[arg-type]
    assert parameters["w"].data is data
    assert data.dtype == dtype
    assert all(state["w"][slot] is array for slot, array in arrays.items())
    np.testing.assert_array_equal(parameters["w"].grad.numpy(), gradients[0])  # type: ignore[union-attr]


@pytest.mark.parametrize("rule", SGDS + ADAMS, ids=repr)
def test_arrays_in_another_order_in_memory(rule: SGD | Adam) -> None:
    w, g = draw((300, 200), 0), draw((300, 200), 1)
    plain, turned = {"w": Parameter(w.copy(), Tensor(g))}, {"w": Parameter(w.copy(order="F"), Tensor(g))}
    for parameters in (plain, turned):
        rule.update(parameters, rule.init(parameters), 0.1)
    np.testing.assert_array_equal(plain["w"].data, turned["w"].data)


@pytest.mark.parametrize(
    "rule", [SGD(momentum=0.9, nesterov=True, weight_decay=0.1), Adam(weight_decay=0.1)], ids=repr
)
def test_scratch_does_not_grow_with_the_parameter(rule: SGD | Adam) -> None:
    size = 40 * BLOCK
    parameters = {"w": Parameter(np.ones(size), Tensor(np.ones(size)))}
    state = rule.init(parameters)
    rule.update(parameters, state, 0.1)
    tracemalloc.start()
    rule.update(parameters, state, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * BLOCK * 8


@pytest.mark.parametrize("rule", [SGD(momentum=0.9), Adam()], ids=repr)
def test_parameters_without_gradient_stay(rule: SGD | Adam) -> None:
    parameters = {"a": Parameter(np.ones(3)), "b": Parameter(np.ones(3), Tensor(np.ones(3)))}
    state = rule.init(parameters)
    rule.update(parameters, state, 0.1)
    np.testing.assert_array_equal(parameters["a"].data, np.ones(3))
    assert np.all(parameters["b"].data < 1)
    assert all(not array.any() for array in state["a"].values())


def test_state_holds_arrays_only() -> None:
    parameters = {"w": Parameter(np.ones(3, np.float32))}
    assert SGD().init(parameters) == {"w": {}}
    assert list(SGD(momentum=0.1).init(parameters)["w"]) == ["momentum"]
    state = Adam().init(parameters)["w"]
    assert {slot: (a.shape, a.dtype.name) for slot, a in state.items()} == {
        "step": ((), "int64"),
        "mean": ((3,), "float32"),
        "square": ((3,), "float32"),
    }
    parameters["w"].grad = Tensor(np.ones(3, np.float32))
    Adam().update(parameters, {"w": state}, 0.1)
    assert state["step"] == 1


@pytest.mark.parametrize("rule", [SGD(), SGD(momentum=0.9), Adam()], ids=repr)
def test_what_does_not_fit_is_refused_before_any_change(rule: SGD | Adam) -> None:
    parameters = {"layer.w": Parameter(np.ones(3), Tensor(np.ones(3)))}
    with pytest.raises(InputError, match=r"'layer\.w'"):
        rule.update(parameters, {}, 0.1)
    state = rule.init(parameters)
    for wrong in (np.ones(4), np.ones((3, 1)), np.ones(3, np.float32)):
        parameters["layer.w"].grad = Tensor(wrong)
        with pytest.raises(ShapeError, match=r"gradient of layer\.w is .*clear gradients"):
            rule.update(parameters, state, 0.1)
    np.testing.assert_array_equal(parameters["layer.w"].data, np.ones(3))
    if state["layer.w"]:
        parameters["layer.w"] = Parameter(np.ones(2), Tensor(np.ones(2)))
        with pytest.raises(ShapeError, match=r"\(3,\), the parameter \(2,\): call remap"):
            rule.update(parameters, state, 0.1)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (SGD(), {"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1.0"),
        (SGD(), {"momentum": -0.1}, "momentum"),
        (SGD(), {"momentum": float("nan")}, "momentum"),
        (SGD(), {"weight_decay": -1.0}, "weight_decay must be finite and not negative"),
        (SGD(), {"weight_decay": float("inf")}, "weight_decay"),
        (SGD(), {"nesterov": True}, "nesterov needs momentum"),
        (Adam(), {"beta1": 1.0}, "beta1"),
        (Adam(), {"beta2": -1.0}, "beta2"),
        (Adam(), {"eps": -1.0}, "eps"),
        (Adam(), {"weight_decay": -1.0}, "weight_decay"),
    ],
)
def test_numbers_out_of_range(rule: SGD | Adam, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(rule, **options)  # type: ignore[arg-type]
