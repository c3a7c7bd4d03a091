"""``gse-ref conformance``: is an implementation right, and does the kit find what is wrong?"""

from __future__ import annotations

import dataclasses
import json as json_module
import math
import shlex
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import tyro

from .. import conformance
from ..conformance import LEVELS, Result
from ..conformance.adapters.table import SHIPPED
from ..conformance.catalogue import chosen
from ..conformance.faults import FAULTS
from ..conformance.result import FAILED, NOT_COVERED
from ..conformance.subject import LIMIT
from ..conformance.summary import STATUSES, Summary
from ..errors import ConformanceError, InputError
from ..scaling.machine import facts
from ..training.record import write_atomically
from .conformance_files import Export, Verify
from .conformance_page import page
from .table import table


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"{name} must be positive and finite, got {value:g}")


@dataclass(frozen=True)
class Run:
    """Check an adapter, in a process of its own.

    Exit code 1 if a check fails, or if none could be judged.
    """

    adapter: tyro.conf.Positional[str]
    """Your own, package.module:Name of a class, a function that makes it, or an object; or one that comes along."""
    level: tuple[str, ...] = LEVELS
    """Of kernels, sampling, selection, update, training, complexity, separated by spaces."""
    only: tuple[str, ...] = ()
    """Names of checks, separated by spaces; gse-ref conformance checks lists them."""
    seed: int = 0
    """Of everything that is drawn."""
    repeat: int = 1
    """So many seeds, from --seed on: what is drawn again with each, what is the same for all with the first."""
    effort: float = 1.0
    """Factor of the number of cases that are drawn."""
    limit: float = LIMIT
    """Seconds that one call of the adapter may take."""
    report: Path | None = None
    """Write a page, HTML that needs no network, into this file."""
    json: bool = False
    """Print one JSON object instead of text."""

    def _check(self) -> None:
        _positive("effort", self.effort)
        _positive("limit", self.limit)
        if self.repeat < 1:
            raise InputError(f"repeat must be at least 1, got {self.repeat}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, got {self.seed}")
        if self.report is not None and (self.report.is_dir() or not self.report.absolute().parent.is_dir()):
            raise InputError(f"cannot write to {self.report}: give --report a file in a folder that exists")

    def _told(self, result: Result) -> None:
        if self.repeat == 1 or result.status == FAILED:
            seconds = f"{result.seconds:.1f} s" if result.status != NOT_COVERED else ""
            seed = f"  seed {result.seed}" if self.repeat > 1 else ""
            _tell(f"{result.status:<12}{result.level:<12}{result.name}  {seconds}{seed}".rstrip())

    def command(self) -> str:
        """Return what to type to get the same again."""
        words = ["gse-ref", "conformance", "run", self.adapter]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name not in ("adapter", "report", "json") and value != field.default:
                words += [f"--{field.name}", *map(str, value if isinstance(value, tuple) else [value])]
        return shlex.join(words)

    def _text(self, summary: Summary, seconds: float) -> str:
        blocks = []
        for result in summary.of_status(FAILED):
            failed = summary.failed_seeds[result.name]
            one = dataclasses.replace(self, level=LEVELS, only=(result.name,), seed=result.seed, repeat=1)
            lines = [f"failed with {len(failed):,} of {summary.seeds:,} seeds"] if summary.seeds > 1 else []
            lines += [f"again: {one.command()}"]
            blocks.append("\n".join([result.text(), *(f"  {line}" for line in lines)]))
        left_out: dict[str, list[str]] = {}
        for result in summary.results:
            if result.why is not None:
                left_out.setdefault(result.why, []).append(result.name)
        if left_out:
            lines = [f"  {', '.join(names)}: {why}" for why, names in left_out.items()]
            blocks.append("\n".join(["not covered, or not on every input:", *lines]))
        rows = [(level, *map(str, counts.values())) for level, counts in summary.levels().items()]
        blocks.append(table(("level", *STATUSES), rows))
        return "\n\n".join([*blocks, f"{summary.verdict} ({seconds:.1f} s)"])

    def run(self) -> None:
        """Check, print, write the page.

        Raises
        ------
        ConformanceError : a check failed, or nothing was judged; everything has been printed.
        """
        self._check()
        start = time.perf_counter()
        given: dict[str, Any] = {name: getattr(self, name) for name in ("seed", "repeat", "effort", "limit")}
        results = conformance.isolated(self.adapter, self.level, only=self.only, tell=self._told, **given)
        summary, seconds = Summary.of(results), time.perf_counter() - start
        machine = facts()
        machine["packages"]["hypothesis"] = version("hypothesis")
        found = {"adapter": self.adapter, **given, "seconds": seconds, "command": self.command()}
        found |= {**summary.to_json(), "machine": machine}
        if self.report is not None:
            write_atomically(self.report, page(summary, found).encode(errors="backslashreplace"))
        print(json_module.dumps(found) if self.json else self._text(summary, seconds))
        if not summary.good:
            raise ConformanceError(f"{self.adapter}: {summary.verdict[0].lower()}{summary.verdict[1:]}")


@dataclass(frozen=True)
class Checks:
    """List the checks, and the adapters that come along."""

    level: tuple[str, ...] = LEVELS
    """Of kernels, sampling, selection, update, training, complexity, separated by spaces."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Print them."""
        checks = chosen(self.level)
        adapters = {name: row.summary for name, row in SHIPPED.items()}
        if self.json:
            names = ("name", "level", "summary", "section", "needs")
            rows = [{name: getattr(check, name) for name in names} for check in checks]
            print(json_module.dumps({"checks": rows, "adapters": adapters}))
            return
        heads = ("check", "level", "needs", "demands", "of docs/algorithm.md")
        cells = [(one.name, one.level, " ".join(one.needs), one.summary, one.section) for one in checks]
        print(f"{table(heads, cells, words=True)}\n")
        print(table(("adapter", "is"), list(adapters.items()), words=True))


@dataclass(frozen=True)
class Faults:
    """Check broken implementations, each planted for one check, and show that it finds them.

    Exit code 1 if one survives.
    """

    level: tuple[str, ...] = LEVELS
    """Of kernels, sampling, selection, update, training, complexity, separated by spaces."""
    seed: int = 0
    """Of everything that is drawn."""
    json: bool = False
    """Print one JSON object instead of the table."""

    def run(self) -> None:
        """Check them all and print the table.

        Raises
        ------
        ConformanceError : a fault is not found; the table has been printed.
        """
        names = {check.name for check in chosen(self.level)}
        rows = []
        for fault in [fault for fault in FAULTS if fault.caught_by in names]:
            with redirect_stdout(sys.stderr):
                [result] = conformance.run(fault.make, only=[fault.caught_by], seed=self.seed, smallest=False)
            verdict = "killed" if result.status == FAILED else "survived"
            _tell(f"{verdict:<10}{fault.name}  {result.seconds:.1f} s")
            rows.append({"fault": fault.name, "what": fault.what, "caught_by": fault.caught_by, "verdict": verdict})
        survivors = [row["fault"] for row in rows if row["verdict"] == "survived"]
        if self.json:
            print(json_module.dumps({"good": not survivors, "faults": rows}))
        else:
            heads = ("fault", "caught by", "verdict", "what")
            cells = [(row["fault"], row["caught_by"], row["verdict"], row["what"]) for row in rows]
            print(table(heads, cells, words=True))
            print(f"\n{len(rows) - len(survivors)} of {len(rows)} killed")
        if survivors:
            raise ConformanceError(f"not found: {', '.join(survivors)}")


@dataclass(frozen=True)
class Conformance:
    """Point the correctness kit at an implementation: what is right, what is wrong, with the smallest example."""

    command: (
        Annotated[Run, tyro.conf.subcommand("run")]
        | Annotated[Checks, tyro.conf.subcommand("checks")]
        | Annotated[Faults, tyro.conf.subcommand("faults")]
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Verify, tyro.conf.subcommand("verify")]
    )

    def run(self) -> None:
        """Do what was asked."""
        self.command.run()
