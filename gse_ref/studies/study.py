"""A study: a question, the runs that answer it, a figure, and words computed from what was measured."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import InputError, UnfinishedError
from ..training import TrainConfig
from ..training.record import write_atomically
from .comparison import Display, Result, carry_through
from .execution import Executor
from .figure import require_matplotlib, save
from .grid import Arm, points, shown
from .statistics import CONFIDENCE
from .summary import Reference, Row, summarise, summary_json, table, write_summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FINDING = "finding.md"


@dataclass(frozen=True)
class Found:
    """What the runs of a study came to.

    Attributes
    ----------
    base : the settings that the study started from.
    methods : those that are compared.
    particulars : settings that mean something to some of the methods only, where they are not the defaults.
    folder : of the study; its runs are under ``runs``, each named by the key of its point.
    reference : what the differences of `rows` are to, in words.
    """

    base: TrainConfig
    methods: Sequence[str]
    particulars: Mapping[str, Any]
    folder: Path
    reference: str
    results: Sequence[Result]
    rows: Sequence[Row]


def _no_tables(found: Found) -> dict[str, list[dict[str, Any]]]:
    return {}


@dataclass(frozen=True)
class Study:
    """One row of the table of studies.

    Attributes
    ----------
    question : what it asks, one sentence.
    arms : base settings and methods → what is compared; none for a study that trains nothing.
    methods : those compared unless others are asked for.
    reference : setting → the setting that it is compared with; `against` is that in words.
    draw : makes the figure.
    say : sentences of what was found, from the measurements and their intervals alone.
    tables : more data, name → rows, each written as NAME.csv.
    base : settings other than the defaults of `TrainConfig`.
    """

    question: str
    arms: Callable[[TrainConfig, Sequence[str]], list[Arm]]
    methods: tuple[str, ...]
    reference: Reference
    against: str
    draw: Callable[[Found], Figure]
    say: Callable[[Found], list[str]]
    tables: Callable[[Found], dict[str, list[dict[str, Any]]]] = _no_tables
    base: Mapping[str, Any] = field(default_factory=dict)


def _circumstances(found: Found) -> str:
    base, runs = found.base, {result.point.key: result for result in found.results}
    seeds = sorted({result.point.config.seed for result in found.results})
    network = f"{base.model} ({shown(base.hidden)})" if base.model == "mlp" else base.model
    lost = sum(not result.finished for result in runs.values())
    more = "".join(f", {name} {shown(value)}" for name, value in found.particulars.items())
    return (
        f"On {base.data} with {network}, density {base.density:g}, {base.epochs} epochs{more}, "
        f"seeds {shown(seeds)}: {len(runs)} runs, {lost or 'none'} of them unfinished."
    )


def _caution(found: Found) -> str:
    """Say what the intervals are and how many of them chance alone would move off zero."""
    gaps = [row.difference for row in found.rows if row.difference is not None and row.difference.half is not None]
    if not gaps:
        return "No difference has an interval: that takes two seeds at least."
    told, by_chance = sum(gap.sign != 0 for gap in gaps), (1 - CONFIDENCE) * len(gaps)
    return (
        f"Intervals are of {100 * CONFIDENCE:.0f} % confidence for each difference alone, paired over seeds "
        f"(Student's t); of the {len(gaps)} differences to {found.reference}, {told} exclude zero, where chance "
        f"alone would make about {by_chance:.1f} do so."
    )


def _text(study: Study, found: Found) -> str:
    sentences = study.say(found)
    if found.results:
        sentences = [_circumstances(found), *sentences, _caution(found)]
    return f"**{study.question}**\n\n{' '.join(sentences)}\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: a number that is not finite as its name."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def carry_out(
    study: Study,
    base: TrainConfig,
    methods: Sequence[str],
    seeds: Sequence[int],
    folder: Path,
    execute: Executor,
    display: Display,
    particulars: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Found, dict[str, Any], str]:
    """Make the runs that are missing, then write data, figure and finding.

    Parameters
    ----------
    particulars : settings that mean something to some methods only: those runs take them, the others do not.

    Returns
    -------
    found, told, text : what the runs came to; the same as one JSON object; and as text, finding first.

    Raises
    ------
    MissingDependencyError : no matplotlib; nothing has been run.
    UnfinishedError : no run finished.
    InputError, DataError, Stopped : as `carry_through`.
    """
    require_matplotlib()
    if not methods:
        raise InputError("a study needs at least one method: name them after --methods, or leave it out")
    arms = [Arm(arm.setting, {**particulars, **arm.changes}) for arm in study.arms(base, methods)]
    wanted = points(base, arms, seeds) if arms else []
    results = carry_through(wanted, base, folder, execute, display) if wanted else []
    if wanted and not any(result.finished for result in results):
        why = results[0].outcome["why"]
        raise UnfinishedError(f"none of {len(results)} runs finished: nothing can be drawn; the first: {why}")
    folder.mkdir(parents=True, exist_ok=True)
    rows = summarise(results, study.reference)
    found = Found(base, methods, particulars, folder, study.against, results, rows)
    more = study.tables(found)
    for name, lines in more.items():
        write_atomically(folder / f"{name}.csv", _csv(lines))
        jsonl = "".join(json.dumps({k: _plain(v) for k, v in line.items()}) + "\n" for line in lines)
        write_atomically(folder / f"{name}.jsonl", jsonl.encode())
    figures = save(study.draw(found), folder / "figure")
    finding = _text(study, found)
    write_atomically(folder / FINDING, finding.encode())
    told = {"question": study.question, "finding": finding, "figures": [str(path) for path in figures]}
    told |= summary_json(rows, study.against, folder)
    write_summary(folder, told)
    return found, told, "\n".join([finding, *([table(rows, study.against)] if rows else [])])
