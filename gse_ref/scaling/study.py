"""The study: measure every subject in every sweep, judge each phase, and put all of it into plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..backends import use
from ..rng import stream
from . import yardstick
from .clock import Clock
from .layer import Activations
from .machine import caches, facts, level_of
from .measure import Key, Measurement, NotMeasured, Tell, calibrate, take_rounds
from .predict import UNLIMITED, Limits
from .sizes import Plan, Sizes
from .subject import Subject
from .verdict import Judgement, judge, usable
from .words import outcome, verdict

FORMAT = 1


@dataclass(frozen=True)
class Study:
    """What was measured and judged.

    Attributes
    ----------
    sweeps : name → sizes, as planned.
    measurements : by (subject, phase, sizes).
    not_measured : sizes that the limits excluded.
    judgements : one for each phase of each subject but the machine.
    control : median seconds of the control kernel.
    """

    plan: Plan
    sweeps: dict[str, list[Sizes]]
    measurements: dict[Key, Measurement]
    not_measured: list[NotMeasured]
    judgements: list[Judgement]
    control: float

    @property
    def good(self) -> bool:
        """Whether every phase that should be linear is."""
        return all(one.good for one in self.judgements)

    def of(self, subject: str, phase: str, sweep: str) -> list[Measurement]:
        """Return the measurements of a phase in a sweep, sizes increasing."""
        keys = [(subject, phase, sizes) for sizes in self.sweeps.get(sweep, [])]
        return [self.measurements[key] for key in keys if key in self.measurements]


def activations_for(plan: Plan, seed: int) -> Activations:
    """Return X and δ for the largest size of the plan."""
    largest = max(sizes.n * sizes.batch for points in plan.sweeps().values() for sizes in points)
    return Activations(largest, seed)


def _median_control(measurements: Mapping[Key, Measurement]) -> float:
    return float(np.median([value for one in measurements.values() for value in one.control]))


def _rates(measurements: Mapping[Key, Measurement], access: str) -> dict[Sizes, float]:
    """Return seconds a byte of one yardstick at each size."""
    found = {
        sizes: one
        for (name, phase, sizes), one in measurements.items()
        if (name, phase) == (yardstick.NAME, access)
    }
    return {sizes: float(np.median(one.seconds)) / yardstick.touched(sizes)[access] for sizes, one in found.items()}


def run(
    subjects: Sequence[Subject], machine: Subject, plan: Plan, limits: Limits, seed: int, clock: Clock, tell: Tell
) -> Study:
    """Measure the subjects beside the machine and judge them.

    Parameters
    ----------
    machine : the control kernel and the yardsticks, see `yardstick.machine`.
    limits : what is not measured.
    seed : of the bootstrap.
    """
    plan.check()
    sweeps = plan.sweeps()
    everyone = [machine, *subjects]
    with use("cpu"):
        measurements, _ = calibrate([machine], sweeps, UNLIMITED, clock, tell)
        more, rest = calibrate(subjects, sweeps, limits, clock, tell)
        measurements |= more
        take_rounds(everyone, measurements, plan.rounds, clock, tell)
    control = _median_control(measurements)
    study = Study(plan, sweeps, measurements, rest, [], control)
    number = 0
    for subject in subjects:
        for name, phase in subject.phases.items():
            found = {sweep: study.of(subject.name, name, sweep) for sweep in sweeps}
            generator = stream(seed, "bootstrap", number)
            number += 1
            if any(found.values()):
                study.judgements.append(judge(phase, found, _rates(measurements, phase.access), control, generator))
            else:
                study.judgements.append(Judgement(subject.name, name, phase, 0))
    return study


def layer_bytes(sizes: Sizes) -> int:
    """Return the bytes of what a training step works on: X and Y, and the layer's indices, values and momentum."""
    return 8 * sizes.n * sizes.batch + 12 * sizes.nnz


def levels(study: Study, subject: str, phase: str) -> dict[str, float]:
    """Return nanoseconds a connection by the cache level that holds the layer, medians over its widths."""
    sizes_of = caches()
    by_level: dict[str, list[float]] = {}
    for one in study.of(subject, phase, "width"):
        level = level_of(layer_bytes(one.sizes), sizes_of)
        seconds = float(np.median(usable(one, study.control)))
        by_level.setdefault(level, []).append(1e9 * seconds / one.sizes.nnz)
    return {level: float(np.median(values)) for level, values in by_level.items()}


def _row(study: Study, one: Measurement) -> dict[str, Any]:
    kept = usable(one, study.control)
    low, middle, high = (float(q) for q in np.percentile(kept, [25, 50, 75]))
    return {
        "subject": one.subject,
        "phase": one.phase,
        **one.sizes._asdict(),
        "counts": one.counts,
        "peak_bytes": one.peak.bytes,
        "peak_traced_bytes": one.peak.traced,
        "peak_resident_bytes": one.peak.resident,
        "median_seconds": middle,
        "quartiles_seconds": [low, high],
        "samples_seconds": one.seconds,
        "control_seconds": one.control,
        "samples_waited": one.waited,
        "samples_used": len(kept),
    }


def _verdict(study: Study, one: Judgement) -> dict[str, Any]:
    by_level = levels(study, one.subject, one.phase)
    timing = {
        sweep: {
            "slope": growth.slope._asdict(),
            "without_cache_levels": growth.corrected._asdict(),
            "bound": growth.bound,
            "fits": {name: {k: _finite(v) for k, v in f._asdict().items()} for name, f in growth.fits.items()},
        }
        for sweep, growth in one.timing.items()
    }
    return {
        "subject": one.subject,
        "phase": one.phase,
        "expected": one.expected.growth,
        "outcome": outcome(one),
        "good": one.good,
        "words": verdict(one, by_level),
        "count_exponents": one.counts,
        "memory_exponents": one.memory,
        "time": timing,
        "time_constants": None if one.constants is None else one.constants._asdict(),
        "ns_per_connection": by_level,
    }


def _finite(value: Any) -> Any:
    """Return None for an infinite number, which JSON has no word for."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _control(study: Study) -> dict[str, Any]:
    everything = [value for one in study.measurements.values() for value in one.control]
    low, middle, high = (float(q) for q in np.percentile(everything, [5, 50, 95]))
    samples = sum(len(one.seconds) for one in study.measurements.values())
    used = sum(len(usable(one, study.control)) for one in study.measurements.values())
    return {
        "median_seconds": middle,
        "percentiles_5_95_seconds": [low, high],
        "samples": samples,
        "samples_used": used,
    }


def to_json(study: Study, **settings: Any) -> dict[str, Any]:
    """Return everything as plain data; `settings` are what the study was asked for."""
    return {
        "format": FORMAT,
        "good": study.good,
        "settings": settings,
        "plan": asdict(study.plan),
        "machine": facts(),
        "control": _control(study),
        "verdicts": [_verdict(study, one) for one in study.judgements],
        "not_measured": [
            {"subject": one.subject, **one.sizes._asdict(), "why": one.why} for one in study.not_measured
        ],
        "measurements": [_row(study, one) for one in study.measurements.values()],
    }
