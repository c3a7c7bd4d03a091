"""Words for what was measured: a difference is told as higher or lower only where its interval leaves out zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .grid import shown
from .statistics import CONFIDENCE, Interval, paired
from .summary import Row

_SIGNS = {1: "higher", 0: "not told apart", -1: "lower"}


def stated(gap: Interval) -> str:
    """Return a difference of accuracies in words, with its interval."""
    if not gap.count:
        return "not measured in the same seed"
    if gap.low is None or gap.high is None:
        return f"{100 * gap.mean:+.2f} points in one seed, which cannot be told from chance"
    interval = f"{100 * CONFIDENCE:.0f} % interval {100 * gap.low:+.2f} to {100 * gap.high:+.2f}"
    if gap.sign:
        return f"{_SIGNS[gap.sign]}, {100 * gap.mean:+.2f} points ({interval})"
    return f"not told apart, {100 * gap.mean:+.2f} points ({interval})"


def row_of(rows: Sequence[Row], setting: Mapping[str, Any]) -> Row | None:
    """Return the row of exactly this setting, None where it was not run."""
    return next((row for row in rows if row.setting == setting), None)


def between(rows: Sequence[Row], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Return in words how the accuracy of one setting lies to that of another, paired over seeds."""
    first, second = row_of(rows, ours), row_of(rows, theirs)
    if first is None or second is None:
        return "not measured"
    return stated(paired(first.by_seed, second.by_seed))


def sorted_out(rows: Sequence[Row], symbol: str, name: Callable[[Row], str]) -> str:
    """Return which rows lie above, below or too near their reference to tell: "lower at γ 0.1; higher at γ 2"."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        gap = row.difference
        if gap is None:
            continue
        verdict = _SIGNS[gap.sign] if gap.sign is not None else "without an interval"
        groups.setdefault(verdict, []).append(name(row))
    order = [*_SIGNS.values(), "without an interval"]
    told = [verdict for verdict in order if verdict in groups]
    if len(told) == 1 and len(groups[told[0]]) > 1:
        return f"{told[0]} at every {symbol}"
    return "; ".join(f"{verdict} at {symbol} {', '.join(groups[verdict])}" for verdict in told)


def span(rows: Sequence[Row]) -> str:
    """Return the settings of the lowest and the highest mean accuracy, with a caution about choosing them."""
    done = [row for row in rows if row.accuracy.count]
    if len(done) < 2:
        return "Too few settings finished to name the best."
    low, high = min(done, key=lambda row: row.accuracy.mean), max(done, key=lambda row: row.accuracy.mean)

    def name(row: Row) -> str:
        words = ", ".join(f"{n} {shown(v)}" for n, v in row.setting.items())
        return f"{100 * row.accuracy.mean:.2f} % ({words})"

    return (
        f"Means reach from {name(low)} to {name(high)}; the ends are chosen among {len(done)} settings after the "
        "fact, so their distance is exaggerated."
    )
