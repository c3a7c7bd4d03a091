"""Fits of costs against sizes: non-negative models, slopes with bootstrap intervals, an information criterion.

Errors grow with the cost, so every fit minimises relative residuals, (y - ŷ) / y, or works in logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from .sizes import Sizes

Numbers = Sequence[float] | np.ndarray

#: Resamples of an interval, and the share of them inside it.
RESAMPLES, COVERAGE = 2000, 0.95
#: A sweep's slope is taken where the cost is this many times the fitted constant, over this many sizes at least.
ABOVE_CONSTANT, LEAST_POINTS = 8.0, 4

#: What a cost may grow as, each beside a constant.
MODELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "x log x": lambda x: x * np.log2(np.maximum(x, 2)),
    "quadratic": lambda x: x * x,
}


class Constants(NamedTuple):
    """cost = per_unit · n + per_connection · nnz + fixed, none of them negative.

    misfit : root mean square of the relative residuals.
    """

    per_unit: float
    per_connection: float
    fixed: float
    misfit: float


class Fit(NamedTuple):
    """factor · growth(x) + constant fitted to costs, neither negative.

    misfit : root mean square of the relative residuals.
    aicc : corrected Akaike criterion; only differences between models of the same costs mean anything.
    """

    model: str
    factor: float
    constant: float
    misfit: float
    aicc: float


class Slope(NamedTuple):
    """Exponent of a power law with its 95 % interval; all equal for exact costs."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Slope:
        """Return a slope without error."""
        return cls(value, value, value)


def _least(terms: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, float]:
    """Return non-negative coefficients and the sum of squared relative residuals."""
    relative = terms / costs[:, None]
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)
    scaled, norm = nnls(relative / scale, np.ones(len(costs)))
    return scaled / scale, float(norm) ** 2


def constants(points: Sequence[Sizes], costs: Numbers) -> Constants:
    """Fit a · n + b · nnz + c to positive costs at one batch."""
    terms = np.array([(sizes.n, sizes.nnz, 1) for sizes in points], np.float64)
    found, rss = _least(terms, np.asarray(costs, np.float64))
    per_unit, per_connection, fixed = map(float, found)
    return Constants(per_unit, per_connection, fixed, math.sqrt(rss / len(points)))


def compare(x: Numbers, costs: Numbers, grain: float) -> dict[str, Fit]:
    """Fit each of `MODELS` to the positive costs of one sweep; return the fits by name.

    Parameters
    ----------
    grain : relative error that costs have anyway; a misfit below it is not evidence.

    Notes
    -----
    AICc = m ln(RSS/m + grain²) + 2p + 2p(p+1)/(m-p-1), p = 3 with the variance (Hurvich & Tsai 1989); infinite
    where m is too small.
    """
    x_, y = np.asarray(x, np.float64), np.asarray(costs, np.float64)
    m, p = len(y), 3
    found = {}
    for model, growth in MODELS.items():
        (factor, constant), rss = _least(np.stack([growth(x_), np.ones(m)], axis=1), y)
        aicc = math.inf
        if m > p + 1:
            aicc = m * math.log(rss / m + grain**2) + 2 * p + 2 * p * (p + 1) / (m - p - 1)
        found[model] = Fit(model, float(factor), float(constant), math.sqrt(rss / m), aicc)
    return found


def preferred(fits: dict[str, Fit], by: float = 2.0) -> str | None:
    """Return the model of the lowest AICc, the linear one unless another is lower by more than `by`.

    None where there are too few sizes for the criterion.
    """
    best = min(fits.values(), key=lambda one: one.aicc)
    if not math.isfinite(best.aicc):
        return None
    return best.model if best.aicc < fits["linear"].aicc - by else "linear"


def asymptotic(x: Numbers, costs: Numbers) -> np.ndarray:
    """Return the indices of the part of a sweep that shows the growth: where the fitted constant is small.

    The largest sizes, at least `LEAST_POINTS`, and all whose cost is at least `ABOVE_CONSTANT` times the constant
    of a·x + c.
    """
    x_, y = np.asarray(x, np.float64), np.asarray(costs, np.float64)
    (_, constant), _ = _least(np.stack([x_, np.ones_like(x_)], axis=1), y)
    first = int(np.argmax(y >= ABOVE_CONSTANT * constant)) if (y >= ABOVE_CONSTANT * constant).any() else len(y)
    return np.arange(max(0, min(first, len(y) - LEAST_POINTS)), len(y))


def exponent(x: Numbers, costs: Numbers) -> float:
    """Return the slope of log cost against log x, by least squares."""
    return float(_slopes(np.log(np.asarray(x, np.float64)), np.log(np.asarray(costs, np.float64))))


def _slopes(log_x: np.ndarray, log_y: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of each row of log_y (…, m)."""
    centred = log_x - log_x.mean()
    return log_y @ centred / (centred @ centred)


def slope_interval(
    x: Numbers, samples: Sequence[np.ndarray], ratios: Numbers, generator: np.random.Generator
) -> Slope:
    """Return the slope of the medians with a bootstrap interval.

    Two sources of error are resampled: the rounds at each size, and the scatter of the sizes around the line by a
    wild bootstrap (Liu 1988; Rademacher weights, residuals scaled by √(m/(m-2))), which does not need many sizes.

    Parameters
    ----------
    x : m sizes.
    samples : m arrays of the rounds' costs.
    ratios : m factors on the costs, such as a correction; 1 for none.
    """
    log_x = np.log(np.asarray(x, np.float64))
    medians = np.log([float(np.median(rounds)) for rounds in samples]) + np.log(ratios)
    value = float(_slopes(log_x, medians))
    fitted = medians.mean() + value * (log_x - log_x.mean())
    m = len(medians)
    residuals = (medians - fitted) * math.sqrt(m / max(m - 2, 1))
    signs = 2.0 * generator.integers(0, 2, (RESAMPLES, m)) - 1.0
    drawn = np.empty((RESAMPLES, m))
    for place, rounds in enumerate(samples):
        picks = generator.integers(0, len(rounds), (RESAMPLES, len(rounds)))
        drawn[:, place] = np.log(np.median(np.asarray(rounds)[picks], axis=1)) - math.log(float(np.median(rounds)))
    slopes = _slopes(log_x, fitted + signs * residuals + drawn)
    tail = (1 - COVERAGE) / 2
    low, high = (float(q) for q in np.quantile(slopes, [tail, 1 - tail]))
    return Slope(value, min(low, value), max(high, value))
