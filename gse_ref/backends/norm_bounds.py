"""What rounding may do to batch normalisation: magnitudes for `tolerance.bound`, of the length `length(x)`.

With K values per channel, eps of the dtype of x and ρ = 1 / √(variance + ε). Rounding an operand costs at most
eps · max(|v|, tiny), tiny the smallest normal number, so tiny is added to what is multiplied further on.
"""

from __future__ import annotations

import numpy as np

from .api import Array

#: Roundings of an element beside the sums: centre, scale, factor, shift, residual, and those of their operands.
ROUNDINGS = 8


def length(x: Array) -> int:
    """Return K and the roundings of one element."""
    return x.size // max(1, len(x)) + ROUNDINGS


def _wide(array: Array) -> Array:
    return np.abs(array.astype(np.float64))


def _tiny(x: Array) -> float:
    return float(np.finfo(x.dtype).tiny)


def _per_channel(values: Array) -> Array:
    return values.reshape(-1, 1, 1, 1)


def mass(x: Array) -> Array:
    """Return mean|x| of each channel."""
    return _wide(x).mean(axis=(1, 2, 3))


def _hat(x: Array, mean: Array, variance: Array, epsilon: float) -> Array:
    """Return ρ · (|x| + |mean|) + tiny: what x̂ was computed from."""
    return (_wide(x) + _per_channel(_wide(mean))) / np.sqrt(_per_channel(variance) + epsilon) + _tiny(x)


def moments(x: Array, variance: Array) -> tuple[Array, Array]:
    """Return the magnitudes of mean and variance, for results in float64 from sums in the dtype of x.

    Mean: eps · K · mean|x|. Variance: the squares are rounded, and taken about a centre that is off by at most
    d = eps · K · mean|x|, eps · K · (variance + d²). What d² itself adds is taken off again, as far as the mean is
    known, which is rounded in the end: (eps · mean|x|)².
    """
    eps = float(np.finfo(x.dtype).eps)
    mean = mass(x) + _tiny(x)
    unit = eps / float(np.finfo(np.float64).eps)
    return unit * mean, unit * (variance + (eps * length(x) * mean) ** 2 + eps * mean**2 + _tiny(x))


def normalised(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    residual: Array | None,
    relu: bool = False,
) -> Array:
    """Return |γ| · ρ · (|x| + |mean|) + |β| + |residual|; for moments that are computed too, mean is `mass(x)`.

    A variance that is off by a share s of itself scales x̂ by 1 - s / 2, and s ≤ eps · K. What its centre adds,
    δ ≤ eps · K · d² (see `moments`), moves ρ by ρ · min(1, δρ²) at most. With |x - mean| ≤ √(K · variance) ≤ √K / ρ
    this moves x̂ by √(K · δ) · ρ = √eps · K · d · ρ: below d · ρ, which the bound holds, as long as K ≤ 1 / √eps;
    above, rounding errors no longer come near the worst case.
    """
    y = _per_channel(_wide(gamma)) * _hat(x, mean, variance, epsilon) + _per_channel(_wide(beta))
    return y if residual is None else y + _wide(residual)


def gradients(
    x: Array, y: Array, dy: Array, gamma: Array, mean: Array, variance: Array, epsilon: float, relu: bool
) -> tuple[Array, Array, Array]:
    """Return the magnitudes of dx, dγ and dβ, the moments being given.

    |γ| · ρ · (|t| + mean|t| + |x̂| · mean|t · x̂|), Σ|t · x̂| and Σ|t|, where |x̂| stands for ρ · (|x| + |mean|).
    """
    axes, tiny = (1, 2, 3), _tiny(x)
    t = np.where(y > 0, _wide(dy), 0.0) if relu else _wide(dy)
    t, hat = t + tiny, _hat(x, mean, variance, epsilon)
    product = t * hat
    inner = t + t.mean(axes, keepdims=True) + hat * product.mean(axes, keepdims=True)
    scale = _per_channel(_wide(gamma)) / np.sqrt(_per_channel(variance) + epsilon)
    return scale * inner + tiny * _per_channel(_wide(gamma)), product.sum(axes), t.sum(axes)
