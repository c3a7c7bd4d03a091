"""The page of a complexity study: what was found, how to read it, the machine, how to repeat it."""

from __future__ import annotations

import shlex
from typing import Any

from .. import __version__, report
from ..report import Code, Facts, Figure, Mark, Part, Points, Section, Table, Text
from ..scaling import Study, curves
from ..scaling.plot import Palette, loglog
from ..scaling.plot import require_matplotlib as require_matplotlib

_PALETTE = Palette(report.INK, report.FAINT, report.PAPER, report.SERIES)

_READING = (
    "Both axes are logarithmic: a cost that grows as n to the power p is a straight line of slope p. Linear cost "
    "is slope 1, a dense layer's slope 2.",
    "Points are medians over rounds, their bars the quartiles. The line is the fitted power law over the sizes "
    "where fixed costs no longer matter, the band its 95 % bootstrap interval; the legend gives exponent and "
    "interval.",
    "Counts are exact and the same on every machine: they carry the proof. Clocks carry the constants.",
    "A time may rise faster than its counts where the layer outgrows a cache (dashed uprights): each byte then "
    "comes from further away. Yardsticks, whose work is linear by construction, measure that on this machine; a "
    "phase is not linear if its time grows faster than they explain and x log x or x² fits better than a line.",
    "A control kernel that never changes was timed beside every sample. It tells a slow machine from a slow "
    "program: samples beside a slow control are not used.",
    "Nanoseconds a connection include fixed costs, which weigh most in small layers.",
)


def _state(row: dict[str, Any]) -> str:
    if not row["good"]:
        return report.BAD
    return report.GOOD if row["expected"] == "linear" else report.NEUTRAL


def _steepest(exponents: dict[str, dict[str, float]], sweep: str) -> str:
    here = [sweeps[sweep] for sweeps in exponents.values() if sweep in sweeps]
    return f"{max(here):.2f}" if here else "none"


def _interval(row: dict[str, Any], sweep: str) -> str:
    if sweep not in row["time"]:
        return "none"
    slope = row["time"][sweep]["slope"]
    return f"{slope['value']:.2f} [{slope['low']:.2f}, {slope['high']:.2f}]"


def _verdicts(found: dict[str, Any]) -> Table:
    head = ("phase", "verdict", "counts, n", "memory, n", "time, n", "time, nnz", "time, batch")
    rows = [
        (
            f"{row['subject']} / {row['phase']}",
            Mark(row["outcome"], _state(row)),
            _steepest(row["count_exponents"], "width"),
            _steepest(row["memory_exponents"], "width"),
            _interval(row, "width"),
            _interval(row, "nnz"),
            _interval(row, "batch"),
        )
        for row in found["verdicts"]
    ]
    return Table("Exponents of the cost of each phase, and the verdict", head, rows)


def _words(found: dict[str, Any]) -> Facts:
    return Facts([(f"{row['subject']} / {row['phase']}", row["words"]) for row in found["verdicts"]])


def _constants(found: dict[str, Any]) -> Table:
    rows = []
    for row in found["verdicts"]:
        fitted = row["time_constants"]
        if fitted is not None and row["expected"] == "linear":
            numbers = [1e9 * fitted["per_unit"], 1e9 * fitted["per_connection"], 1e6 * fitted["fixed"]]
            cells = [f"{number:.3g}" for number in (*numbers, 100 * fitted["misfit"])]
            rows.append((f"{row['subject']} / {row['phase']}", *cells))
    head = ("phase", "ns a unit", "ns a connection", "µs fixed", "misfit %")
    return Table("time = a · n + b · nnz + c, none negative, least relative squares over all caches", head, rows)


def _sizes(row: dict[str, Any]) -> str:
    return f"{row['n']:,} / {row['nnz']:,} / {row['batch']}"


def _not_measured(found: dict[str, Any]) -> list[Part]:
    rows = [(row["subject"], _sizes(row), row["why"]) for row in found["not_measured"]]
    if not rows:
        return [Text("Everything that was planned was measured.")]
    return [
        Table("Left out beforehand, by extrapolation from smaller sizes", ("what", "n / nnz / batch", "why"), rows)
    ]


def _figure(name: str, drawn: list[Any], axes: Any, caption: str) -> list[Part]:
    if not drawn:
        return []
    description = f"{caption} Log–log plot of {axes.y} against {axes.x}. " + "; ".join(
        curve.label for curve in drawn
    )
    return [Figure(name, loglog(drawn, axes, _PALETTE), caption, description)]


def _overview(study: Study) -> list[Part]:
    whole = curves.wholes(study)
    names = [curves.title(one) for one in whole]
    parts: list[Part] = []
    for sweep in study.sweeps:
        drawn = curves.times(study, whole, sweep, names)
        caption = f"Time of one call against {curves.AXIS[sweep]}."
        parts += _figure(f"whole-{sweep}", drawn, curves.axes(study, sweep, "ms a call"), caption)
    ns = curves.axes(study, "width", "ns a connection")
    parts += _figure("constants", curves.per_connection(study, whole), ns, "Time a connection, by width.")
    peak = curves.axes(study, "width", "MB at the peak")
    parts += _figure(
        "memory",
        curves.memory(study, whole),
        peak,
        "Memory that one call adds at its peak to what the layer holds.",
    )
    for name, text in (("multiply_adds", "Multiply-adds"), ("moves", "Comparisons and moves")):
        axes = curves.axes(study, "width", text.lower())
        parts += _figure(
            f"counts-{name.replace('_', '-')}", curves.counts(study, whole, name), axes, f"{text}, exact."
        )
    return parts


def _phases(study: Study) -> list[Part]:
    parts: list[Part] = []
    subjects = dict.fromkeys(one.subject for one in study.judgements)
    for number, subject in enumerate(subjects):
        judged = [one for one in study.judgements if one.subject == subject]
        if len(judged) > 1:
            drawn = curves.times(study, judged, "width", [one.phase for one in judged])
            axes = curves.axes(study, "width", "ms a call")
            parts += _figure(f"phases-{number}", drawn, axes, f"Phases of {subject}.")
    return parts


def _machine(found: dict[str, Any]) -> Facts:
    machine, control = found["machine"], found["control"]
    low, high = control["percentiles_5_95_seconds"]
    caches = ", ".join(f"{level} {size / 1024:,.0f} KiB" for level, size in machine["caches"].items()) or "unknown"
    memory = machine["memory_bytes"]
    pairs = [
        ("processor", f"{machine['processor'] or 'unknown'} ({machine['architecture']}, {machine['system']})"),
        ("cores", f"{machine['cores']}, of which the study used one"),
        ("data caches of a core", caches),
        ("memory", f"{memory / 1e9:.1f} GB" if memory else "unknown"),
        ("python", machine["python"]),
        ("packages", ", ".join(f"{name} {number}" for name, number in machine["packages"].items())),
        (
            "control kernel",
            f"median {1e6 * control['median_seconds']:.1f} µs, 5 to 95 %: {1e6 * low:.1f} to {1e6 * high:.1f} µs",
        ),
        ("samples", f"{control['samples']:,}, of which {control['samples_used']:,} used"),
    ]
    return Facts(pairs)


def _command(found: dict[str, Any]) -> str:
    settings, plan = found["settings"], found["plan"]
    words = ["gse-ref", "scaling", "--form", settings["form"]]
    if settings["methods"]:
        words += ["--methods", *settings["methods"]]
    if settings["target"] is not None:
        words += ["--target", settings["target"]]
    for name, value in plan.items():
        numbers = value if isinstance(value, list | tuple) else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, numbers)]
    return shlex.join([*words, "--seed", str(settings["seed"])])


def _lead(found: dict[str, Any]) -> str:
    linear = [row for row in found["verdicts"] if row["expected"] == "linear"]
    bad = [f"{row['subject']} {row['phase']}" for row in linear if not row["good"]]
    if bad:
        return f"{len(bad)} of {len(linear)} phases that should be linear in n + nnz are not: {', '.join(bad)}."
    return f"All {len(linear)} phases that should be linear in n + nnz are linear."


def page(study: Study, found: dict[str, Any]) -> str:
    """Return the page of a study as one HTML document.

    Parameters
    ----------
    study : what was measured and judged.
    found : the same as plain data, as `scaling.to_json` gives it.

    Raises
    ------
    MissingDependencyError : matplotlib is not installed.
    """
    commands = Code(f'pip install "gse_ref[plot]"\n{_command(found)}')
    sections = [
        Section("Verdict", [_verdicts(found)]),
        Section("Whole steps and updates", _overview(study)),
        Section("How to read this", [Points(_READING)]),
        Section("Phase by phase", [*_phases(study), _words(found)]),
        Section("Constants", [_constants(found)]),
        Section("Not measured", _not_measured(found)),
        Section("The machine", [_machine(found), *_yardsticks(study)]),
        Section("Repeat it", [Text("All numbers are in scaling.json beside this page."), commands]),
    ]
    return report.render(
        "How the cost grows", _lead(found), sections, f"Made by gse_ref {__version__}, gse-ref scaling."
    )


def _yardsticks(study: Study) -> list[Part]:
    axes = curves.axes(study, "width", "ns a byte")
    caption = "What a byte costs on this machine, taken in three ways from arrays of the layer's size."
    return _figure("yardsticks", curves.yardsticks(study), axes, caption)
