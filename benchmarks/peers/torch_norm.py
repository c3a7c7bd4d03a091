"""torch's batch_norm and relu, batch first: forward and backward by autograd, in both orders of memory."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from .norm_protocol import NormProblem, Results
from .protocol import Prepared


def _prepare(problem: NormProblem, order: torch.memory_format) -> Prepared:
    def images(array: Any) -> torch.Tensor:
        return torch.from_numpy(array).permute(3, 0, 1, 2).contiguous(memory_format=order)

    dy = images(problem.dy)
    arrays = (images(problem.x), torch.from_numpy(problem.gamma), torch.from_numpy(problem.beta))
    residual = () if problem.residual is None else (images(problem.residual),)
    inputs = tuple(tensor.requires_grad_() for tensor in (*arrays, *residual))

    def step() -> Any:
        x, gamma, beta, *more = inputs
        y = functional.batch_norm(x, None, None, gamma, beta, True, eps=problem.epsilon)
        for tensor in more:
            y = y.add_(tensor)
        y = functional.relu_(y)
        return (y, *torch.autograd.grad(y, inputs, dy))

    def results(raw: Any) -> Results:
        arrays = [tensor.detach().numpy() for tensor in raw]
        return tuple(array.transpose(1, 2, 3, 0) if array.ndim == 4 else array for array in arrays)

    return Prepared(step, results, "sum and ReLU in place")


def nchw(problem: NormProblem) -> Prepared:
    """Put the images into torch's default order."""
    return _prepare(problem, torch.contiguous_format)


def channels_last(problem: NormProblem) -> Prepared:
    """Put the images into the order in which channels lie together."""
    return _prepare(problem, torch.channels_last)
