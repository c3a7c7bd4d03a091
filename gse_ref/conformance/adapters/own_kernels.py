"""The operations of level kernels by one of the project's own backends."""

from __future__ import annotations

import numpy as np

from ...backends import TransposePlan, get
from ..adapter import Adapter, Array
from ..problems import Pattern, Weights


class OwnKernels(Adapter):
    """Products by a backend of this project."""

    def __init__(self, backend: str) -> None:
        self.backend = get(backend)

    def plan(self, pattern: Pattern | Weights) -> TransposePlan:
        """Return the pattern read by columns."""
        return self.backend.transpose_index(pattern.indptr.astype(np.int64), pattern.indices, pattern.shape[1])

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        pattern = weights.indptr.astype(np.int64), weights.indices
        return self.backend.spmm(*pattern, weights.values, x, *(() if bias is None else (bias,)))

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return θᵀ dy."""
        return self.backend.spmm_t(self.plan(weights), weights.values, dy)
