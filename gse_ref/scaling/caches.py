"""What the cache levels of the machine add to a time, so that steps are not taken for growth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .measure import Measurement


def moved(one: Measurement) -> int | None:
    """Return the bytes that a call moves as counted; None where they are not."""
    if not one.counts or "bytes_read" not in one.counts:
        return None
    return one.counts["bytes_read"] + one.counts.get("bytes_written", 0)


def slowdown(seconds_per_byte: Sequence[float]) -> np.ndarray:
    """Return how much longer than at best a byte of a yardstick takes at each of increasing sizes, never falling.

    Before the best size it is the overhead of a call that makes a byte dear, not the caches: 0 there.
    """
    rate = np.asarray(seconds_per_byte, np.float64)
    best = int(rate.argmin())
    risen = np.zeros(len(rate))
    risen[best:] = np.maximum.accumulate(rate[best:]) - rate[best]
    return risen


def explained(
    x: Sequence[float], medians: np.ndarray, found: Sequence[Measurement], seconds_per_byte: Sequence[float]
) -> np.ndarray:
    """Return the share of each time that the cache levels do not explain, in (0, 1].

    The bytes that a call moves, each at the slowdown of the yardstick at that size, are taken off the time. Where
    bytes are not counted, all of the time may be memory's: it is then divided by the yardstick's relative slowdown.
    Never more is taken off than what lies above proportion to a smaller size: the correction cannot make growth
    less than linear.

    Parameters
    ----------
    x : sizes of the sweep, increasing; medians : seconds at each.
    seconds_per_byte : of the yardstick that takes memory as the phase does.
    """
    risen, best = slowdown(seconds_per_byte), float(np.min(seconds_per_byte))
    bytes_moved = [moved(one) for one in found]
    if None in bytes_moved:
        extra = medians * risen / (best + risen)
    else:
        extra = np.array(bytes_moved, np.float64) * risen
    x_ = np.asarray(x, np.float64)
    proportional = x_ * np.minimum.accumulate(medians / x_)
    return np.maximum(medians - extra, proportional) / medians
