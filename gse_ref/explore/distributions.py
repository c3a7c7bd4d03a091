"""Sampling distributions over input and output units (ALGORITHM section 5.1)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..backends.arrays import item, namespace, to_device
from ..errors import DivergenceError
from ..nn import Observation

#: How many samples → one sign for each of them, (samples,) float64 of ±1.
Signs = Callable[[int], np.ndarray]
#: What the probe saw of a layer, and its signs → unnormalised mass of its input units (n_in,) and output units
#: (n_out,), float64.
Masses = Callable[[Observation, Signs], tuple[np.ndarray, np.ndarray]]


def _uniform(seen: Observation, signs: Signs) -> tuple[np.ndarray, np.ndarray]:
    xp, topology = namespace(seen.x), seen.parameter.topology
    return xp.ones(topology.n_in), xp.ones(topology.n_out)


def _grabo(seen: Observation, signs: Signs) -> tuple[np.ndarray, np.ndarray]:
    return seen.abs_sums()


def _graest(seen: Observation, signs: Signs) -> tuple[np.ndarray, np.ndarray]:
    return seen.signed_sums(to_device(signs(seen.samples), namespace(seen.x)))


#: `uniform`; `grabo`, the gradient's upper bound; `graest`, an unbiased sketch of the gradient, both sides of which
#: share one sign for each sample.
DISTRIBUTIONS: dict[str, Masses] = {"uniform": _uniform, "grabo": _grabo, "graest": _graest}


def signs_of(generator: np.random.Generator, batch: int) -> np.ndarray:
    """Draw (batch,) float64 signs, −1 or +1 with equal probability, shared by X and δ."""
    return 2.0 * generator.integers(0, 2, batch) - 1.0


def mass_or_uniform(mass: np.ndarray, place: str) -> tuple[np.ndarray, bool]:
    """Return `mass`, or a uniform one with True where the mass is 0.

    Raises
    ------
    DivergenceError : the mass is not finite; `place` says where.
    """
    total = item(mass.sum())
    if not math.isfinite(total):
        raise DivergenceError(f"the sampling distribution of {place} is not finite: training has diverged")
    return (mass, False) if total > 0 else (namespace(mass).ones(len(mass)), True)
