"""SparseLab's padded CSR product under autograd, batch last: what its SparseLinear runs between two transposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sparselab import _core
from sparselab.ops import _SpMMFunction

from .protocol import Prepared, Problem, Results


def padded(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> tuple[Any, np.ndarray]:
    """Return θ in a padded CSR, without padding but for empty rows (one slot), and the slot of each value."""
    counts = np.diff(indptr)
    capacity = np.maximum(1, counts)
    starts = np.cumsum(capacity) - capacity
    rows = np.repeat(np.arange(shape[0]), counts)
    slots = starts[rows] + np.arange(len(values)) - indptr[rows]
    own, columns = np.zeros(capacity.sum(), np.float32), np.full(capacity.sum(), -1, np.int32)
    own[slots], columns[slots] = values, indices
    theta = _core.PaddedCSR(
        nrows=shape[0],
        ncols=shape[1],
        values=own.tolist(),
        col_indices=columns.tolist(),
        row_start=starts.tolist(),
        row_nnz=counts.tolist(),
        row_capacity=capacity.tolist(),
    )
    return theta, slots


def prepare(problem: Problem) -> Prepared:
    """Put θ into a padded CSR."""
    theta, slots = padded(problem.indptr, problem.indices, problem.values, problem.shape)
    weight = torch.nn.Parameter(torch.from_numpy(np.asarray(theta.values)))
    x, dy = torch.from_numpy(problem.x).requires_grad_(), torch.from_numpy(problem.dy)

    def step() -> Any:
        y = _SpMMFunction.apply(weight, theta, x, "simd")
        return (y, *torch.autograd.grad(y, (weight, x), dy))

    def results(raw: Any) -> Results:
        y, dweight, dx = (tensor.detach().numpy() for tensor in raw)
        return y, dx, dweight[slots]

    return Prepared(step, results, "kernel under autograd, without the transposes of SparseLinear")
