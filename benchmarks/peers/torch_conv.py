"""torch's dense conv2d (oneDNN), batch first: forward and backward by autograd, in both orders of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .conv_protocol import ConvProblem, Results
from .protocol import Prepared


def _images(array: np.ndarray, order: torch.memory_format) -> torch.Tensor:
    return torch.from_numpy(array).permute(3, 0, 1, 2).contiguous(memory_format=order)


def _prepare(problem: ConvProblem, order: torch.memory_format) -> Prepared:
    weight = torch.from_numpy(problem.dense()).contiguous(memory_format=order).requires_grad_()
    x, dy = _images(problem.x, order).requires_grad_(), _images(problem.dy, order)
    _, stride, padding = problem.geometry

    def step() -> Any:
        y = functional.conv2d(x, weight, stride=stride, padding=padding)
        return (y, *torch.autograd.grad(y, (x, weight), dy))

    def results(raw: Any) -> Results:
        y, dx, dw = (tensor.detach().numpy() for tensor in raw)
        return y.transpose(1, 2, 3, 0), dx.transpose(1, 2, 3, 0), dw[problem.rows, *problem.taps]

    return Prepared(step, results)


def nchw(problem: ConvProblem) -> Prepared:
    """Put θ and the images into torch's default order."""
    return _prepare(problem, torch.contiguous_format)


def channels_last(problem: ConvProblem) -> Prepared:
    """Put θ and the images into the order in which channels lie together."""
    return _prepare(problem, torch.channels_last)
