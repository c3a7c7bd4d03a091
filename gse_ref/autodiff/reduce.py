"""Rules of reductions: sum, mean, variance, maximum over any axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..backends.arrays import namespace
from ..errors import ShapeError
from . import compute
from .elementwise import MASK, mul, sub
from .shape import broadcast_to, reshape
from .tensor import Axes, Op, Operand, Tensor, apply

Needs = tuple[bool, ...]


def kept_shape(shape: tuple[int, ...], axis: Axes) -> tuple[int, ...]:
    """Return the shape with the reduced axes kept as 1."""
    if axis is None:
        return (1,) * len(shape)
    axes = normalize_axis_tuple(axis, len(shape))
    return tuple(1 if position in axes else n for position, n in enumerate(shape))


def _count(shape: tuple[int, ...], axis: Axes) -> int:
    """Return how many elements go into each result."""
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[position] for position in normalize_axis_tuple(axis, len(shape)))


def _sum_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes, keepdims: bool
) -> tuple[Tensor]:
    shape = inputs[0].shape
    return (broadcast_to(reshape(grad, kept_shape(shape, axis)), shape),)


SUM = Op("sum", compute.total, _sum_vjp)


def sum(x: Operand, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the sum over `axis` (one, several, or None for all); `keepdims` keeps these axes as 1."""
    return apply(SUM, x, axis=axis, keepdims=keepdims)


def _mean_forward(x: np.ndarray, axis: Axes, keepdims: bool) -> np.ndarray:
    if not _count(x.shape, axis):
        raise ShapeError(f"mean over no elements: shape {x.shape}, axis {axis}")
    return namespace(x).mean(x, axis=axis, keepdims=keepdims)


def _mean_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes, keepdims: bool
) -> tuple[Tensor]:
    shape = inputs[0].shape
    return (broadcast_to(mul(reshape(grad, kept_shape(shape, axis)), 1 / _count(shape, axis)), shape),)


MEAN = Op("mean", _mean_forward, _mean_vjp)


def mean(x: Operand, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the mean over `axis` (one, several, or None for all)."""
    return apply(MEAN, x, axis=axis, keepdims=keepdims)


def _var_forward(x: np.ndarray, axis: Axes, ddof: int, keepdims: bool) -> np.ndarray:
    count = _count(x.shape, axis)
    if count <= ddof:
        raise ShapeError(f"variance of {count} elements with ddof={ddof}: shape {x.shape}, axis {axis}")
    return namespace(x).var(x, axis=axis, ddof=ddof, keepdims=keepdims)


def _var_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes, ddof: int, keepdims: bool
) -> tuple[Tensor]:
    (x,) = inputs
    scale = mul(reshape(grad, kept_shape(x.shape, axis)), 2 / (_count(x.shape, axis) - ddof))
    return (mul(sub(x, mean(x, axis, keepdims=True)), scale),)


VAR = Op("var", _var_forward, _var_vjp)


def var(x: Operand, axis: Axes = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """Return the variance over `axis`: squared deviations from the mean, summed and divided by n - ddof."""
    return apply(VAR, x, axis=axis, ddof=ddof, keepdims=keepdims)


def _max_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes, keepdims: bool
) -> tuple[Tensor]:
    (x,) = inputs
    kept = kept_shape(x.shape, axis)
    largest = namespace(x.data).astype(x.data == compute.reshape(out.data, kept), x.dtype)
    share = largest / compute.total(largest, axis, keepdims=True)
    return (apply(MASK, broadcast_to(reshape(grad, kept), x.shape), condition=share),)


MAX = Op("max", compute.largest, _max_vjp)


def max(x: Operand, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the maximum over `axis` (one, several, or None for all); equal maxima share the gradient."""
    return apply(MAX, x, axis=axis, keepdims=keepdims)
