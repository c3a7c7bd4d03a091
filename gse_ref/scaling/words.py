"""Verdicts in words."""

from __future__ import annotations

from collections.abc import Mapping

from .fit import Slope
from .subject import LINEAR
from .verdict import Judgement, Timing

#: Symbol of what a sweep varies.
SYMBOLS = {"width": "n", "nnz": "nnz", "batch": "batch"}


#: An interval above this asks for a word on cache levels.
STRAIGHT = 1.05

#: Counts by what they tell of an algorithm, the most telling last: it is named where none is steeper.
TELLING = (
    "allocations",
    "largest_allocation",
    "bytes_written",
    "bytes_read",
    "random_numbers",
    "moves",
    "multiply_adds",
)


def amount(name: str) -> str:
    """Return the name of a count for people."""
    if name == "largest_allocation":
        return "bytes of the largest array"
    return name.replace("_", " ").replace("multiply adds", "multiply-adds")


def power(sweep: str, exponent: float) -> str:
    """Return e.g. ``n^1.02``."""
    return f"{SYMBOLS[sweep]}^{exponent:.2f}"


def interval(sweep: str, slope: Slope) -> str:
    """Return e.g. ``n^1.07 [1.02, 1.12]``."""
    return f"{power(sweep, slope.value)} [{slope.low:.2f}, {slope.high:.2f}]"


def _most_telling(counts: Mapping[str, Mapping[str, float]], sweep: str) -> tuple[str, float] | None:
    """Return the steepest count of a sweep, multiply-adds where nothing is steeper."""
    here = {name: exponents[sweep] for name, exponents in counts.items() if sweep in exponents}
    if not here:
        return None
    order = {name: place for place, name in enumerate(TELLING)}
    steepest = max(here, key=lambda name: (round(here[name], 2), order.get(name, -1)))
    return steepest, here[steepest]


def _growth_of_counts(one: Judgement) -> str | None:
    told = _most_telling(one.counts, "width")
    if told is None:
        return None
    return f"{amount(told[0])} grow as {power('width', told[1])}, no count faster"


def _growth_of_time(sweep: str, timing: Timing) -> str:
    text = f"time as {interval(sweep, timing.slope)}"
    if timing.slope.low > STRAIGHT:
        text += f", {interval(sweep, timing.corrected)} without what cache levels explain"
    return text


def _levels(by_level: Mapping[str, float]) -> str | None:
    if not by_level:
        return None
    return "ns per connection: " + ", ".join(f"{value:.3g} in {level}" for level, value in by_level.items())


def _why_not(one: Judgement) -> list[str]:
    """Return what grows too fast: the steepest count of each sweep, memory, time."""
    parts = []
    for sweep in SYMBOLS:
        told = _most_telling(one.steep_counts, sweep)
        if told is not None:
            parts.append(f"{amount(told[0])} grow as {power(sweep, told[1])}")
    parts += [f"peak memory grows as {power(sweep, exponent)}" for sweep, exponent in one.steep_memory.items()]
    for sweep, timing in one.steep_timing.items():
        text = f"time grows as {interval(sweep, timing.slope)}"
        if timing.corrected.value < timing.slope.value - 0.005:
            text += f", {interval(sweep, timing.corrected)} without what cache levels explain"
        parts.append(text)
    return parts


def outcome(one: Judgement) -> str:
    """Return the verdict in a few words."""
    if not one.decided:
        return "not judged"
    if one.expected.growth == LINEAR:
        return "linear" if one.linear else "not linear"
    return "linear, though quadratic was expected" if one.linear else "quadratic as expected"


def verdict(one: Judgement, by_level: Mapping[str, float]) -> str:
    """Return the verdict in a sentence, with what it rests on.

    Parameters
    ----------
    by_level : cache level → median nanoseconds a connection there, see `study.levels`.
    """
    head = outcome(one)
    if not one.decided:
        return f"{head}: only {one.sizes} widths could be measured within the limits"
    if not one.linear:
        reasons = _why_not(one)
        if "width" in one.timing and "width" not in one.steep_timing:
            # what cache levels explain goes by the bytes moved, which may be what grows
            reasons.append(f"time as {interval('width', one.timing['width'].slope)}")
        return f"{head}: " + "; ".join(reasons)
    parts = [_growth_of_counts(one)]
    parts += [_growth_of_time(sweep, timing) for sweep, timing in one.timing.items() if sweep == "width"]
    parts.append(_levels(by_level))
    return f"{head}: " + "; ".join(part for part in parts if part)
