"""SciPy: a CSR array times a dense one, and its transpose. It has no product on a pattern and no convolution."""

from __future__ import annotations

from typing import Any

from scipy.sparse import csr_array

from ..adapter import Adapter, Array
from ..problems import Weights


def _csr(weights: Weights) -> Any:
    return csr_array((weights.values, weights.indices, weights.indptr), shape=weights.shape)


class SciPy(Adapter):
    """`csr_array @ dense`."""

    name = "SciPy"

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        y = _csr(weights) @ x
        return y if bias is None else y + bias[:, None]

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return θᵀ dy."""
        return _csr(weights).T @ dy
