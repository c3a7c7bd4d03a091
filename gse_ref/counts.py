"""The only place where fractions become integer counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .errors import InputError

#: A product this close (relatively) to an integer is that integer: 0.07 * 100 is 7, not 7.000000000000001.
_SNAP = 1e-12


def _product(fraction: float, size: int) -> float:
    value = fraction * size
    if not math.isfinite(value):
        raise InputError(f"{fraction} of {size} is more than can be counted: give a smaller fraction or number")
    nearest = round(value)
    return float(nearest) if abs(value - nearest) <= _SNAP * max(1.0, abs(value)) else value


def rounded(fraction: float, size: int) -> int:
    """Return ``round(fraction * size)``, halves to even: the total of a density (ALGORITHM section 3)."""
    return round(_product(fraction, size))


def ceiling(fraction: float, size: int) -> int:
    """Return ``ceil(fraction * size)``: the prune quota and the number of draws (ALGORITHM section 5)."""
    return math.ceil(_product(fraction, size))


def largest_remainder(shares: Sequence[float], total: int, limits: Sequence[int]) -> list[int]:
    """Turn real shares into integers whose sum is exactly `total`.

    Every share is floored; what is missing goes, one each, to the largest fractional parts (ties: lower index)
    among those still below their limit.

    Parameters
    ----------
    shares : non-negative reals whose sum is `total` up to rounding.
    total : the sum wanted.
    limits : upper bound of each count.

    Raises
    ------
    InputError : lengths differ, or the limits cannot hold the total.
    """
    if len(shares) != len(limits):
        raise InputError(f"{len(shares)} shares but {len(limits)} limits: give one limit for each share")
    if not 0 <= total <= sum(limits):
        raise InputError(f"a total of {total} does not fit limits whose sum is {sum(limits)}")
    counts = [min(math.floor(share), limit) for share, limit in zip(shares, limits, strict=True)]
    missing = total - sum(counts)
    if missing < 0:
        raise InputError(f"the shares sum to more than the total {total}: {list(shares)}")
    order = sorted(range(len(counts)), key=lambda i: (counts[i] - shares[i], i))
    while missing > 0:
        for i in order:
            if missing > 0 and counts[i] < limits[i]:
                counts[i] += 1
                missing -= 1
    return counts
