"""What a method makes dense is refused, with its size, where it does not fit into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.errors import InputError
from gse_ref.explore import METHODS
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi
from gse_ref.training import room
from gse_ref.training.room import dense_bytes, require_room
from tests.methods import SPARSE
from tests.unit.training.test_method_runs import small

#: Methods that hold an array of n_out · n_in numbers; RigL only holds blocks.
WHOLE = sorted(set(METHODS) - set(SPARSE) - {"rigl", "rigl-sketch"})


@pytest.mark.parametrize("method", sorted(METHODS))
def test_sizes(method: str) -> None:
    needed = dense_bytes(METHODS[method], [600, 400], np.dtype(np.float32), slots=1)
    assert (needed > 0) == (method in WHOLE)
    assert needed % 1000 == 0, "in proportion to the possible connections"
    if METHODS[method].dense_start:
        assert needed >= 1000 * (3 * 4 + 8), "weights, gradients, momenta, columns and rows"
    assert dense_bytes(METHODS[method], [600, 400], np.dtype(np.float64), 1) >= needed


@pytest.mark.parametrize("method", sorted(METHODS))
def test_what_does_not_fit_is_refused_with_its_size(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers of 880 connections beside a memory of one byte."""
    monkeypatch.setattr(room, "available_memory", lambda: 1)
    config = small(method=method, epochs=1, until=1.0, out=tmp_path / "run")
    if method not in WHOLE:
        gse.train(config)
        return
    with pytest.raises(
        InputError, match=rf"^{method} makes something dense \(the (weights|gradient).*\), .* at least .* GB; "
    ):
        gse.train(config)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", WHOLE)
def test_the_last_byte_decides(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    topologies = [erdos_renyi((20, 30), 5, stream(0, "topology")), erdos_renyi((10, 40), 5, stream(0, "topology"))]
    parameters = []
    for topology in topologies:
        parameters.append(SparseParameter(LayerShape(*topology.shape)))
        parameters[-1].place(topology, np.ones(5, np.float32))
    needed = dense_bytes(METHODS[method], [600, 400], np.dtype(np.float32), slots=2)
    monkeypatch.setattr(room, "available_memory", lambda: needed)
    require_room(method, METHODS[method], parameters, slots=2)
    monkeypatch.setattr(room, "available_memory", lambda: needed - 1)
    with pytest.raises(InputError, match=method):
        require_room(method, METHODS[method], parameters, slots=2)


def test_the_size_is_named_before_the_network_is_made(tmp_path: Path) -> None:
    """A million units a layer: 10¹² possible connections, 32 TB and more."""
    config = small(method="gradual", hidden=(10**6, 10**6), density=1e-9, out=tmp_path / "run")
    with pytest.raises(InputError, match=r"at least 32,\d{3}\.\d GB; .* GB are free: lower the widths, or choose"):
        gse.train(config)
    assert list(tmp_path.iterdir()) == []
