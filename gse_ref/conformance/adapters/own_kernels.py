"""The operations of level kernels by one of the project's own backends."""

from __future__ import annotations

import numpy as np

from ...backends import Geometry, TransposePlan, get, most_threads
from ...backends.hosted import hosted
from ..adapter import Adapter, Array, NotCovered
from ..problems import Pattern, Weights


class OwnKernels(Adapter):
    """Products by a backend of this project."""

    def __init__(self, backend: str) -> None:
        self.backend = hosted(get(backend))

    def plan(self, pattern: Pattern | Weights) -> TransposePlan:
        """Return the pattern read by columns."""
        return self.backend.transpose_index(pattern.indptr.astype(np.int64), pattern.indices, pattern.shape[1])

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        return self.backend.spmm(weights.indptr.astype(np.int64), weights.indices, weights.values, x, bias)

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return θᵀ dy."""
        return self.backend.spmm_t(self.plan(weights), weights.values, dy)

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return dy xᵀ on the connections."""
        return self.backend.sddmm(pattern.indptr.astype(np.int64), pattern.indices, dy, x)

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return dy xᵀ on the pairs."""
        return self.backend.sddmm_pairs(rows, cols, dy, x)

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution of x."""
        pattern = weights.indptr.astype(np.int64), weights.indices
        return self.backend.conv(*pattern, weights.values, x, geometry, bias)

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return the gradient of the images."""
        return self.backend.conv_t(self.plan(weights), weights.values, dy, geometry, size)

    def conv_gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the gradient of the connections: half of the backward pass, which is one to a backend."""
        ones = np.ones(len(pattern.indices), x.dtype)
        return self.backend.conv_backward(self.plan(pattern), ones, x, dy, geometry)[1]

    def conv_gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the gradient of the pairs."""
        return self.backend.conv_pairs(rows, cols, dy, x, geometry)

    def set_threads(self, count: int) -> None:
        """Use so many of the threads that Numba was given."""
        from numba import set_num_threads

        if count > most_threads():
            raise NotCovered(f"Numba was given {most_threads()} threads in this process")
        set_num_threads(count)
