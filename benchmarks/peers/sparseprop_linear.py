"""SparseProp's two linear kernels, batch last: what its SparseLinear runs between four transposes."""

from __future__ import annotations

from typing import Any

import torch
from sparseprop import backend

from .protocol import Prepared, Problem, Results


def prepare(problem: Problem) -> Prepared:
    """Hand over θ in CSR with 32-bit indices."""
    theta, x, dy = (torch.from_numpy(array) for array in (problem.values, problem.x, problem.dy))
    indptr = torch.from_numpy(problem.indptr.astype("int32"))
    indices = torch.from_numpy(problem.indices.astype("int32"))

    def step() -> Any:
        # The kernels add to their outputs.
        y, dx, dtheta = torch.zeros_like(dy), torch.zeros_like(x), torch.zeros_like(theta)
        backend.sparse_linear_vectorized_forward(x, indptr, indices, theta, y)
        backend.sparse_linear_vectorized_backward(x, indptr, indices, theta, dy, dx, dtheta)
        return y, dx, dtheta

    def results(raw: Any) -> Results:
        return tuple(tensor.numpy() for tensor in raw)

    return Prepared(step, results, "kernels without the transposes of SparseLinear")
