"""Whether a size is measured at all, decided from smaller ones before anything of it is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .sizes import Sizes

#: No steeper growth than this is read out of two sizes: small ones are noisy.
STEEPEST = 2.0


class Cost(NamedTuple):
    """Seconds of the slowest call, and bytes to build and run it."""

    seconds: float
    bytes: int


@dataclass(frozen=True)
class Limits:
    """What one call may take, in seconds and bytes."""

    seconds: float
    bytes: float

    def exceeded(self, expected: Cost | None) -> str | None:
        """Say what would be needed if that is too much; None if it is not, or nothing is known yet."""
        if expected is None:
            return None
        if expected.bytes > self.bytes:
            return f"would need about {expected.bytes / 1e9:.2g} GB, the limit is {self.bytes / 1e9:.2g} GB"
        if expected.seconds > self.seconds:
            return f"would need about {expected.seconds:.2g} s a call, the limit is {self.seconds:g} s"
        return None


#: For the machine itself, whose yardsticks take less than anything that is measured by them.
UNLIMITED = Limits(math.inf, math.inf)


def _nearest(costs: Mapping[Sizes, Cost], sizes: Sizes) -> Sizes | None:
    """Return the widest measured size that is not wider than `sizes`, of those the nearest in nnz and batch."""
    narrower = [other for other in costs if other.n <= sizes.n]
    return max(narrower, key=lambda other: (other.n, -_apart(other, sizes)), default=None)


def _apart(one: Sizes, other: Sizes) -> float:
    return abs(math.log(one.nnz / other.nnz)) + abs(math.log(one.batch / other.batch))


def _steepness(costs: Mapping[Sizes, Cost], last: Sizes, position: int) -> float | None:
    """Return the exponent between the last two widths of one kind of cost; None where there are no two."""
    narrower = [other for other in costs if other.n < last.n and other.batch == last.batch]
    if not narrower:
        return None
    other = max(narrower)
    high, low = costs[last][position], costs[other][position]
    return math.log(high / low) / math.log(last.n / other.n) if min(high, low) > 0 else None


def predicted(costs: Mapping[Sizes, Cost], sizes: Sizes, exponent: float) -> Cost | None:
    """Return what `sizes` will cost at most, from the widest measured size that is not wider; None without any.

    Seconds grow as n to the power `exponent`, bytes as n, both steeper (up to n²) if the last two widths were; with
    the connections a unit, and with the batch, in proportion. Fewer of these are not taken to cost less.
    """
    last = _nearest(costs, sizes)
    if last is None:
        return None
    others = max(1.0, sizes.nnz / sizes.n / (last.nnz / last.n)) * max(1.0, sizes.batch / last.batch)
    growth = []
    for position, least in enumerate((exponent, 1.0)):
        seen = _steepness(costs, last, position)
        steep = least if seen is None else min(max(least, seen), STEEPEST)
        growth.append((sizes.n / last.n) ** steep * others)
    return Cost(costs[last].seconds * growth[0], int(costs[last].bytes * growth[1]))
