"""The page of a conformance run: verdicts, every failure with its example, what was not judged, how to repeat."""

from __future__ import annotations

from typing import Any

from .. import __version__, report
from ..conformance import Result
from ..conformance.result import FAILED, NOT_COVERED, PASSED, UNSHRUNK
from ..conformance.summary import STATUSES, Summary
from ..report import Code, Facts, Mark, Part, Points, Section, Table, Text

_STATES = {PASSED: report.GOOD, FAILED: report.BAD, NOT_COVERED: report.NEUTRAL}

_READING = (
    "Every check calls the adapter on inputs that are drawn, corners first, and judges what comes back against the "
    "definition. Integers are exact; a sum of K products may err by c · eps · K · Σ|ab|, so that a right "
    "implementation is never accused for the order in which it adds.",
    "A pass means that no drawn input of that many cases showed a fault. It is evidence, not proof.",
    "Not covered means not judged: the adapter has no such operation, or said that it does not handle the input.",
    "Sections are those of docs/algorithm.md, which settles every dispute.",
)


def _level_verdict(counts: dict[str, int]) -> Mark:
    if counts[FAILED]:
        return Mark("fails", report.BAD)
    if not counts[PASSED]:
        return Mark("not covered", report.NEUTRAL)
    return Mark("passes what it covers" if counts[NOT_COVERED] else "passes", report.GOOD)


def _levels(summary: Summary) -> Table:
    rows: list[tuple[str | Mark, ...]] = [
        (level, _level_verdict(counts), *(str(counts[status]) for status in STATUSES))
        for level, counts in summary.levels().items()
    ]
    return Table("Checks by level", ("level", "verdict", *STATUSES), rows)


def _checks(summary: Summary) -> Table:
    rows = [
        (
            one.name,
            Mark(one.status, _STATES[one.status]),
            one.level,
            f"{one.cases:,}",
            f"{one.seconds:.2f} s",
            one.section,
            one.summary,
        )
        for one in summary.results
    ]
    head = ("check", "status", "level", "cases", "time", "of docs/algorithm.md", "demands")
    return Table("Every check", head, rows)


def _failure(result: Result, seeds: list[int], summary: Summary) -> list[Part]:
    failure = result.failure
    if failure is None:
        return []
    first, *more = failure.what.split("\n")
    facts = [
        ("what is wrong", f"{failure.kind}: {first}"),
        ("demanded", f"{result.summary} (docs/algorithm.md, {result.section})"),
        ("found", f"after {result.cases:,} good cases, seed {result.seed}"),
    ]
    if summary.seeds > 1:
        facts.append(("failed with", f"{len(seeds):,} of {summary.seeds:,} seeds"))
    parts: list[Part] = [Facts(facts)]
    if more:
        parts.append(Code("\n".join(more)))
    for name, value in (("computed", failure.actual), ("expected", failure.expected), ("bound", failure.bound)):
        if value is not None:
            parts += [Text(f"{name[0].upper()}{name[1:]}"), Code(value)]
    if failure.code is not None:
        said = "The call that did it" if failure.kind in UNSHRUNK else "The smallest example found, to copy"
        parts += [Text(said), Code(failure.code)]
    return parts


def _not_covered(summary: Summary) -> list[Part]:
    rows = [(one.name, one.level, one.why or "") for one in summary.results if one.why]
    if not rows:
        return [Text("Everything that was asked for was covered.")]
    return [Table("What was not judged, or not on every input", ("check", "level", "why"), rows)]


def _machine(machine: dict[str, Any]) -> Facts:
    memory = machine["memory_bytes"]
    return Facts(
        [
            ("processor", f"{machine['processor'] or 'unknown'} ({machine['architecture']}, {machine['system']})"),
            ("cores", str(machine["cores"])),
            ("memory", f"{memory / 1e9:.1f} GB" if memory else "unknown"),
            ("python", machine["python"]),
            ("packages", ", ".join(f"{name} {number}" for name, number in machine["packages"].items())),
        ]
    )


def page(summary: Summary, found: dict[str, Any]) -> str:
    """Return the page of a run as one HTML document.

    Parameters
    ----------
    summary : the results.
    found : the same as plain data, with adapter, command, seconds and machine.
    """
    failures = [
        Section(f"Failed: {one.name}", _failure(one, summary.failed_seeds[one.name], summary))
        for one in summary.of_status(FAILED)
    ]
    seeds = f"seed {found['seed']}" if summary.seeds == 1 else f"{summary.seeds:,} seeds from {found['seed']} on"
    ran = f"{found['seconds']:.1f} s, {seeds}."
    sections = [
        Section("Verdict", [_levels(summary)]),
        *failures,
        Section("Checks", [_checks(summary)]),
        Section("Not covered", _not_covered(summary)),
        Section("How to read this", [Points(_READING)]),
        Section("The machine", [_machine(found["machine"])]),
        Section("Repeat it", [Code(f'pip install "gse_ref[conformance]"\n{found["command"]}')]),
    ]
    footer = f"Made by gse_ref {__version__}, gse-ref conformance run."
    return report.render(f"Conformance of {found['adapter']}", f"{summary.verdict} {ran}", sections, footer)
