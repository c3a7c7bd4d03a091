"""Level kernels once more: dense matrices, PyTorch's products and convolutions, gradients by its autograd.

Sums run in float64 and are rounded once. Where everything is finite a layer is one dense product; where something
is not, an inactive connection must not multiply an infinity by 0, and products are masked one by one before they
are summed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...backends import Geometry
from ..adapter import Adapter, Array, NotCovered
from ..problems import Pattern, Weights

#: Elements of the largest dense array that is made.
MOST = 2**24


def tensor(array: Array, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return a copy, by default in float64."""
    return torch.tensor(array, dtype=dtype)


def refuse_large(*sides: int) -> None:
    """Refuse a dense array that would be too large.

    Raises
    ------
    NotCovered : it would.
    """
    if np.prod(np.array(sides, float)) > MOST:
        raise NotCovered(f"a dense array of shape {sides} is more than this implementation makes")


def rows_of(pattern: Pattern | Weights) -> Tensor:
    """Return the row of each connection, (nnz,) int64."""
    return torch.arange(pattern.shape[0]).repeat_interleave(tensor(np.diff(pattern.indptr), torch.int64))


def edges_of(pattern: Pattern | Weights) -> Tensor:
    """Return the edge id of each connection, (nnz,) int64."""
    return rows_of(pattern) * pattern.shape[1] + tensor(pattern.indices, torch.int64)


def scattered(pattern: Pattern | Weights, values: Tensor) -> Tensor:
    """Return values in CSR order as a dense matrix of their dtype, 0 elsewhere."""
    refuse_large(*pattern.shape)
    dense = torch.zeros(pattern.shape, dtype=values.dtype)
    dense.view(-1)[edges_of(pattern)] = values
    return dense


def mask_of(pattern: Pattern | Weights) -> Tensor:
    """Return the dense mask, bool."""
    return scattered(pattern, torch.ones(len(pattern.indices), dtype=torch.bool))


def unfolded(x: Tensor, geometry: Geometry) -> Tensor:
    """Return (batch, channels · kernel², positions): what each tap reads at each position, 0 outside the image."""
    kernel, stride, padding = geometry
    return F.unfold(x, kernel, padding=padding, stride=stride)


def _all_finite(*tensors: Tensor) -> bool:
    return all(bool(torch.isfinite(t).all()) for t in tensors)


def product(theta: Tensor, mask: Tensor, columns: Tensor, inside: Tensor) -> Tensor:
    """Return Σ_j θ_ij · columns_jp over active connections that lie inside, (batch, n_out, positions).

    theta, mask (n_out, n_in); columns, inside (batch, n_in, positions).
    """
    refuse_large(theta.shape[0], *columns.shape)
    terms = theta[None, :, :, None] * columns[:, None]
    return torch.where(mask[None, :, :, None] & inside[:, None], terms, 0.0).sum(2)


def linear(theta: Tensor, mask: Tensor, x: Tensor, finite: bool) -> Tensor:
    """Return x θᵀ over active connections, (batch, n_out); x (batch, n_in), θ 0 where inactive."""
    if finite:
        return F.linear(x, theta)
    return product(theta, mask, x[:, :, None], torch.ones_like(x, dtype=torch.bool)[:, :, None])[:, :, 0]


def convolution(theta: Tensor, mask: Tensor, x: Tensor, geometry: Geometry, finite: bool) -> Tensor:
    """Return the convolution of x (batch, channels, height, width) over active connections."""
    kernel, stride, padding = geometry
    if finite:
        taps = theta.view(theta.shape[0], x.shape[1], kernel, kernel)
        return F.conv2d(x, taps, stride=stride, padding=padding)
    inside = unfolded(torch.ones_like(x), geometry) > 0
    sides = [geometry.positions(size) for size in x.shape[2:]]
    return product(theta, mask, unfolded(x, geometry), inside).unflatten(2, sides)


def layer(theta: Tensor, mask: Tensor, x: Tensor, geometry: Geometry | None, finite: bool) -> Tensor:
    """Return the output of a layer without bias."""
    if geometry is None:
        return linear(theta, mask, x, finite)
    return convolution(theta, mask, x, geometry, finite)


def dense_gradient(n_out: int, x: Tensor, delta: Tensor, geometry: Geometry | None) -> Tensor:
    """Return ∂loss/∂θ of every pair, active or not, (n_out, n_in), by autograd."""
    n_in = x.shape[1] * (1 if geometry is None else geometry.kernel**2)
    refuse_large(n_out, n_in)
    theta = torch.zeros((n_out, n_in), dtype=torch.float64, requires_grad=True)
    every = torch.ones((n_out, n_in), dtype=torch.bool)
    layer(theta, every, x, geometry, _all_finite(x, delta)).backward(delta)
    return theta.grad if theta.grad is not None else torch.zeros((n_out, n_in), dtype=torch.float64)


def biased(y: Tensor, bias: Array | None, dtype: np.dtype) -> Array:
    """Return y plus the bias of each output, axis 1, in `dtype`."""
    if bias is not None:
        y = y + tensor(bias).view(-1, *[1] * (y.ndim - 2))
    return y.numpy().astype(dtype)


class TorchProducts(Adapter):
    """Products by dense matrices, the batch first as PyTorch has it."""

    layout = "batch_first"

    def _forward(self, weights: Weights, x: Array, geometry: Geometry | None, bias: Array | None) -> Array:
        theta, inputs = scattered(weights, tensor(weights.values)), tensor(x)
        y = layer(theta, mask_of(weights), inputs, geometry, _all_finite(theta, inputs))
        with np.errstate(over="ignore"):
            return biased(y, bias, x.dtype)

    def _transposed(self, weights: Weights, dy: Array, geometry: Geometry | None, shape: tuple[int, ...]) -> Array:
        theta, delta = scattered(weights, tensor(weights.values)), tensor(dy)
        x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        layer(theta, mask_of(weights), x, geometry, _all_finite(theta, delta)).backward(delta)
        gradient = torch.zeros(shape) if x.grad is None else x.grad
        with np.errstate(over="ignore"):
            return gradient.numpy().astype(dy.dtype)

    def _gradient(
        self, n_out: int, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry | None
    ) -> Array:
        dense = dense_gradient(n_out, tensor(x), tensor(dy), geometry)
        with np.errstate(over="ignore"):
            return dense[tensor(rows, torch.int64), tensor(cols, torch.int64)].numpy().astype(x.dtype)

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return x θᵀ + b."""
        return self._forward(weights, x, None, bias)

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return dy θ, the gradient that autograd sends back."""
        return self._transposed(weights, dy, None, (len(dy), weights.shape[1]))

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the dense gradient at the connections."""
        return self._gradient(dy.shape[1], rows_of(pattern).numpy(), pattern.indices, dy, x, None)

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return the dense gradient at the pairs."""
        return self._gradient(dy.shape[1], rows, cols, dy, x, None)

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return PyTorch's convolution with the dense kernel."""
        return self._forward(weights, x, geometry, bias)

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return the gradient that autograd sends back to the images."""
        shape = len(dy), weights.shape[1] // geometry.kernel**2, *size
        return self._transposed(weights, dy, geometry, shape)

    def conv_gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the gradient of the dense kernel at the connections."""
        return self._gradient(dy.shape[1], rows_of(pattern).numpy(), pattern.indices, dy, x, geometry)

    def conv_gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the gradient of the dense kernel at the pairs."""
        return self._gradient(dy.shape[1], rows, cols, dy, x, geometry)
