"""Introselect, literally: quickselect by medians of three, by medians of five where that makes no progress.

Musser 1997, with NumPy's partition and depth limit of 2·log2 n rounds.
"""

from __future__ import annotations

import numpy as np

from tests.instrumented.meter import Meter, Metered

GROUP = 5


def introselect(meter: Meter, array: np.ndarray, rank: int) -> float:
    """Return the element of `rank` (0 is the lowest); `array` is reordered in place."""
    (v,) = meter.over(array)
    _select(meter, v, 0, len(v) - 1, rank)
    return array[rank].item()


def _swap(v: Metered, a: int, b: int) -> None:
    v[a], v[b] = v[b], v[a]


def _less(meter: Meter, v: Metered, a: int, b: int) -> bool:
    return meter.less(v[a], v[b])


def _select(meter: Meter, v: Metered, low: int, high: int, rank: int) -> None:
    rounds = 2 * max(1, (high - low + 1).bit_length() - 1)
    while low + 1 < high:
        if rounds > 0 or high - low < GROUP + 1:
            _median_of_three_to(meter, v, low, high)
            left, right = low + 1, high
        else:
            _swap(v, _median_of_medians(meter, v, low + 1, high), low)
            left, right = low, high + 1
        rounds -= 1
        left, right = _partition(meter, v, v[low], left, right)
        _swap(v, low, right)
        if right >= rank:
            high = right - 1
        if right <= rank:
            low = left
    if high == low + 1 and _less(meter, v, high, low):
        _swap(v, high, low)


def _median_of_three_to(meter: Meter, v: Metered, low: int, high: int) -> None:
    """Leave the median of first, middle and last at `low`, the lowest at low + 1, the highest at `high`."""
    middle = low + (high - low) // 2
    if _less(meter, v, high, middle):
        _swap(v, high, middle)
    if _less(meter, v, high, low):
        _swap(v, high, low)
    if _less(meter, v, low, middle):
        _swap(v, low, middle)
    _swap(v, middle, low + 1)


def _partition(meter: Meter, v: Metered, pivot: float, left: int, right: int) -> tuple[int, int]:
    while True:
        left += 1
        while meter.less(v[left], pivot):
            left += 1
        right -= 1
        while meter.less(pivot, v[right]):
            right -= 1
        if right < left:
            return left, right
        _swap(v, left, right)


def _median_of_medians(meter: Meter, v: Metered, low: int, high: int) -> int:
    """Gather the medians of groups of five at the front and return the place of their median."""
    groups = (high - low + 1) // GROUP
    for group in range(groups):
        first = low + group * GROUP
        for end in range(first + 1, first + GROUP):
            place = end
            while place > first and _less(meter, v, place, place - 1):
                _swap(v, place, place - 1)
                place -= 1
        _swap(v, first + GROUP // 2, low + group)
    middle = low + groups // 2
    _select(meter, v, low, low + groups - 1, middle)
    return middle
