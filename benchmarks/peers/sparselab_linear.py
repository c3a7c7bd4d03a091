"""SparseLab's padded CSR product under autograd, batch last: what its SparseLinear runs between two transposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sparselab import _core
from sparselab.ops import _SpMMFunction

from .protocol import Prepared, Problem, Results


def prepare(problem: Problem) -> Prepared:
    """Put θ into a padded CSR without padding but for empty rows, which need one slot."""
    counts = np.diff(problem.indptr)
    capacity = np.maximum(1, counts)
    starts = np.cumsum(capacity) - capacity
    slots = starts[problem.rows] + np.arange(len(problem.values)) - problem.indptr[problem.rows]
    values, columns = np.zeros(capacity.sum(), np.float32), np.full(capacity.sum(), -1, np.int32)
    values[slots], columns[slots] = problem.values, problem.indices
    theta = _core.PaddedCSR(
        nrows=problem.shape[0],
        ncols=problem.shape[1],
        values=values.tolist(),
        col_indices=columns.tolist(),
        row_start=starts.tolist(),
        row_nnz=counts.tolist(),
        row_capacity=capacity.tolist(),
    )
    weight = torch.nn.Parameter(torch.from_numpy(np.asarray(theta.values)))
    x, dy = torch.from_numpy(problem.x).requires_grad_(), torch.from_numpy(problem.dy)

    def step() -> Any:
        y = _SpMMFunction.apply(weight, theta, x, "simd")
        return (y, *torch.autograd.grad(y, (weight, x), dy))

    def results(raw: Any) -> Results:
        y, dweight, dx = (tensor.detach().numpy() for tensor in raw)
        return y, dx, dweight[slots]

    return Prepared(step, results, "kernel under autograd, without the transposes of SparseLinear")
