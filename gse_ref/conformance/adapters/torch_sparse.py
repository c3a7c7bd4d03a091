"""torch.sparse: CSR tensors times dense ones, and `sampled_addmm` for products on a pattern; on the CPU."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..adapter import Adapter, Array
from ..problems import Pattern, Weights
from .optional import imported

torch = imported("torch", "torch.sparse", "pip install torch")


def _csr(indptr: Array, indices: Array, values: Any, shape: tuple[int, int]) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        lists = torch.from_numpy(indptr), torch.from_numpy(indices)
        return torch.sparse_csr_tensor(*lists, values, size=shape, check_invariants=True)


def _sampled(indptr: Array, indices: Array, dy: Array, x: Array) -> Array:
    """Return dy xᵀ on a pattern in CSR."""
    zeros = torch.zeros(len(indices), dtype=torch.from_numpy(x).dtype)
    pattern = _csr(indptr, indices, zeros, (len(dy), len(x)))
    product = torch.sparse.sampled_addmm(pattern, torch.from_numpy(dy), torch.from_numpy(x).T, beta=0.0)
    return product.values().numpy()


class TorchSparse(Adapter):
    """`torch.sparse.mm` and `torch.sparse.sampled_addmm`, with 64-bit indices as torch makes them."""

    name = "torch.sparse"
    index_dtype = "int64"

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        values = torch.from_numpy(weights.values)
        y = torch.sparse.mm(_csr(weights.indptr, weights.indices, values, weights.shape), torch.from_numpy(x))
        return (y if bias is None else y + torch.from_numpy(bias)[:, None]).numpy()

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return θᵀ dy."""
        values = torch.from_numpy(weights.values)
        theta = _csr(weights.indptr, weights.indices, values, weights.shape)
        return torch.sparse.mm(theta.t(), torch.from_numpy(dy)).numpy()

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return dy xᵀ on the connections."""
        return _sampled(pattern.indptr, pattern.indices, dy, x)

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return dy xᵀ on the distinct pairs, which are a pattern, and from there on all of them."""
        edges, where = np.unique(rows * len(x) + cols, return_inverse=True)
        active, indices = np.divmod(edges, len(x))
        indptr = np.searchsorted(active, np.arange(len(dy) + 1))
        return _sampled(indptr, indices, dy, x)[where]

    def set_threads(self, count: int) -> None:
        """Use so many threads in torch."""
        torch.set_num_threads(count)
