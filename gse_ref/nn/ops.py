"""Differentiable sparse products and convolutions, closed under differentiation.

With θ the CSR matrix of `values` on `topology`: y = θx, dx = θᵀdy and the product on the pattern
v_k = Σ_b dy_ib x_jb are each other's gradients, so gradients of any order stay sparse. A convolution is the same
three operations, where a column reads a shifted image and the sum runs over positions too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff import Op, Tensor, apply, is_grad_enabled
from ..backends import Geometry, active
from ..backends.arrays import namespace
from ..errors import ShapeError
from ..sparse import Topology
from .probe import current_observer, current_onlooker

Grads = tuple[Tensor | None, ...]


@dataclass(frozen=True)
class _Matrix:
    """The linear maps of one topology, on (units, batch)."""

    topology: Topology

    def forward(self, values: np.ndarray, x: np.ndarray, *bias: np.ndarray) -> np.ndarray:
        return active().spmm(self.topology.indptr, self.topology.indices, values, x, *bias)

    def transposed(self, values: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return active().spmm_t(self.topology.transpose, values, dy)

    def sampled(self, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        return active().sddmm(self.topology.indptr, self.topology.indices, dy, x)

    def backward(self, values: np.ndarray, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return active().spmm_backward(self.topology.transpose, values, x, dy)


@dataclass(frozen=True)
class _Convolution:
    """The linear maps of one topology, on images (channels, *size, batch)."""

    topology: Topology
    geometry: Geometry
    size: tuple[int, int]

    def forward(self, values: np.ndarray, x: np.ndarray, *bias: np.ndarray) -> np.ndarray:
        return active().conv(self.topology.indptr, self.topology.indices, values, x, self.geometry, *bias)

    def transposed(self, values: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return active().conv_t(self.topology.transpose, values, dy, self.geometry, self.size)

    def sampled(self, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        return active().conv_pairs(self.topology.rows, self.topology.indices, dy, x, self.geometry)

    def backward(self, values: np.ndarray, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return active().conv_backward(self.topology.transpose, values, x, dy, self.geometry)


_Maps = _Matrix | _Convolution


def _forward_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], maps: _Maps, owner: Any
) -> Grads:
    values, x = inputs[:2]
    observer = current_observer()
    if observer is not None:
        observer(owner, x.data, grad.data)
        dx = apply(TRANSPOSED, values, grad, maps=maps) if needs[1] else None
        return (None, dx, *([None] * len(inputs[2:])))
    onlooker = current_onlooker()
    if onlooker is not None and owner is not None:
        onlooker(owner, x.data, grad.data)
    fused = not is_grad_enabled()
    bias = tuple(_row_sums(grad, fused) for _ in inputs[2:])
    if fused and needs[0] and needs[1]:
        dx_, dvalues_ = maps.backward(values.data, x.data, grad.data)
        return (Tensor(dvalues_), Tensor(dx_), *bias)
    dvalues = apply(SAMPLED, grad, x, maps=maps) if needs[0] else None
    return (dvalues, apply(TRANSPOSED, values, grad, maps=maps) if needs[1] else None, *bias)


def _row_sums(grad: Tensor, fused: bool) -> Tensor:
    if not fused or grad.ndim > 2:
        return grad.sum(axis=tuple(range(1, grad.ndim)))
    # einsum sums the short rows of δ four times faster than sum
    return Tensor(namespace(grad.data).einsum("ib->i", grad.data))


def _transposed_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], maps: _Maps
) -> Grads:
    values, dy = inputs
    return (
        apply(SAMPLED, dy, grad, maps=maps) if needs[0] else None,
        apply(FORWARD, values, grad, maps=maps, owner=None) if needs[1] else None,
    )


def _sampled_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], maps: _Maps
) -> Grads:
    dy, x = inputs
    return (
        apply(FORWARD, grad, x, maps=maps, owner=None) if needs[0] else None,
        apply(TRANSPOSED, grad, dy, maps=maps) if needs[1] else None,
    )


FORWARD = Op("sparse product", lambda *arrays, maps, owner: maps.forward(*arrays), _forward_vjp, fresh=True)
TRANSPOSED = Op("transposed sparse product", lambda values, dy, maps: maps.transposed(values, dy), _transposed_vjp)
SAMPLED = Op("sampled product", lambda dy, x, maps: maps.sampled(dy, x), _sampled_vjp)


def _require(name: str, tensor: Tensor, wanted: tuple[int | str, ...], topology: Topology) -> None:
    given = tensor.data.shape
    fits = len(given) == len(wanted) and all(
        isinstance(w, str) or w == g for w, g in zip(wanted, given, strict=True)
    )
    if not fits:
        raise ShapeError(f"{name} has shape {given}, but {topology} wants {wanted}; the batch is the last axis")


def _product(maps: _Maps, values: Tensor, x: Tensor, bias: Tensor | None, owner: Any) -> Tensor:
    topology = maps.topology
    _require("values", values, (topology.nnz,), topology)
    if bias is None:
        return apply(FORWARD, values, x, maps=maps, owner=owner)
    _require("bias", bias, (topology.n_out,), topology)
    return apply(FORWARD, values, x, bias, maps=maps, owner=owner)


def sparse_matmul(
    values: Tensor, topology: Topology, x: Tensor, bias: Tensor | None = None, owner: Any = None
) -> Tensor:
    """Return y = θx + bias, (n_out, batch).

    Parameters
    ----------
    values : (nnz,) weights in CSR order of `topology`.
    x : (n_in, batch), same dtype.
    bias : (n_out,) or None.
    owner : what a probe is told as the layer.

    Raises
    ------
    ShapeError : an operand that does not fit the topology.
    """
    _require("x", x, (topology.n_in, "batch"), topology)
    return _product(_Matrix(topology), values, x, bias, owner)


def sampled_product(topology: Topology, dy: Tensor, x: Tensor) -> Tensor:
    """Return v_k = Σ_b dy[i, b] · x[j, b] for each connection k = (i, j) of `topology`, (nnz,) in CSR order.

    Parameters
    ----------
    dy : (n_out, batch).
    x : (n_in, batch), same dtype.

    Raises
    ------
    ShapeError : an operand that does not fit the topology or the other's batch.
    """
    _require("dy", dy, (topology.n_out, "batch"), topology)
    _require("x", x, (topology.n_in, dy.shape[1]), topology)
    return apply(SAMPLED, dy, x, maps=_Matrix(topology))


def _convolution(topology: Topology, x: Tensor, geometry: Geometry) -> _Convolution:
    channels, rest = divmod(topology.n_in, geometry.kernel**2)
    if rest:
        raise ShapeError(
            f"{topology} has no columns for a kernel of side {geometry.kernel}: n_in = channels · side²"
        )
    _require("x", x, (channels, "height", "width", "batch"), topology)
    size = x.shape[1], x.shape[2]
    if min(map(geometry.positions, size)) < 1:
        raise ShapeError(
            f"an image of {size[0]}×{size[1]} is smaller than the window of side {geometry.kernel} with padding "
            f"{geometry.padding}: use larger images, or pad them"
        )
    return _Convolution(topology, geometry, size)


def sparse_conv2d(
    values: Tensor, topology: Topology, x: Tensor, geometry: Geometry, bias: Tensor | None = None, owner: Any = None
) -> Tensor:
    """Return the convolution of x with the sparse kernels of `topology`, (n_out, height', width', batch).

    Parameters
    ----------
    values : (nnz,) weights in CSR order; column j ↔ (channel, row, column of the window) in C order.
    x : (channels, height, width, batch), same dtype.
    geometry : kernel, stride and padding.
    bias : (n_out,) or None.
    owner : what a probe is told as the layer.

    Raises
    ------
    ShapeError : an operand that does not fit the topology, or an image smaller than the window.
    """
    return _product(_convolution(topology, x, geometry), values, x, bias, owner)


def sampled_conv2d(topology: Topology, dy: Tensor, x: Tensor, geometry: Geometry) -> Tensor:
    """Return Σ dy · x over positions and samples for each connection, (nnz,): the gradient of `sparse_conv2d`.

    Parameters
    ----------
    dy : (n_out, height', width', batch).
    x : (channels, height, width, batch), same dtype.

    Raises
    ------
    ShapeError : an operand that does not fit the topology or the other.
    """
    maps = _convolution(topology, x, geometry)
    _require("dy", dy, (topology.n_out, *map(geometry.positions, maps.size), x.shape[3]), topology)
    return apply(SAMPLED, dy, x, maps=maps)
