"""``gse-ref scaling``: is it linear, on this machine?"""

from __future__ import annotations

import dataclasses
import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import scaling
from ..backends import available_memory
from ..errors import InputError, NotLinearError
from ..training.record import new_folder, write_atomically
from .scaling_page import page, require_matplotlib

DATA, PAGE = "scaling.json", "report.html"
#: Share of the free memory that a size may take, where no limit is given.
SHARE = 0.8


@dataclass(frozen=True)
class Scaling:
    """Measure how the cost of a layer grows with its width, its connections and the batch, and judge each phase.

    Exit code 1 if a phase that should be linear in n + nnz is not.
    """

    form: Literal["small", "large"] = "small"
    """Sizes to start from: small takes under three minutes; large reaches 2^20 units, ten million connections."""
    methods: tuple[str, ...] | None = None
    """Of gse, gse-grabo, gse-graest, set, rigl, dense; all of them, or none beside a --target."""
    target: str | None = None
    """Your own code, package.module:factory; factory(n, nnz, batch) returns what performs a step or an update."""
    widths: tuple[int, ...] | None = None
    """Widths n of the width sweep."""
    per_unit: int | None = None
    """Connections a unit in the width and the batch sweep."""
    batch: int | None = None
    """Batch of the width and the nnz sweep."""
    nnz_width: int | None = None
    """Width of the nnz sweep."""
    nnz_per_unit: tuple[int, ...] | None = None
    """Connections a unit of the nnz sweep; nothing after it for no such sweep."""
    batch_width: int | None = None
    """Width of the batch sweep."""
    batches: tuple[int, ...] | None = None
    """Batches of the batch sweep; nothing after it for no such sweep."""
    rounds: int | None = None
    """Samples of everything."""
    limit_seconds: float | None = None
    """What would take longer in one call is not measured."""
    limit_gb: float | None = None
    """What would take more memory is not measured; default: most of what is free."""
    seed: int = 0
    """Of all random numbers: connections, operands, draws, the bootstrap."""
    out: Path | None = None
    """Folder for scaling.json and report.html; default: the next free runs/scaling-…"""
    report: bool = True
    """Write the page; needs matplotlib."""
    json: bool = False
    """Print one JSON object instead of the verdicts."""

    def _plan(self) -> scaling.Plan:
        start = scaling.form(self.form)
        given = {f.name: getattr(self, f.name, None) for f in dataclasses.fields(scaling.Plan)}
        plan = dataclasses.replace(start, **{name: value for name, value in given.items() if value is not None})
        plan.check()
        return plan

    def _limits(self, plan: scaling.Plan) -> scaling.Limits:
        if self.limit_gb is None:
            return scaling.Limits(plan.limit_seconds, int(SHARE * available_memory()))
        if not self.limit_gb > 0:
            raise InputError(f"limit_gb must be positive, got {self.limit_gb}")
        return scaling.Limits(plan.limit_seconds, int(self.limit_gb * 1e9))

    def _methods(self) -> tuple[str, ...]:
        if self.methods is not None:
            return self.methods
        return scaling.METHODS if self.target is None else ()

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Make the folder, before anything is measured; remove it again if nothing comes of it.

        Raises
        ------
        InputError : it holds something, or cannot be written.
        """
        place = Path("runs") if self.out is None else self.out
        made = not place.exists()
        try:
            if self.out is None:
                place, made = new_folder("scaling-" + (self.form if self.target is None else "target")), True
            place.mkdir(parents=True, exist_ok=True)
            if any(place.iterdir()):
                raise InputError(f"{place} is not empty: give another --out")
        except OSError as error:
            raise InputError(f"cannot write to {place}: {error.strerror or error}; give another --out") from None
        try:
            yield place
        except BaseException:
            if made and not any(place.iterdir()):
                place.rmdir()
            raise

    def _measure(self, plan: scaling.Plan) -> scaling.Study:
        def tell(text: str) -> None:
            print(text, file=sys.stderr, flush=True)

        # Whatever a target prints must not stand among the results.
        with scaling.quiet(), redirect_stdout(sys.stderr):
            own = [] if self.target is None else [scaling.target(self.target)]
            activations = scaling.activations_for(plan, self.seed)
            subjects = [*scaling.subjects(self._methods(), activations, self.seed), *own]
            if not subjects:
                raise InputError("nothing to measure: name at least one of --methods, or a --target")
            machine = scaling.machine(activations, self.seed)
            limits = self._limits(plan)
            return scaling.run(subjects, machine, plan, limits, self.seed, scaling.SystemClock(), tell)

    def run(self) -> None:
        """Measure, judge, write the folder, print the verdicts.

        Raises
        ------
        NotLinearError : a phase that should be linear is not; everything has been written and printed.
        """
        plan = self._plan()
        if self.report:
            require_matplotlib()
        with self._folder() as folder:
            study = self._measure(plan)
            settings: dict[str, Any] = {"form": self.form, "methods": list(self._methods()), "target": self.target}
            found = scaling.to_json(study, **settings, seed=self.seed, folder=str(folder))
            write_atomically(folder / DATA, json_module.dumps(found, allow_nan=False).encode())
            if self.report:
                write_atomically(folder / PAGE, page(study, found).encode())
        print(json_module.dumps(found, allow_nan=False) if self.json else _summary(found, folder))
        bad = [f"{row['subject']} {row['phase']}" for row in found["verdicts"] if not row["good"]]
        if bad:
            raise NotLinearError(f"should be linear and is not: {', '.join(bad)}; see {folder}")


def _summary(found: dict[str, Any], folder: Path) -> str:
    lines = [f"{row['subject']} / {row['phase']}\n  {row['words']}" for row in found["verdicts"]]
    skipped: dict[str, dict[str, Any]] = {}
    for row in found["not_measured"]:
        skipped.setdefault(row["subject"], row)
    for name, row in skipped.items():
        lines.append(f"{name}\n  not measured from n = {row['n']}, nnz = {row['nnz']}: {row['why']}")
    return "\n".join([*lines, f"written to {folder}"])
