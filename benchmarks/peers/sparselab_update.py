"""SparseLab's topology updates, SET and RigL, on a layer of its padded CSR without spare capacity."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sparselab import SET, RigL

from gse_ref.sparse import Topology

from .sparselab_linear import padded


def _layer(topology: Topology, values: np.ndarray) -> Any:
    """Return what SparseLab's updates look at; its SparseLinear would make a dense matrix first."""
    theta, _ = padded(topology.indptr, topology.indices, values, topology.shape)
    return SimpleNamespace(_csr=theta, in_features=topology.n_in, out_features=topology.n_out)


def set_update(topology: Topology, values: np.ndarray, fraction: float) -> Callable[[], Any]:
    """Return one SET update; the layer changes from call to call, its size does not."""
    layer, method = _layer(topology, values), SET(sparsity=0.9, drop_fraction=fraction, seed=0)
    method.layers.append(layer)
    return method.update


def rigl_update(
    topology: Topology, values: np.ndarray, fraction: float, x: np.ndarray, delta: np.ndarray
) -> Callable[[], Any]:
    """Return one RigL update from x (n_in, batch) and δ (n_out, batch), which its hooks would have captured."""
    layer, method = _layer(topology, values), RigL(sparsity=0.9, drop_fraction=fraction, seed=0)
    method.layers.append(layer)
    seen = {"X": torch.from_numpy(x.T.copy()), "dY": torch.from_numpy(delta.T.copy())}

    def update() -> None:
        method._captured[id(layer)] = dict(seen)
        method.update()

    return update


def rigl_bytes(n: int) -> int:
    """Return what its dense gradient and the magnitudes beside it take."""
    return 2 * 4 * n * n
