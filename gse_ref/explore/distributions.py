"""Sampling distributions over input and output units (ALGORITHM section 5.1)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..backends import active
from ..errors import DivergenceError

#: (X or δ) → unnormalised mass of each unit, float64.
Mass = Callable[[np.ndarray], np.ndarray]


def _uniform(generator: np.random.Generator, batch: int) -> Mass:
    return lambda x: np.ones(len(x))


def _grabo(generator: np.random.Generator, batch: int) -> Mass:
    return lambda x: active().abs_sums(x)


def _graest(generator: np.random.Generator, batch: int) -> Mass:
    signs = signs_of(generator, batch)
    return lambda x: active().signed_sums(x, signs)


#: `uniform`; `grabo`, the gradient's upper bound; `graest`, an unbiased sketch of the gradient. Each takes the
#: stream of signs and the batch size, and gives one mass for both sides, which share what was drawn.
DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, int], Mass]] = {
    "uniform": _uniform,
    "grabo": _grabo,
    "graest": _graest,
}


def signs_of(generator: np.random.Generator, batch: int) -> np.ndarray:
    """Draw (batch,) float64 signs, −1 or +1 with equal probability, shared by X and δ."""
    return 2.0 * generator.integers(0, 2, batch) - 1.0


def mass_or_uniform(mass: np.ndarray, place: str) -> tuple[np.ndarray, bool]:
    """Return `mass`, or a uniform one with True where the mass is 0.

    Raises
    ------
    DivergenceError : the mass is not finite; `place` says where.
    """
    total = float(mass.sum())
    if not math.isfinite(total):
        raise DivergenceError(f"the sampling distribution of {place} is not finite: training has diverged")
    return (mass, False) if total > 0 else (np.ones(len(mass)), True)
