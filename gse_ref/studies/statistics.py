"""Means over seeds, and differences paired over seeds with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Of the intervals; they hold for one comparison at a time, not for all of a table at once.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its interval of 95 % confidence, by Student's t with ``count - 1`` degrees of freedom.

    Attributes
    ----------
    mean : NaN if there are no values.
    std : sample standard deviation (divisor ``count - 1``), None for fewer than two values.
    half : half of the interval's width, None for fewer than two values.
    """

    mean: float
    std: float | None
    half: float | None
    count: int

    @property
    def low(self) -> float | None:
        """Lower end."""
        return None if self.half is None else self.mean - self.half

    @property
    def high(self) -> float | None:
        """Upper end."""
        return None if self.half is None else self.mean + self.half

    @property
    def sign(self) -> int | None:
        """+1 or -1 if the whole interval lies above or below 0, 0 if it holds 0, None without an interval."""
        if self.half is None:
            return None
        return int(self.mean - self.half > 0) - int(self.mean + self.half < 0)


def interval(values: Sequence[float]) -> Interval:
    """Return mean, standard deviation and interval of `values`, one for each seed."""
    count = len(values)
    mean = math.fsum(values) / count if count else math.nan
    if count < 2:
        return Interval(mean, None, None, count)
    from scipy.stats import t

    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * std / math.sqrt(count)
    return Interval(mean, std, half, count)


def paired(values: Mapping[int, float], reference: Mapping[int, float]) -> Interval:
    """Return the interval of ``values - reference`` over the seeds that both have.

    Equal seeds share their first topology, their weights and the order of their batches, so what is left of
    the difference has less spread than either side.

    Parameters
    ----------
    values, reference : seed → value.
    """
    return interval([values[seed] - reference[seed] for seed in sorted(values.keys() & reference.keys())])
