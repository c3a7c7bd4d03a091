"""Bytes are those of the arrays of a real topology, its values, gradients and optimizer state."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref import optim
from gse_ref.cost import METHOD_FLOPS, Layer, Setting, peak_storage, step_traffic, training_storage
from gse_ref.errors import InputError
from gse_ref.models import cost_layers, mlp
from gse_ref.nn import Linear, initialise

SETTING = Setting(every=9, subset_factor=0.5, prune_fraction=0.25)
#: nnz 10 of 24, and 4 of 6.
LAYERS = [Layer("first", 4, 6, 10, 3), Layer("second", 2, 3, 4)]


@pytest.mark.parametrize(("name", "optimizer"), [("sgd", optim.SGD(0.9)), ("adam", optim.Adam())])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_are_those_of_the_arrays(name: str, optimizer, dtype: type) -> None:
    net = mlp(30, (20, 17), 5, dtype)
    initialise(net, 0.2, seed=1)
    parameters = net.sparse_parameters()
    layers = [
        layer._replace(nnz=parameter.topology.nnz)
        for layer, parameter in zip(cost_layers(net, (30,)), parameters.values(), strict=True)
    ]
    held = training_storage("static", layers, SETTING, 8, name, np.dtype(dtype).itemsize)
    assert held.weights == held.gradients == sum(p.data.nbytes for p in parameters.values())
    topologies = [p.topology for p in parameters.values()]
    arrays = [array for t in topologies for array in (t.indptr, t.indices, *t.transpose)]
    assert held.indices == sum(array.nbytes for array in arrays)
    state = optimizer.init(parameters)
    moments = [array for slots in state.values() for array in slots.values() if array.ndim]
    assert held.state == sum(array.nbytes for array in moments)
    outputs = sum(layer.weight.topology.n_out for layer in net.layers if isinstance(layer, Linear))
    assert held.activations == 2 * outputs * 8 * np.dtype(dtype).itemsize
    assert held.extra == 0
    assert held.total == sum(held)


@pytest.mark.parametrize(
    ("method", "extra"),
    [
        ("static", 0),
        ("gse", (5 + 2) * 12),
        ("set", (2.5 + 1) * 12),
        ("rigl-sketch", (2.5 + 1) * 12),
        ("rigl", 30 * 4),
        ("snfs", 2 * 30 * 4),
        ("topkast", 30 * 4 + (5 + 2) * 12),
        ("topkast-sparse", (5 + 2) * 12),
        ("dense", 0),
    ],
)
def test_what_a_method_adds_by_hand(method: str, extra: float) -> None:
    assert training_storage(method, LAYERS, SETTING, 1).extra == extra


def test_candidates_are_no_more_than_are_inactive() -> None:
    many = Setting(subset_factor=100.0)
    assert training_storage("gse", LAYERS, many, 1).extra == (14 + 2) * 12


def test_dense_holds_arrays_without_indices() -> None:
    held = training_storage("dense", LAYERS, SETTING, 2, "adam")
    assert held == (30 * 4, 0, 30 * 4, 2 * 30 * 4, 0, 2 * 2 * 4 * (12 + 2))


@pytest.mark.parametrize("method", sorted(METHOD_FLOPS))
def test_the_peak_of_what_starts_dense(method: str) -> None:
    held, peak = (bytes_of(method, LAYERS, SETTING, 2) for bytes_of in (training_storage, peak_storage))
    if method in ("gradual", "lottery", "snip", "grasp", "synflow"):
        assert peak.weights == 30 * 4
        assert peak.indices == 4 * 4 * 30 + 8 * (4 + 6 + 2 + 2 + 3 + 2)
        assert peak.total > held.total
    else:
        assert peak == held


def test_traffic_by_hand() -> None:
    """14 connections, 14 outputs a sample, pointers 5 + 7 and 3 + 4, batch 2, momentum."""
    read, written = step_traffic("static", LAYERS, SETTING, 2)
    outputs, values = 14 * 2 * 4, 14 * 4
    assert read == 3 * values + (2 * 4 * 14 + 8 * 19) + values + values + 3 * outputs
    assert written == values + values + values + 2 * outputs
    dense = step_traffic("dense", LAYERS, SETTING, 2)
    assert dense == (5 * 30 * 4 + 3 * outputs, 3 * 30 * 4 + 2 * outputs)
    # once in a cycle of ten steps, or in every step
    rigl, snfs = (step_traffic(method, LAYERS, SETTING, 2) for method in ("rigl", "snfs"))
    assert rigl == (read + 30 * 4 / 10, written + 30 * 4 / 10)
    assert snfs == (read + 2 * 30 * 4, written + 2 * 30 * 4)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="unknown method 'gze': did you mean"):
        training_storage("gze", LAYERS, SETTING, 1)
    with pytest.raises(InputError, match="batch must be at least 1, got 0"):
        peak_storage("gse", LAYERS, SETTING, 0)
    with pytest.raises(InputError, match="unknown optimizer 'sdg': did you mean 'sgd'"):
        step_traffic("gse", LAYERS, SETTING, 1, "sdg")
