"""torch.sparse.mm on a CSR weight; ``@`` would make a dense weight gradient."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from .protocol import NotApplicable, Prepared, Problem, Results


def prepare(problem: Problem) -> Prepared:
    """Put θ into a CSR tensor, batch last."""
    with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        theta = torch.sparse_csr_tensor(
            torch.from_numpy(problem.indptr.copy()),
            torch.from_numpy(problem.indices.astype("int64")),
            torch.from_numpy(problem.values),
            size=problem.shape,
        ).requires_grad_()
    x, dy = torch.from_numpy(problem.x).requires_grad_(), torch.from_numpy(problem.dy)

    def step() -> Any:
        y = torch.sparse.mm(theta, x)
        return (y, *torch.autograd.grad(y, (theta, x), dy))

    def results(raw: Any) -> Results:
        y, dtheta, dx = raw
        if dtheta.layout != torch.sparse_csr or dtheta.values().numel() != len(problem.values):
            raise NotApplicable("this version of torch returns the weight gradient off the pattern")
        return y.detach().numpy(), dx.numpy(), dtheta.values().numpy()

    return Prepared(step, results)
