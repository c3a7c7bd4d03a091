"""The definition of batch normalisation: literal formulas, sharing no code with the kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .api import Array


def _sum(terms: Sequence[float]) -> float:
    """Return the sum, exact but for one rounding where it is finite, else as the terms add up in index order."""
    if all(map(math.isfinite, terms)):
        try:
            return math.fsum(terms)
        except OverflowError:
            pass
    total = 0.0
    for term in terms:
        total += term
    return total


def _moments(plane: Array) -> tuple[float, float]:
    values = [float(v) for v in plane.flat]
    mean = _sum(values) / len(values)
    return mean, _sum([(v - mean) * (v - mean) for v in values]) / len(values)


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
    y = np.zeros(x.shape, x.dtype)
    for index in np.ndindex(*x.shape):
        c = index[0]
        deviation = math.sqrt(float(variance[c]) + epsilon)
        value = float(gamma[c]) * ((float(x[index]) - float(mean[c])) / deviation) + float(beta[c])
        if residual is not None:
            value += float(residual[index])
        y[index] = 0.0 if relu and value < 0 else value
    return y


def _batch_norm(
    x: Array, gamma: Array, beta: Array, epsilon: float, residual: Array | None, relu: bool
) -> tuple[Array, Array, Array]:
    mean, variance = (np.array(part) for part in zip(*(_moments(plane) for plane in x), strict=True))
    return _normalise(x, gamma, beta, mean, variance, epsilon, residual, relu), mean, variance


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
    dx, t = np.zeros(x.shape, x.dtype), np.zeros(x.shape, x.dtype)
    dgamma, dbeta = np.zeros(len(x), x.dtype), np.zeros(len(x), x.dtype)
    for index in np.ndindex(*x.shape):
        if not relu or y[index] > 0:
            t[index] = dy[index]
    for c in range(len(x)):
        deviation = math.sqrt(float(variance[c]) + epsilon)
        places = list(np.ndindex(*x.shape[1:]))
        hats = [(float(x[(c, *place)]) - float(mean[c])) / deviation for place in places]
        pulls = [float(t[(c, *place)]) for place in places]
        total, product = _sum(pulls), _sum([p * h for p, h in zip(pulls, hats, strict=True)])
        dbeta[c], dgamma[c] = total, product
        for place, pull, hat in zip(places, pulls, hats, strict=True):
            inner = pull - total / len(places) - hat * (product / len(places))
            dx[(c, *place)] = float(gamma[c]) * (inner / deviation)
    return dx, dgamma, dbeta, t if masked and relu else None


OPERATIONS: dict[str, Any] = {
    "batch_norm": _batch_norm,
    "normalise": _normalise,
    "batch_norm_backward": _batch_norm_backward,
}
