"""Fractions become counts in one way: snapped, rounded, and shared out exactly."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.counts import ceiling, largest_remainder, rounded
from gse_ref.errors import InputError


@pytest.mark.parametrize(
    ("fraction", "size", "nearest", "above"),
    [
        (0.07, 100, 7, 7),  # 0.07 · 100 is 7.000000000000001
        (0.7, 10, 7, 7),
        (0.29, 100, 29, 29),  # 28.999999999999996
        (0.5, 1, 0, 1),  # halves to even
        (0.5, 3, 2, 2),
        (0.5, 5, 2, 3),
        (0.0, 7, 0, 0),
        (1.0, 7, 7, 7),
        (1e-9, 10, 0, 1),
        (0.02, 784 * 512, 8028, 8029),
        (1.5, 3, 4, 5),
        (1e-6, 10**12, 10**6, 10**6),
    ],
)
def test_rounded_and_ceiling(fraction: float, size: int, nearest: int, above: int) -> None:
    for actual, expected in ((rounded(fraction, size), nearest), (ceiling(fraction, size), above)):
        assert type(actual) is int
        assert actual == expected


@given(digits=st.integers(0, 1000), size=st.integers(0, 10**9))
def test_counts_are_those_of_the_decimal_that_was_meant(digits: int, size: int) -> None:
    exact = Fraction(digits, 1000) * size
    assert rounded(digits / 1000, size) == round(exact)
    assert ceiling(digits / 1000, size) == ceil(exact)


@given(fraction=st.floats(0, 1), more=st.floats(0, 1), size=st.integers(0, 10**6))
def test_counts_are_monotone_and_bounded(fraction: float, more: float, size: int) -> None:
    low, high = sorted((fraction, more))
    assert 0 <= rounded(low, size) <= rounded(high, size) <= size
    assert 0 <= ceiling(low, size) <= ceiling(high, size) <= size


@pytest.mark.parametrize(
    ("shares", "total", "limits", "expected"),
    [
        ([1.5, 1.5], 3, [9, 9], [2, 1]),  # tie: lower index
        ([0.2, 0.7, 0.1], 1, [9, 9, 9], [0, 1, 0]),
        ([2.9, 0.1], 3, [2, 9], [2, 1]),  # the first is full
        ([2.0, 3.0], 5, [2, 3], [2, 3]),
        ([0.4, 0.4, 0.2], 1, [0, 9, 9], [0, 1, 0]),
        ([0.5, 0.5], 4, [9, 9], [2, 2]),  # more missing than shares: round after round
        ([], 0, [], []),
    ],
)
def test_largest_remainder(shares: list[float], total: int, limits: list[int], expected: list[int]) -> None:
    assert largest_remainder(shares, total, limits) == expected


@given(
    weights=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8),
    room=st.lists(st.integers(0, 50), min_size=8, max_size=8),
    total=st.integers(0, 500),
)
def test_shares_become_integers_of_exactly_this_sum(weights: list[float], room: list[int], total: int) -> None:
    shares = [total * weight / sum(weights) for weight in weights]
    limits = [ceil(share) + more for share, more in zip(shares, room, strict=False)]
    counts = largest_remainder(shares, total, limits)
    assert sum(counts) == total
    for count, share, limit in zip(counts, shares, limits, strict=True):
        assert abs(count - share) < 1 + 1e-9
        assert count <= limit


@pytest.mark.parametrize(
    ("shares", "total", "limits", "message"),
    [
        ([1.0], 1, [1, 1], "1 shares but 2 limits: give one limit for each share"),
        ([1.0, 2.0], 3, [1, 1], "a total of 3 does not fit limits whose sum is 2"),
        ([1.0], -1, [1], "a total of -1 does not fit"),
        ([2.0, 2.0], 3, [9, 9], "the shares sum to more than the total 3"),
    ],
)
def test_what_cannot_be_shared_out(shares: list[float], total: int, limits: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        largest_remainder(shares, total, limits)
