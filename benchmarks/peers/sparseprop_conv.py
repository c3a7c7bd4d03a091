"""SparseProp's two pairs of convolution kernels: what its SparseConv2d runs between permutations of the images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sparseprop import backend

from .conv_protocol import ConvProblem, Results
from .protocol import NotApplicable, Prepared

NOTE = "kernels without the permutations of SparseConv2d"


def _index(problem: ConvProblem) -> tuple[torch.Tensor, ...]:
    """Return the first slot of each output channel, those of its input channels, and both taps of every slot."""
    channels, *taps = problem.taps
    counts = np.zeros((len(problem.dy), len(problem.x) + 1), np.int64)
    np.add.at(counts, (problem.rows, channels + 1), 1)
    starts = np.cumsum(counts, axis=1)
    if starts.max() > np.iinfo(np.int16).max:
        raise NotApplicable("more connections of one output channel than its 16-bit index holds")
    first, inside = problem.indptr.astype("int32"), starts.astype("int16").reshape(-1)
    return tuple(map(torch.from_numpy, (first, inside, *(tap.astype("uint8") for tap in taps))))


def _prepare(problem: ConvProblem, forward: Any, backward: Any, order: tuple[int, ...]) -> Prepared:
    kernel, stride, padding = problem.geometry
    if stride != 1:
        raise NotApplicable("its forward kernels are used here with stride 1 alone")
    x, dy = (torch.from_numpy(array).permute(order).contiguous() for array in (problem.x, problem.dy))
    theta, index = torch.from_numpy(problem.values), _index(problem)
    back = tuple(np.argsort(order).tolist())

    def step() -> Any:
        # The kernels add to their outputs.
        y, dx, dtheta = torch.zeros_like(dy), torch.zeros_like(x), torch.zeros_like(theta)
        forward(x, *index, theta, y, kernel, padding)
        backward(x, *index, theta, dy, dx, dtheta, kernel, padding)
        return y, dx, dtheta

    def results(raw: Any) -> Results:
        y, dx, dtheta = (tensor.numpy() for tensor in raw)
        return y.transpose(back), dx.transpose(back), dtheta

    return Prepared(step, results, NOTE)


def over_batch(problem: ConvProblem) -> Prepared:
    """Batch last, vectors along the batch."""
    kernels = (
        backend.sparse_conv2d_vectorized_forward_stride_1,
        backend.sparse_conv2d_vectorized_backward_stride_1,
    )
    return _prepare(problem, *kernels, (0, 1, 2, 3))


def over_width(problem: ConvProblem) -> Prepared:
    """Batch first, vectors along the rows of the output, which SparseProp calls over ON."""
    kernels = (
        backend.sparse_conv2d_vectorized_forward_over_on_stride_1,
        backend.sparse_conv2d_vectorized_backward_over_on_stride_1,
    )
    return _prepare(problem, *kernels, (3, 0, 1, 2))
