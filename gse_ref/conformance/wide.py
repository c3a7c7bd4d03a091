"""Layers of any width with few connections a unit, for what must cost O(n + nnz)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..counts import ceiling
from ..rng import stream
from ..sparse import erdos_renyi
from .problems import Draws, ExploredLayer, UpdateProblem, Weights

#: Of updates: α, γ and scope, the paper's.
FRACTION, SUBSET_FACTOR, SCOPE = 0.2, 1.0, "global"


class Wide(NamedTuple):
    """What one training step of a wide layer needs: weights, x (n, batch) and dy (n, batch)."""

    weights: Weights
    x: np.ndarray
    dy: np.ndarray


def wide_layer(n: int, nnz: int, batch: int, dtype: np.dtype | type | str = np.float32) -> Wide:
    """Return an n × n layer with nnz connections drawn uniformly; always the same numbers."""
    dtype = np.dtype(dtype)
    topology = erdos_renyi((n, n), nnz, stream(0, "topology"))
    values, x, dy = (
        stream(0, "synthetic", number).standard_normal(shape, np.float32).astype(dtype)
        for number, shape in enumerate(((nnz,), (n, batch), (n, batch)))
    )
    return Wide(Weights(topology.indptr, topology.indices, values, topology.shape), x, dy)


def wide_update(
    method: str, n: int, nnz: int, batch: int, dtype: np.dtype | type | str = np.float32
) -> UpdateProblem:
    """Return an update of `wide_layer`."""
    weights, x, delta = wide_layer(n, nnz, batch, dtype)
    generator = stream(0, "draw")
    uniforms = generator.random((2, ceiling(SUBSET_FACTOR, nnz)))
    signs = 2.0 * generator.integers(0, 2, batch) - 1.0
    momentum = np.ones_like(weights.values)
    layer = ExploredLayer(weights, momentum, x, delta, None, Draws(uniforms[0], uniforms[1], signs))
    return UpdateProblem((layer,), method, FRACTION, SCOPE, SUBSET_FACTOR, 0)
