"""Weight decay by element: each element is as under a decay of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.errors import ShapeError
from gse_ref.optim import SGD, Adam
from gse_ref.optim.state import BLOCK, momentum_of
from tests.unit.optim.parameters import Parameter, draw

RULES = [
    SGD(weight_decay=0.1),
    SGD(momentum=0.9, weight_decay=0.1),
    SGD(momentum=0.9, weight_decay=0.1, nesterov=True),
    Adam(weight_decay=0.1),
    Adam(weight_decay=0.1, decoupled=True),
]
rules = pytest.mark.parametrize("rule", RULES, ids=repr)
#: 1 / D of Top-KAST, powers of two so that the products with the decay are exact.
FACTORS = (1.0, 4.0, 0.0, 64.0)


def run(rule: SGD | Adam, w: np.ndarray, decay: bool | np.ndarray) -> np.ndarray:
    parameters = {"w": Parameter(w.copy(), decay=decay)}
    state = rule.init(parameters)
    for step in range(3):
        parameters["w"].grad = Tensor(draw(w.shape, step).astype(w.dtype))
        rule.update(parameters, state, 0.01)
    return parameters["w"].data


@rules
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [10, 2 * BLOCK + 17])
def test_each_element_decays_by_its_own_factor(rule: SGD | Adam, dtype: type, size: int) -> None:
    w = draw((size,), 7, dtype)
    which = np.arange(size) % len(FACTORS)
    actual = run(rule, w, np.array(FACTORS, dtype)[which])
    assert actual.dtype == dtype
    for number, factor in enumerate(FACTORS):
        expected = run(replace(rule, weight_decay=rule.weight_decay * factor), w, True)
        assert np.array_equal(actual[which == number], expected[which == number]), factor


@rules
def test_without_decay_factors_mean_nothing(rule: SGD | Adam) -> None:
    w, plain = draw((10,), 7), replace(rule, weight_decay=0.0)
    assert np.array_equal(run(plain, w, np.full(10, 8.0)), run(plain, w, True))


@rules
def test_factors_of_another_topology_are_refused(rule: SGD | Adam) -> None:
    parameters = {"fc.w": Parameter(np.ones(3), Tensor(np.ones(3)), np.ones(4))}
    with pytest.raises(ShapeError, match=r"fc\.w has \(3,\) elements but factors of weight decay for \(4,\)"):
        rule.update(parameters, rule.init(parameters), 0.1)
    assert np.array_equal(parameters["fc.w"].data, np.ones(3))


def test_which_state_is_the_momentum() -> None:
    parameters = {"w": Parameter(np.ones(3), Tensor(np.arange(3.0)))}
    for rule, share in ((SGD(momentum=0.5), 1.0), (Adam(beta1=0.5), 0.5)):
        state = rule.init(parameters)
        rule.update(parameters, state, 0.1)
        assert np.array_equal(momentum_of(state, "w"), share * np.arange(3.0))
    assert momentum_of(SGD().init(parameters), "w") is None
    assert momentum_of({}, "w") is None
