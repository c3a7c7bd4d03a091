"""``gse-ref compare``: methods side by side, over seeds."""

from __future__ import annotations

import dataclasses
import json as json_module
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tyro

from ..errors import InputError, UnfinishedError
from ..studies import (
    Result,
    against,
    carry_through,
    cores,
    in_processes,
    particular,
    points,
    product,
    summarise,
    summary_json,
    table,
    write_summary,
)
from ..training import TrainConfig
from .progress import comparison_progress
from .vary import varied

_Value = TypeVar("_Value")
#: A setting of `TrainConfig` that the command decides itself: neither shown nor taken.
Decided = tyro.conf.Suppress[tyro.conf.Fixed[_Value]]


@dataclass(frozen=True)
class ManyRuns(TrainConfig):
    """What the commands that make many runs have in common: the base settings, and how the runs run."""

    preset: str | None = None
    """Start from named settings instead of the defaults; gse-ref info lists them."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of each setting, separated by spaces."""
    workers: int | None = None
    """Runs at a time, each in a process of its own with one thread. Default all cores."""
    out: Path | None = None
    """Folder of the runs and results; given again, only what is missing is run. Default under runs/."""
    json: bool = False
    """Print one JSON object on standard output instead of the table."""
    seed: Decided[int] = 0
    threads: Decided[int | None] = None
    resume: Decided[Path | None] = None

    def __post_init__(self) -> None:
        """Leave validation to `base`, so that every bad value is reported in the same way."""

    def base(self) -> TrainConfig:
        """Return the settings that all runs share but for what is varied."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(TrainConfig)}
        fields |= {"workers": 1, "threads": 1, "out": None, "resume": None, "seed": 0}
        return TrainConfig(**{name: value for name, value in fields.items() if name not in particular()})

    def particulars(self) -> dict[str, list[Any]]:
        """Return what was set that means something to some methods only, so that it is part of the setting."""
        plain = TrainConfig()
        return {n: [getattr(self, n)] for n in sorted(particular()) if getattr(self, n) != getattr(plain, n)}

    def processes(self) -> int:
        """Return how many runs run at a time."""
        return cores() if self.workers is None else self.workers


def default_folder(kind: str, base: TrainConfig) -> Path:
    """Return the folder of a comparison that names none: the same for the same data and model."""
    return Path("runs") / f"{kind}-{Path(base.data.replace(':', '-')).stem}-{base.model}"


def demand_finished(results: list[Result], folder: Path) -> None:
    """Raise UnfinishedError if a run diverged or failed, after everything else has been said."""
    lost = [result for result in results if not result.finished]
    if lost:
        first = lost[0]
        raise UnfinishedError(
            f"{len(lost)} of {len(results)} runs did not finish, the first: {first.point.label}: "
            f"{first.outcome['outcome']}: {first.outcome['why']}. All are told in {folder / 'results.csv'}"
        )


@dataclass(frozen=True)
class Compare(ManyRuns):
    """Train methods side by side on the same data, seeds and settings, and tell their differences.

    Takes the settings of train as the base of all runs. Every combination of methods, densities and whatever is
    varied is run with each seed. Runs that have ended are not made again; an interrupted command goes on when it is
    given again.
    """

    methods: tuple[str, ...] = ("gse", "rigl", "set", "static")
    """Methods to compare, separated by spaces; gse-ref info lists them."""
    densities: tuple[float, ...] | None = None
    """Densities to compare at, separated by spaces; default the one of --density."""
    subset_factors: tuple[float, ...] | None = None
    """Values of --subset-factor to compare."""
    schedules: tuple[str, ...] | None = None
    """Values of --schedule to compare."""
    vary: tuple[str, ...] = ()
    """Other settings to vary, e.g. every=50,100 prune_fraction=0.1,0.2 hidden=256:256,512:512."""
    baseline: str = "gse"
    """The method that the others are compared with, at the same other settings."""
    method: Decided[str] = "gse"

    def _axes(self) -> dict[str, list[Any]]:
        densities = (self.density,) if self.densities is None else self.densities
        axes: dict[str, list[Any]] = {"density": list(densities), **self.particulars()}
        for name, values in (("subset_factor", self.subset_factors), ("schedule", self.schedules)):
            if values is not None:
                axes[name] = list(values)
        for name, several in varied(self.vary).items():
            if name in axes and name not in self.particulars():
                raise InputError(f"{name} is varied twice: by an option of its own and by --vary")
            axes[name] = several
        return {**axes, "method": list(self.methods)}

    def run(self) -> None:
        """Make the runs, then print what they say."""
        if self.baseline not in self.methods:
            raise InputError(
                f"the baseline {self.baseline!r} is not among the methods {', '.join(self.methods)}: add it to "
                "--methods, or give another --baseline"
            )
        base = self.base()
        wanted = points(base, product(self._axes()), self.seeds)
        folder = default_folder("compare", base) if self.out is None else self.out
        with comparison_progress() as display:
            results = carry_through(wanted, base, folder, in_processes(self.processes()), display)
        rows = summarise(results, against(self.baseline))
        told = summary_json(rows, self.baseline, folder)
        write_summary(folder, told)
        print(json_module.dumps(told) if self.json else table(rows, self.baseline) + f"\n\nResults in {folder}")
        demand_finished(results, folder)
