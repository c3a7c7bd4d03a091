"""What the runs of a comparison say: a row for each setting, its difference to a reference paired over seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..explore import METHODS
from ..training.record import write_atomically
from .comparison import Result
from .grid import shown
from .statistics import CONFIDENCE, Interval, interval, paired

SUMMARY = "summary.json"
#: Chooses the setting that a setting is compared with, None for none.
Reference = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Row:
    """One setting over its seeds.

    Attributes
    ----------
    accuracy : test accuracy in [0, 1] of the runs that finished.
    difference : to the reference, paired over the seeds that finished in both; None for the reference itself or
        where it was not run.
    diverged, failed : runs that did not finish.
    seconds : median wall time of a run; None if none finished.
    nnz, steps : active connections at the end and SGD steps, from the first seed that finished.
    by_seed : seed → test accuracy.
    """

    setting: Mapping[str, Any]
    accuracy: Interval
    difference: Interval | None
    diverged: int
    failed: int
    seconds: float | None
    nnz: int | None
    steps: int | None
    by_seed: Mapping[int, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON: accuracies in [0, 1]."""
        found: dict[str, Any] = {"setting": dict(self.setting), "seeds": sorted(self.by_seed)}
        found |= {"test_accuracy_mean": self.accuracy.mean if self.accuracy.count else None}
        found |= {"test_accuracy_std": self.accuracy.std, "difference": None}
        if self.difference is not None and self.difference.count:
            gap = self.difference
            found["difference"] = {"mean": gap.mean, "low": gap.low, "high": gap.high, "pairs": gap.count}
        more = {"diverged": self.diverged, "failed": self.failed, "seconds_median": self.seconds, "nnz": self.nnz}
        more |= {"steps": self.steps}
        return {**found, **more}


def against(method: str) -> Reference:
    """Return the reference that is `method` at the same other settings."""
    return lambda setting: None if setting["method"] == method else {**setting, "method": method}


def summarise(results: Sequence[Result], reference: Reference) -> list[Row]:
    """Return a row for each setting, in the order of the arms."""
    arms: dict[int, list[Result]] = {}
    for result in results:
        arms.setdefault(result.point.arm, []).append(result)
    settings = {arm: members[0].point.setting for arm, members in sorted(arms.items())}
    accuracies = {
        arm: {r.point.config.seed: r.outcome["test_accuracy"] for r in arms[arm] if r.finished} for arm in settings
    }
    rows = []
    for arm, setting in settings.items():
        wanted = reference(setting)
        other = next((a for a, s in settings.items() if wanted is not None and s == wanted), None)
        members, found = arms[arm], accuracies[arm]
        done = [r.outcome for r in members if r.finished]
        rows.append(
            Row(
                setting=setting,
                accuracy=interval([found[seed] for seed in sorted(found)]),
                difference=None if other is None else paired(found, accuracies[other]),
                diverged=sum(r.outcome["outcome"] == "diverged" for r in members),
                failed=sum(r.outcome["outcome"] == "failed" for r in members),
                seconds=statistics.median(o["seconds"] for o in done) if done else None,
                nnz=done[0]["nnz"] if done else None,
                steps=done[0]["steps"] if done else None,
                by_seed=found,
            )
        )
    return rows


def summary_json(rows: Sequence[Row], reference: str, folder: Path) -> dict[str, Any]:
    """Return a comparison as one JSON object: accuracies in [0, 1], differences in [-1, 1]."""
    return {
        "baseline": reference,
        "confidence": CONFIDENCE,
        "settings": [row.to_dict() for row in rows],
        "unfinished": sum(row.diverged + row.failed for row in rows),
        "folder": str(folder),
    }


def write_summary(folder: Path, told: Mapping[str, Any]) -> None:
    """Write ``summary.json``."""
    write_atomically(folder / SUMMARY, (json.dumps(told, indent=2) + "\n").encode())


def _mean_cell(accuracy: Interval) -> str:
    if not accuracy.count:
        return "–"
    spread = "" if accuracy.std is None else f" ± {100 * accuracy.std:.2f}"
    return f"{100 * accuracy.mean:.2f}{spread}"


def _difference_cell(difference: Interval | None) -> str:
    if difference is None or not difference.count:
        return "–"
    if difference.low is None or difference.high is None:
        return f"{100 * difference.mean:+.2f}"
    return f"{100 * difference.mean:+.2f} [{100 * difference.low:+.2f}, {100 * difference.high:+.2f}]"


def _seeds_cell(row: Row) -> str:
    lost = [f"{number} {what}" for number, what in ((row.diverged, "diverged"), (row.failed, "failed")) if number]
    return ", ".join([str(row.accuracy.count), *lost])


def table(rows: Sequence[Row], reference: str) -> str:
    """Return the rows as an aligned Markdown table, in percent, with what its numbers are.

    Parameters
    ----------
    reference : what the differences are to, in words.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.setting))
    names.sort(key=lambda name: name != "method")
    head = [*names, "test accuracy, %", f"minus {reference}", "seeds", "seconds", "makes dense"]
    cells = [
        [
            *(shown(row.setting[name]) if name in row.setting else "–" for name in names),
            *(_mean_cell(row.accuracy), _difference_cell(row.difference), _seeds_cell(row)),
            *("–" if row.seconds is None else f"{row.seconds:.1f}", METHODS[row.setting["method"]].densifies),
        ]
        for row in rows
    ]
    return "\n".join([*_aligned([head, *cells]), "", *_notes(rows, reference)])


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(cells[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return lines


def _notes(rows: Sequence[Row], reference: str) -> list[str]:
    pairs = {row.difference.count for row in rows if row.difference is not None and row.difference.count}
    notes = ["Test accuracy: mean ± standard deviation over seeds. Seconds: median of a run, on one thread."]
    if pairs - {1}:
        notes.append(
            f"Minus {reference}: mean difference paired over seeds and its {100 * CONFIDENCE:.0f} % confidence "
            "interval (Student's t, pairs − 1 degrees of freedom), in points, each for one comparison at a time."
        )
    if 1 in pairs:
        notes.append(f"Minus {reference}, one seed: no interval, so it says little; take more --seeds.")
    fixed = sorted({m for row in rows if METHODS[m := row.setting["method"]].fixed_density is not None})
    if fixed:
        notes.append(
            f"Whatever the density asked for, {', '.join(fixed)} has one of its own: its rows share its runs."
        )
    steps = {row.steps for row in rows if row.steps is not None}
    if len(steps) > 1:
        notes.append(f"Runs differ in length: {min(steps):,} to {max(steps):,} SGD steps.")
    if any(row.diverged or row.failed for row in rows):
        notes.append("Means leave out the runs that diverged or failed, and are too good by that.")
    return notes
