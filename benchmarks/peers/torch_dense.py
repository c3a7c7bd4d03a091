"""torch.nn.Linear, dense, batch first: forward and backward by autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .protocol import Prepared, Problem, Results


def prepare(problem: Problem) -> Prepared:
    """Put θ into a dense layer without bias."""
    n_out, n_in = problem.shape
    layer = torch.nn.Linear(n_in, n_out, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(problem.dense()))
    x = torch.from_numpy(np.ascontiguousarray(problem.x.T)).requires_grad_()
    dy = torch.from_numpy(np.ascontiguousarray(problem.dy.T))

    def step() -> Any:
        y = layer(x)
        return (y, *torch.autograd.grad(y, (x, layer.weight), dy))

    def results(raw: Any) -> Results:
        y, dx, dw = (tensor.detach().numpy() for tensor in raw)
        return y.T, dx.T, dw[problem.rows, problem.indices]

    return Prepared(step, results)
