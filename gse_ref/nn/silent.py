"""The product of a layer with its input, where some connections may only receive gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import Op, Tensor, apply, index
from .ops import sampled_conv2d, sampled_product, sparse_conv2d, sparse_matmul
from .parameter import SparseParameter
from .probe import is_probing


def _unchanged(y: np.ndarray, *_: np.ndarray, **__: Any) -> np.ndarray:
    return y


def _vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], topology: Any, geometry: Any
) -> tuple[Tensor | None, ...]:
    x = inputs[2].detach()
    if not needs[1] or is_probing():  # a probe takes what it wants of these connections with the others
        return (grad, None, None)
    if geometry is None:
        return (grad, sampled_product(topology, grad, x), None)
    return (grad, sampled_conv2d(topology, grad, x, geometry), None)


#: (y, values, x) → y itself; but `values` receive the gradient that they would have as weights of a product with x.
SILENT = Op("silent product", _unchanged, _vjp)


def layer_product(weight: SparseParameter, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return θx + bias, a convolution where the weights have a geometry.

    Silent connections add nothing to it and cost nothing in the forward pass and in ∂X; the backward pass gives
    them Σ δ·X like all others, which is not a derivative of the result but what Top-KAST explores by.

    Parameters
    ----------
    x : (n_in, batch), or images (channels, height, width, batch).
    bias : (n_out,) or None.

    Raises
    ------
    ShapeError : an operand that does not fit the topology.
    """

    def product(values: Tensor, topology: Any) -> Tensor:
        if weight.geometry is None:
            return sparse_matmul(values, topology, x, bias, owner=weight)
        return sparse_conv2d(values, topology, x, weight.geometry, bias, owner=weight)

    parts = weight.parts
    if parts is None:
        return product(weight, weight.topology)
    loud, quiet = parts
    y = product(index(weight, loud.mask), loud.topology)
    return apply(SILENT, y, index(weight, quiet.mask), x, topology=quiet.topology, geometry=weight.geometry)
