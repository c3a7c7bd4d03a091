"""Level complexity: nothing of the size n² is ever made, and costs grow in proportion to n + nnz.

Only judged for adapters that claim to be linear. Memory accuses: single arrays by the allocation guard, everything
else by the rise of memory, and both by how they grow with the width. A clock hardly does: it counts processor time
alone, the scaling study measures beside a control, and only growth far above linear, twice, is held against an
adapter. Growth that looks linear passes; what lies between is not decided on this machine, so not covered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import scaling
from ...backends import available_memory
from ...backends.allocation import allocation_guard
from ...errors import AllocationLimitError
from ...scaling.clock import Reading
from ...scaling.measure import Measurement, calibrate
from ...scaling.memory import peak
from ...scaling.sizes import LEAST_SIZES, Sizes
from ...scaling.subject import ELEMENTS, ROWS, Phase, Work
from ...scaling.verdict import LEAST_MEMORY, Timing
from ..adapter import NotCovered
from ..check import Check
from ..judge import Disagreement, wrong
from ..subject import Declaration, Subject
from ..wide import wide_layer, wide_update

#: At this width not even one bit for each pair is allowed: 10¹⁰ pairs, 1.25 · 10⁹ bytes.
WIDE = Sizes(100_000, 1_000_000, 8)
#: Bytes of the largest single array, and of the rise of resident memory, at that width: far more than anything
#: linear takes (1.6 · 10⁷ bytes are the uniforms), far less than n²/8.
LARGEST, RISE = 256 * 10**6, 10**9
#: What is called first, so that compilation is not taken for memory of the call.
WARM = Sizes(64, 128, 8)
#: Widths at which growth is measured: of memory, where a dense array still fits but is most of it, and of time,
#: where the n² of a fast loop exceeds the n of a slow one.
MEMORY_WIDTHS, TIME_WIDTHS = (1024, 2048, 4096, 8192), (512, 1024, 2048, 4096, 8192, 16384)
PER_UNIT, BATCH, ROUNDS = 10, 16, 3
#: Seconds of a call, and bytes of a layer, at the largest of these widths; what needs more is left out.
LIMITS = scaling.Limits(0.5, 4 * 10**9)
#: Exponents of memory above the first are no allocator's steps. Those of time are no caches where the whole
#: interval lies above the second: right adapters reach 1.1, and n² beside a slow n stays below 2 at these widths.
STEEP_MEMORY, STEEP_TIME = 1.5, 1.3
METHODS = ("gse", "gse-grabo", "gse-graest", "set")


class ProcessorClock:
    """Processor time of this process: what others take of a busy machine does not count, nor does waiting."""

    def now(self) -> Reading:
        """Return the time."""
        return Reading(time.process_time(), 0.0)


class Case(NamedTuple):
    """What is called: "step", or "update" by a method, and with which floats."""

    phase: str
    method: str
    dtype: str


def _given(case: Case, sizes: Sizes) -> Any:
    if case.phase == "step":
        return wide_layer(*sizes, case.dtype)
    return wide_update(case.method, *sizes, case.dtype)


def _call(subject: Subject, case: Case, given: Any) -> None:
    """Make one training step's products, or one update; arrays are not kept."""
    subject.begin()
    if case.phase == "update":
        subject.call("update", given)
        return
    subject.call("forward", given.weights, given.x, None)
    subject.call("transposed", given.weights, given.dy)
    subject.call("gradient_on_pattern", given.weights.pattern, given.dy, given.x)


def _said(case: Case, sizes: Sizes) -> str:
    name = "a step" if case.phase == "step" else f"an update by {case.method}"
    make = "wide_layer(" if case.phase == "step" else f"wide_update({case.method!r}, "
    numbers = ", ".join(map(str, sizes))
    return f"{name} at width {sizes.n:,} with {sizes.nnz:,} connections (gse_ref.conformance.{make}{numbers}))"


def _allocations(subject: Subject, case: Case) -> None:
    _call(subject, case, _given(case, WARM))
    given, said = _given(case, WIDE), _said(case, WIDE)
    try:
        with allocation_guard(LARGEST):
            rise, _ = peak(lambda: _call(subject, case, given))
    except AllocationLimitError as error:
        what = f"{said} asks for a single array of {error.size:,} bytes, where n² is {WIDE.n**2:,}"
        raise Disagreement(what, error.size, LARGEST) from None
    except Disagreement as found:
        if found.kind != "hung":
            raise
        raise NotCovered(f"{said} took more than {subject.limit:g} s: a clock does not accuse here") from None
    if rise.resident is not None and rise.resident > RISE:
        wrong(f"{said} lets memory rise by {rise.resident:,} bytes, more than {RISE:,}", rise.resident, RISE)


def _measured(subject: Subject, case: Case) -> scaling.Subject:
    """Return the adapter as a subject of the scaling study."""

    def build(sizes: Sizes) -> Work:
        given = _given(case, sizes)
        return Work({case.phase: lambda: _call(subject, case, given)})

    access = ROWS if case.phase == "step" else ELEMENTS
    return scaling.Subject(subject.states.name, {case.phase: Phase(access=access)}, build)


def _plan(widths: tuple[int, ...]) -> scaling.Plan:
    return scaling.Plan(widths, PER_UNIT, BATCH, 1, (), 1, (), ROUNDS, LIMITS.seconds)


def _limits() -> scaling.Limits:
    return scaling.Limits(LIMITS.seconds, min(LIMITS.bytes, available_memory() / 2))


def _silent(text: str) -> None:
    pass


def _exponents(found: list[Measurement]) -> dict[str, tuple[float, list[int]]]:
    """Return exponent and bytes of the peaks at the four largest widths, of each way to see memory."""
    exponents = {}
    for kind, least in LEAST_MEMORY.items():
        peaks = [getattr(one.peak, kind) for one in found[-LEAST_SIZES:]]
        if len(peaks) == LEAST_SIZES and None not in peaks and min(peaks) >= least:
            widths = [one.sizes.n for one in found[-LEAST_SIZES:]]
            exponents[kind] = float(np.polyfit(np.log(widths), np.log(peaks), 1)[0]), peaks
    return exponents


def _memory(subject: Subject, case: Case) -> None:
    _call(subject, case, _given(case, WARM))
    sweeps = _plan(MEMORY_WIDTHS).sweeps()
    found, _ = calibrate([_measured(subject, case)], sweeps, _limits(), ProcessorClock(), _silent)
    exponents = _exponents(list(found.values()))
    if not exponents:
        raise NotCovered(f"fewer than {LEAST_SIZES} widths could be measured, or memory is too small to tell")
    widths = [sizes.n for sizes in sweeps["width"][-LEAST_SIZES:]]
    for kind, (exponent, peaks) in exponents.items():
        if exponent > STEEP_MEMORY:
            what = f"{_said(case, sweeps['width'][-1])}: peak memory ({kind}) grows as n^{exponent:.2f}"
            wrong(f"{what}: {peaks} bytes at widths {widths}, {PER_UNIT} connections a unit", exponent, 1.0)


def _timing(subject: Subject, case: Case, seed: int) -> Timing | None:
    """Return how time grows with the width by the scaling study; None where too few widths could be measured."""
    plan = _plan(TIME_WIDTHS)
    with scaling.quiet(), np.errstate(invalid="ignore", divide="ignore"):
        machine = scaling.machine(scaling.activations_for(plan, seed), seed)
        me = _measured(subject, case)
        study = scaling.run([me], machine, plan, _limits(), seed, ProcessorClock(), _silent)
    return study.judgements[0].timing.get("width")


def _time(subject: Subject, case: Case) -> None:
    _call(subject, case, _given(case, WARM))
    for attempt in range(2):
        timing = _timing(subject, case, subject.seed + attempt)
        if timing is None:
            raise NotCovered(f"not decided: fewer than {LEAST_SIZES} widths within {LIMITS.seconds:g} s a call")
        if timing.linear:
            return
        slope = f"n^{timing.corrected.value:.2f} [{timing.corrected.low:.2f}, {timing.corrected.high:.2f}]"
        if not timing.corrected.low > STEEP_TIME:
            raise NotCovered(f"not decided on this machine: time looks like {slope}; try gse-ref scaling")
    largest = _plan(TIME_WIDTHS).sweeps()["width"][-1]
    wrong(f"time of {_said(case, largest)} grows as {slope}, and did so when measured again", slope, "n^1")


def _cases(phase: str, states: Declaration) -> Iterable[Case]:
    dtype = states.dtypes[0].name
    if phase == "step":
        return [Case(phase, "", dtype)]
    return [Case(phase, method, dtype) for method in METHODS if method in states.methods]


def _applies(phase: str, states: Declaration) -> str | None:
    if not states.linear:
        return "the adapter does not claim to be linear"
    return None if any(True for _ in _cases(phase, states)) else "none of its methods is linear"


def _check(
    name: str, phase: str, summary: str, body: Callable[[Subject, Case], None], one_method: bool = False
) -> Check:
    def corners(states: Declaration) -> Iterable[Case]:
        return list(_cases(phase, states))[: 1 if one_method else None]

    needs = ("update",) if phase == "update" else ("forward", "transposed", "gradient_on_pattern")
    return Check(
        f"complexity_{phase}_{name}",
        "complexity",
        summary,
        "section 1",
        needs,
        body,
        corners=corners,
        seeded=one_method,
        applies=partial(_applies, phase),
    )


CHECKS = tuple(
    _check(name, phase, summary.format(phase), body, one_method)
    for phase in ("step", "update")
    for name, summary, body, one_method in (
        ("allocations", "no array of the size n² in one {} at a width of 100,000", _allocations, False),
        ("memory", "peak memory of one {} grows in proportion to n + nnz", _memory, False),
        ("time", "time of one {} does not grow as n²", _time, True),
    )
)
