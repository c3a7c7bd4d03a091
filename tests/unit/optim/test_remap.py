"""Optimizer state follows a topology update slot by slot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.autodiff import Tensor
from gse_ref.errors import CheckpointError, InputError, ShapeError
from gse_ref.optim import SGD, Adam, remap
from gse_ref.optim.state import restore
from tests.unit.optim.parameters import Parameter, draw


@dataclass
class Slots:
    """New slot k holds old slot `source[k]`; -1 is grown."""

    source: np.ndarray
    old_nnz: int

    def carry(self, array: np.ndarray) -> np.ndarray:
        out = np.zeros(self.source.size, array.dtype)
        kept = self.source >= 0
        out[kept] = array[self.source[kept]]
        return out


def trained(rule: SGD | Adam, size: int) -> tuple[dict[str, Parameter], dict[str, dict[str, np.ndarray]]]:
    parameters = {
        "w": Parameter(draw((size,), 0, np.float32), Tensor(draw((size,), 1, np.float32))),
        "b": Parameter(draw((3,), 2, np.float32), Tensor(draw((3,), 3, np.float32)), decay=False),
    }
    state = rule.init(parameters)
    rule.update(parameters, state, 0.1)
    rule.update(parameters, state, 0.1)
    return parameters, state


@given(st.integers(0, 20), st.data())
@pytest.mark.parametrize("rule", [SGD(), SGD(momentum=0.9), Adam()], ids=repr)
def test_survivors_bit_for_bit_grown_zero(rule: SGD | Adam, size: int, data: st.DataObject) -> None:
    _, state = trained(rule, size)
    kept = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    survivors = np.flatnonzero(np.array(kept, bool))
    grown = data.draw(st.integers(0, 5))
    source = np.concatenate([survivors, np.full(grown, -1)]).astype(int)
    before = {slot: array.copy() for slot, array in state["w"].items()}
    result = remap(state, {"w": Slots(source, size)})
    for slot, array in before.items():
        np.testing.assert_array_equal(state["w"][slot], array)
        after = result["w"][slot]
        assert after.dtype == array.dtype
        if not array.ndim:
            assert after == array == 2
            assert after is not state["w"][slot]
            continue
        np.testing.assert_array_equal(after[: survivors.size], array[survivors])
        np.testing.assert_array_equal(after[survivors.size :], np.zeros(grown))
    assert all(result["b"][slot] is state["b"][slot] for slot in state["b"])


def test_training_goes_on_after_an_update() -> None:
    rule = Adam()
    parameters, state = trained(rule, 4)
    slots = Slots(np.array([0, -1, 3]), 4)
    parameters["w"] = Parameter(slots.carry(parameters["w"].data), Tensor(np.ones(3, np.float32)))
    state = remap(state, {"w": slots})
    rule.update(parameters, state, 0.1)
    assert np.all(np.isfinite(parameters["w"].data))
    assert parameters["w"].data[1] < 0


def test_first_step_of_a_grown_weight_under_adam_is_what_its_notes_say() -> None:
    rule = Adam(eps=0.0)
    parameters = {"w": Parameter(np.zeros(1), Tensor(np.ones(1)))}
    state = rule.init(parameters)
    state["w"]["step"][...] = 10**6
    steps = []
    for _ in range(30):
        before = parameters["w"].data.copy()
        rule.update(parameters, state, 1.0)
        steps.append(float((before - parameters["w"].data)[0]))
    assert round(steps[0], 1) == 3.2
    assert int(np.argmax(steps)) == 11
    assert round(max(steps), 1) == 6.6


def test_state_survives_a_file(tmp_path: Path) -> None:
    _, state = trained(Adam(), 4)
    flat = {f"{name}/{slot}": array for name, slots in state.items() for slot, array in slots.items()}
    np.savez(tmp_path / "state.npz", **flat)
    with np.load(tmp_path / "state.npz") as stored:
        for key, array in flat.items():
            assert stored[key].dtype == array.dtype
            np.testing.assert_array_equal(stored[key], array)


def test_misfits_are_named() -> None:
    _, state = trained(Adam(), 4)
    with pytest.raises(InputError, match="'v'"):
        remap(state, {"v": Slots(np.arange(4), 4)})
    with pytest.raises(ShapeError, match=r"mean of w has shape \(4,\), the slot map starts from 5"):
        remap(state, {"w": Slots(np.arange(5), 5)})


def test_restored_state_is_the_saved_one_in_its_own_memory() -> None:
    parameters, saved = trained(Adam(), 4)
    state = Adam().init(parameters)
    restore(state, saved)
    for name, slots in saved.items():
        for slot, array in slots.items():
            np.testing.assert_array_equal(state[name][slot], array)
            assert state[name][slot] is not array
    with pytest.raises(CheckpointError, match="state of b does not fit"):
        restore(SGD(momentum=0.9).init(parameters), saved)
