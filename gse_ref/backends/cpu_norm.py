"""Batch normalisation by the Numba kernels: allocates results, hands over planes of (channels, size)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import norm
from ..kernels.launch import launch
from .api import Array
from .memory import empty, streamed

#: What an element costs, in elementary operations of `launch`: it comes from the third-level cache, several times.
_COST = 16


def _planes(x: Array) -> Array:
    """Return `x` as (channels, positions and samples), contiguous."""
    return np.ascontiguousarray(x).reshape(len(x), -1)


def _optional(x: Array, operand: Array | None) -> Array:
    """Return the planes of `operand`, of which an empty array stands for none."""
    return np.empty((0, 0), x.dtype) if operand is None else _planes(operand)


def _floor(x: Array, relu: bool) -> Array:
    return x.dtype.type(0 if relu else -np.inf)


def _normalise(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    residual: Array | None,
    relu: bool,
) -> Array:
    y = empty(x.shape, x.dtype)
    operands = (_planes(x), gamma, beta, mean, variance, float(epsilon), _optional(x, residual))
    launch(norm.normalise, _COST * x.size, *operands, _floor(x, relu), _planes(y))
    return y


def _batch_norm(
    x: Array, gamma: Array, beta: Array, epsilon: float, residual: Array | None, relu: bool
) -> tuple[Array, Array, Array]:
    y = empty(x.shape, x.dtype)
    mean, variance = (np.empty(len(x), np.float64) for _ in range(2))
    operands = (_planes(x), gamma, beta, float(epsilon), _optional(x, residual), _floor(x, relu))
    launch(norm.batch_norm, _COST * x.size, *operands, _planes(y), mean, variance)
    return y, mean, variance


def _batch_norm_backward(
    x: Array,
    y: Array,
    dy: Array,
    gamma: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    relu: bool,
    masked: bool,
    beta: Array | None = None,
) -> tuple[Array, Array, Array, Array | None]:
    dx, size = empty(x.shape, x.dtype), x[0].size
    past = size % norm.PIECE == 0 and streamed(dx, size)
    if beta is not None and relu and not masked:
        dgamma, dbeta = (np.empty(len(x), x.dtype) for _ in range(2))
        operands = (_planes(x), _planes(dy), gamma, beta, mean, variance, float(epsilon))
        launch(norm.derived_backward, _COST * x.size, *operands, _planes(dx), dgamma, dbeta, past)
        return dx, dgamma, dbeta, None
    t = empty(x.shape, x.dtype) if masked and relu else None
    dgamma, dbeta = (np.empty(len(x), x.dtype) for _ in range(2))
    operands = (_planes(x), _optional(x, y if relu else None), _planes(dy), gamma, mean, variance, float(epsilon))
    results = (_planes(dx), dgamma, dbeta, _optional(x, t), past)
    launch(norm.batch_norm_backward, _COST * x.size, *operands, *results)
    return dx, dgamma, dbeta, t


OPERATIONS: dict[str, Any] = {
    "batch_norm": _batch_norm,
    "normalise": _normalise,
    "batch_norm_backward": _batch_norm_backward,
}
