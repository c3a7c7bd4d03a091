"""Level selection: budgets, fractions, due steps and counts (ALGORITHM sections 3, 4, 5.5)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...backends import bound
from .. import strategies
from ..check import Check
from ..judge import Disagreement, wrong
from ..strategies import Moment, Shared
from ..subject import Declaration, Subject

EPS = float(np.finfo(np.float64).eps)
#: Connections up to which the count of a fraction in thousandths is demanded exactly.
MOST = 10**7


def _integer(value: Any, what: str) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise Disagreement(f"{what} is a {type(value).__name__}, not an integer", value, kind="malformed")
    return int(value)


def _relative(kind: str, layer: tuple[int, int, int]) -> Fraction:
    """Return what the share of a layer is proportional to (section 3)."""
    n_out, channels, kernel = layer
    size = n_out * channels * kernel**2
    sides = channels + n_out + (2 * kernel if kernel > 1 else 0)
    return {
        "uniform": Fraction(size),
        "erdos_renyi": Fraction(n_out + channels * kernel**2),
        "erdos_renyi_kernel": Fraction(sides, channels * n_out * kernel**2) * size,
        "scaled": Fraction(n_out),
    }[kind]


def _shares(case: Shared, total: int) -> list[Fraction]:
    """Return shares of `total`: whoever exceeds its size is full, and what it leaves is shared out again."""
    sizes = [n * c * kernel**2 for n, c, kernel in case.layers]
    weights = [_relative(case.kind, layer) for layer in case.layers]
    full: set[int] = set()
    while len(full) < len(sizes):
        rest = [i for i in range(len(sizes)) if i not in full]
        level = Fraction(total - sum(sizes[i] for i in full)) / sum((weights[i] for i in rest), Fraction())
        over = {i for i in rest if level * weights[i] > sizes[i]}
        if not over:
            return [Fraction(sizes[i]) if i in full else level * weights[i] for i in range(len(sizes))]
        full |= over
    return [Fraction(size) for size in sizes]


def _by_largest_remainder(shares: Sequence[Fraction], total: int) -> list[int]:
    counts = [math.floor(share) for share in shares]
    order = sorted(range(len(counts)), key=lambda i: (counts[i] - shares[i], i))
    for i in order[: total - sum(counts)]:
        counts[i] += 1
    return counts


def _budget(subject: Subject, case: Shared) -> None:
    """Judge the total and the limits exactly, and the rounding up to the rounding of shares in float64.

    Counts n of shares s are those of a largest remainder if and only if they have the right sum and no two s - n
    differ by more than 1. Shares of layers of one shape are equal in floats too: there the tie rule is demanded.
    """
    result = subject.call("budget", case.kind, case.layers, case.thousandths / 1000)
    try:
        found = [_integer(n, "a count") for n in result]
    except TypeError:
        raise Disagreement("not a sequence of counts", result, kind="malformed") from None
    total, sizes = round(case.exact), [n * c * kernel**2 for n, c, kernel in case.layers]
    shares = _shares(case, total)
    expected = _by_largest_remainder(shares, total)
    if len(found) != len(sizes):
        wrong(f"{len(found)} counts for {len(sizes)} layers", found, expected)
    if sum(found) != total:
        wrong(f"the counts sum to {sum(found)}, not to round(d ΣP) = {total}", found, expected)
    for i, (n, size) in enumerate(zip(found, sizes, strict=True)):
        if not 0 <= n <= size:
            wrong(f"layer {i} has {n} connections of {size}", found, expected)
    left = [share - n for share, n in zip(shares, found, strict=True)]
    slack = Fraction(16 * len(sizes) * EPS * total)
    if max(left) - min(left) > 1 + slack:
        most, least = max(range(len(left)), key=left.__getitem__), min(range(len(left)), key=left.__getitem__)
        parts = (f"layer {i}: {found[i]} for {float(shares[i]):.6g}" for i in (most, least))
        wrong(f"the counts do not follow the shares by largest remainder; {'; '.join(parts)}", found, expected)
    for i in range(len(sizes)):
        for k in range(i):
            if case.layers[i] == case.layers[k] and found[i] > found[k]:
                wrong(f"layers {k} and {i} are alike, the tie goes to the first", found, expected)


def _budget_corners(states: Declaration) -> Iterator[Shared]:
    for kind in ("uniform", "erdos_renyi", "erdos_renyi_kernel", "scaled"):
        yield Shared(kind, ((3, 5, 1),), 1000)
        yield Shared(kind, ((1, 5, 1),), 500)  # 2.5: halves to even
        yield Shared(kind, ((3, 5, 1),), 500)  # 7.5
        yield Shared(kind, ((3, 3, 1),) * 3, 370)  # three equal shares of 10
        yield Shared(kind, ((64, 3, 3), (64, 64, 3), (10, 64, 1)), 100)
        yield Shared(kind, ((2, 2, 1), (300, 784, 1), (10, 300, 1), (1, 1, 1)), 500)  # small layers overflow


def _prune_fraction(subject: Subject, case: Moment) -> None:
    schedule, initial, step, end = case
    result = subject.call("prune_fraction", *case)
    if isinstance(result, (bool, np.bool_)) or not isinstance(result, (int, float, np.integer, np.floating)):
        raise Disagreement(f"a {type(result).__name__}, not a number", result, kind="malformed")
    share = {
        "cosine": (1 + math.cos(math.pi * step / end)) / 2,
        "constant": 1.0,
        "linear": 1 - step / end,
    }[schedule]
    expected, allowed = initial * share, float(bound(np.float64, 8, np.array(initial)))
    if not abs(float(result) - expected) <= allowed:
        said = f"α_t is {float(result)!r}, not {expected!r} at step {step} of {end}"
        raise Disagreement(f"{said}; the bound is {allowed:.3g}", float(result), expected, allowed)


def _moment_corners(states: Declaration) -> Iterator[Moment]:
    for schedule in ("cosine", "constant", "linear"):
        yield from (Moment(schedule, 0.2, step, 10) for step in range(1, 11))
        yield Moment(schedule, 0.5, 1, 1)
        yield Moment(schedule, 0.0, 3, 7)


Due = tuple[int, int, int]


def _update_due(subject: Subject, case: Due) -> None:
    step, interval, end = case
    result = subject.call("update_due", *case)
    if not isinstance(result, (bool, np.bool_)):
        raise Disagreement(f"a {type(result).__name__}, not a bool", result, kind="malformed")
    expected = step >= 1 and step % interval == 0 and step <= end
    if bool(result) != expected:
        what = f"{'an' if result else 'no'} update at step {step}, interval {interval}, end {end}"
        wrong(what, bool(result), expected)


def _due_corners(states: Declaration) -> Iterator[Due]:
    for interval, end in ((1, 3), (2, 5), (5, 10), (5, 12), (7, 0), (7, 3)):
        yield from ((step, interval, end) for step in range(16))


def _dues(states: Declaration) -> st.SearchStrategy[Due]:
    return st.tuples(st.integers(0, 60), st.integers(1, 20), st.integers(0, 50))


Counted = tuple[int, int]


def _prune_count(subject: Subject, case: Counted) -> None:
    thousandths, nnz = case
    found = _integer(subject.call("prune_count", thousandths / 1000, nnz), "the count")
    expected = -(-thousandths * nnz // 1000)
    if found != expected:
        wrong(f"⌈{thousandths / 1000} · {nnz}⌉ is {expected}, not {found}", found, expected)


def _counted_corners(states: Declaration) -> Iterator[Counted]:
    """Return fractions of which the product in floats lies on either side of the integer that it is."""
    yield from ((0, 5), (1000, 5), (1, 0), (200, 1), (100, 30), (1, MOST), (999, MOST))
    for thousandths in (70, 100, 140, 200, 280, 290, 300, 550):
        yield from ((thousandths, nnz) for nnz in (10, 25, 30, 50, 100, 110, 150))


CHECKS = (
    Check(
        "budget",
        "selection",
        "shares of round(d ΣP) by kind, what exceeds a layer shared out again, integers by largest remainder",
        "section 3",
        ("budget",),
        _budget,
        lambda states: strategies.shared(),
        _budget_corners,
    ),
    Check(
        "prune_fraction",
        "selection",
        "α_t by its formula at step t, counted from 1, within c·eps·α",
        "section 4",
        ("prune_fraction",),
        _prune_fraction,
        lambda states: strategies.moments(),
        _moment_corners,
    ),
    Check(
        "update_due",
        "selection",
        "an update precedes step t when t mod T = 0 and t ≤ T_end, T_end included; never step 0",
        "section 4",
        ("update_due",),
        _update_due,
        _dues,
        _due_corners,
    ),
    Check(
        "prune_count",
        "selection",
        "⌈αN⌉ exactly where α is a decimal fraction: 0.07 of 100 is 7",
        "section 5.5",
        ("prune_count",),
        _prune_count,
        lambda states: st.tuples(st.integers(0, 1000), st.integers(0, 100) | st.integers(0, MOST)),
        _counted_corners,
    ),
)
