"""Carry the runs of a comparison through, in a folder that remembers what has been run."""

from __future__ import annotations

import csv
import fcntl
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..backends import get
from ..errors import CheckpointError, InputError
from ..training import TrainConfig
from ..training.build import build
from ..training.record import write_atomically
from .execution import Executor, Job
from .grid import Point, ignored, shown
from .worker import Outcome, stored_outcome

BASE, RUNS, ROWS, TABLE = "base.json", "runs", "results.jsonl", "results.csv"
#: Fields that a comparison varies in any case, so that those of the base mean nothing.
_VARIED = ("method", "density", "seed")
#: Columns of the results after those of the setting.
MEASURED = (
    *("outcome", "diverged", "test_accuracy", "train_loss", "test_loss", "nnz", "nnz_initial", "density_reached"),
    *("updates", "steps", "seconds", "peak_memory_bytes", "why", "run"),
)


class Display(Protocol):
    """Shows a comparison while it runs."""

    def start(self, to_run: int, stored: int) -> None:
        """Say how many runs there are to carry through, and how many were found ended."""

    def advance(self, job: Job, news: Mapping[str, Any]) -> None:
        """Say how far a job is: ``{"step", "steps", "accuracy"}``."""

    def end(self, job: Job, outcome: Outcome) -> None:
        """Say how a job ended."""


class Silent:
    """Shows nothing."""

    def start(self, to_run: int, stored: int) -> None:
        """Show nothing."""

    def advance(self, job: Job, news: Mapping[str, Any]) -> None:
        """Show nothing."""

    def end(self, job: Job, outcome: Outcome) -> None:
        """Show nothing."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C during a comparison; everything is saved in its folder."""

    def __init__(self, folder: Path, ended: int, runs: int) -> None:
        super().__init__(
            f"interrupted with {ended} of {runs} runs ended, all saved in {folder}: the same command goes on there"
        )


@dataclass(frozen=True)
class Result:
    """A point and how its run ended."""

    point: Point
    outcome: Outcome

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.outcome["outcome"] == "finished")

    def row(self) -> dict[str, Any]:
        """Return the run as a row of the results: setting, seed, measurements.

        None stands for a setting that means nothing to the method, and for what an unfinished run did not measure.
        """
        config, outcome = self.point.config, self.outcome
        setting = dict(self.point.setting)
        setting |= {name: None for name in setting if name in ignored(config.method)}
        if "density" in setting:
            setting["density"] = config.density  # of a method with a density of its own, that one
        measured = {name: outcome.get(name) for name in MEASURED}
        measured |= {"diverged": outcome["outcome"] == "diverged", "run": self.point.key}
        measured["density_reached"] = outcome.get("density")
        return {**setting, "seed": config.seed, **measured}


def _base_text(base: TrainConfig) -> str:
    return replace(base, **{name: getattr(TrainConfig(), name) for name in _VARIED}).to_json()


def _check(folder: Path, base: TrainConfig) -> None:
    """Refuse a folder that holds a comparison with other base settings, or something else."""
    path = folder / BASE
    if path.exists():
        try:
            stored = TrainConfig.from_json(path.read_text())
        except InputError as error:
            raise CheckpointError(f"{path} was not written by this version: {error}; give another --out") from None
        ours = TrainConfig.from_json(_base_text(base))
        odd = [
            f"{n} {shown(getattr(ours, n))} instead of {shown(getattr(stored, n))}"
            for n in ours.differences(stored)
        ]
        if odd:
            raise InputError(
                f"{folder} holds a comparison with other base settings ({', '.join(odd)}): give another --out, or "
                "the settings it was made with"
            )
    elif folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no comparison: give another --out")


def _make(folder: Path, base: TrainConfig) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / BASE).exists():
            write_atomically(folder / BASE, _base_text(base).encode())
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}; give another --out") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / BASE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{folder} is in use by another process: wait for it, or give another --out") from None
        yield


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV, with all columns that any of them has, in the order of their first sight."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    columns.sort(key=lambda name: MEASURED.index(name) if name in MEASURED else -1)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: " ".join(map(str, v)) if isinstance(v, (tuple, list)) else v for k, v in row.items()})
    return text.getvalue()


def _write(folder: Path, results: Sequence[Result]) -> None:
    """Write the rows of all runs that have ended, each once."""
    rows = list({result.point.key: result.row() for result in results}.values())
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomically(folder / ROWS, lines.encode())
    write_atomically(folder / TABLE, _csv(rows).encode())


def _jobs(points: Sequence[Point], folder: Path) -> list[Job]:
    """Return the runs that have not ended, each once, with one thread each."""
    jobs: dict[str, Job] = {}
    for point in points:
        where = folder / RUNS / point.key
        if stored_outcome(where) is None and point.key not in jobs:
            config = replace(point.config, threads=1, workers=1, out=None, resume=None)
            jobs[point.key] = Job(point.key, where, point.label, config)
    return list(jobs.values())


def carry_through(
    points: Sequence[Point], base: TrainConfig, folder: Path, execute: Executor, display: Display
) -> list[Result]:
    """Run whatever of `points` has not ended yet and return how each ended, in the order of `points`.

    ``results.jsonl`` and ``results.csv`` are written anew as each run ends; they hold the runs of `points`, while
    the folder keeps all runs that it ever was asked for, each under ``runs``.

    Raises
    ------
    InputError, DataError : the folder is of another comparison, or the first run cannot be built.
    MissingDependencyError : a backend needs what is not there.
    Stopped : Ctrl-C; what had ended is written, what was under way goes on from its last step.
    """
    _check(folder, base)
    jobs = _jobs(points, folder)
    for backend in dict.fromkeys(job.config.backend for job in jobs):
        get(backend)
    if jobs:
        build(jobs[0].config)  # raises here, before anything is written, what would fail in every run
    _make(folder, base)
    with _locked(folder):
        jobs = _jobs(points, folder)  # another process may have been at it
        failed: dict[str, Outcome] = {}
        display.start(len(jobs), len({point.key for point in points}) - len(jobs))
        try:
            with closing(execute(jobs, display.advance)) as ends:
                for job, outcome in ends:
                    if outcome["outcome"] != "interrupted":
                        failed[job.key] = outcome
                        display.end(job, outcome)
                        _write(folder, _ended(points, folder, failed))
        except KeyboardInterrupt:
            ended = {result.point.key for result in _ended(points, folder, failed)}
            raise Stopped(folder, len(ended), len({point.key for point in points})) from None
        results = _ended(points, folder, failed)
        _write(folder, results)
    return results


def _ended(points: Sequence[Point], folder: Path, failed: Mapping[str, Outcome]) -> list[Result]:
    results = []
    for point in points:
        outcome = failed.get(point.key) or stored_outcome(folder / RUNS / point.key)
        if outcome is not None:
            results.append(Result(point, outcome))
    return results
