"""The state of a model with silent connections: round trips, and refusals that change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.errors import CheckpointError
from gse_ref.nn import Linear, ReLU, Sequential, initialise
from gse_ref.rng import stream


def model(silent: bool) -> Sequential:
    """Return two layers, the first with silent connections and factors of decay, if wanted."""
    network = Sequential(Linear(6, 5), ReLU(), Linear(5, 4))
    initialise(network, 0.5, seed=2)
    if silent:
        weight = network.layers[0].weight
        mask = stream(0, "check").random(weight.topology.nnz) < 0.4
        weight.place(weight.topology, weight.data, mask, np.where(mask, np.float32(5), np.float32(1)))
    return network


def contents(network: Sequential) -> dict[str, bytes]:
    return {name: array.dtype.str.encode() + array.tobytes() for name, array in network.state_dict().items()}


@pytest.mark.parametrize(("first", "second"), [(True, False), (True, True), (False, True)])
def test_round_trip(first: bool, second: bool) -> None:
    saved, other = model(first), model(second)
    other.layers[0].weight.data[...] = 7
    other.load_state_dict(saved.state_dict())
    assert contents(other) == contents(saved)
    assert ("layers.0.weight.silent" in other.state_dict()) == first
    assert isinstance(other.layers[0].weight.decay, np.ndarray) == first
    assert other.layers[0].weight.nnz == saved.layers[0].weight.nnz
    x = Tensor(stream(1, "check").normal(size=(6, 3)).astype(np.float32))
    assert other(x).data.tobytes() == saved(x).data.tobytes()


def test_a_loaded_model_shares_nothing_with_the_state() -> None:
    saved, other = model(True), model(False)
    other.load_state_dict(saved.state_dict())
    before = contents(saved)
    other.layers[0].weight.silent[...] = True
    other.layers[0].weight.decay[...] = 9
    assert contents(saved) == before


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("silent", lambda a: a[:-1], r"silent must be bool\(\d+,\), the state holds bool\(\d+,\)"),
        ("silent", lambda a: a.astype(np.int8), "silent must be bool"),
        ("decay", lambda a: a.astype(np.float64), "decay must be float32"),
        ("decay", lambda a: a[None], "decay must be float32"),
    ],
)
def test_what_does_not_fit_changes_nothing(name: str, spoil: Any, message: str) -> None:
    state, other = model(True).state_dict(), model(False)
    before = contents(other)
    state[f"layers.0.weight.{name}"] = spoil(state[f"layers.0.weight.{name}"])
    with pytest.raises(CheckpointError, match=message):
        other.load_state_dict(state)
    assert contents(other) == before


def test_silence_of_a_layer_that_is_not_there_is_refused() -> None:
    other = model(False)
    state = other.state_dict() | {"layers.7.weight.silent": np.zeros(3, bool)}
    with pytest.raises(CheckpointError, match=r"not known \['layers\.7\.weight\.silent'\]"):
        other.load_state_dict(state)
