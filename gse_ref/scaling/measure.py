"""Interleaved measurement: every phase at every size once a round, a control beside each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import yardstick
from .clock import Clock, sample, timed
from .memory import Peak, peak
from .predict import Cost, Limits, predicted
from .sizes import Sizes
from .subject import Subject, Work

#: A call of this many seconds leaves nothing in the caches that the next would find.
COLD = 2e-2
#: Seconds a sample lasts at least (shorter calls are repeated), and the most repeats.
AT_LEAST, MOST_REPEATS = 2e-3, 1000

Key = tuple[str, str, Sizes]
Tell = Callable[[str], None]


@dataclass
class Measurement:
    """One phase of one subject at one size.

    Attributes
    ----------
    counts : exact, or None where the subject has none.
    peak : rise of memory during one call.
    repeats : calls in each sample; warm : whether a call that is not timed precedes it.
    seconds : a call, one sample a round.
    control : of the control kernel beside each of them; waited : whether much of it was spent in
        line for the core.
    """

    subject: str
    phase: str
    sizes: Sizes
    counts: dict[str, int] | None
    peak: Peak
    repeats: int
    warm: bool
    seconds: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    waited: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class NotMeasured:
    """A size that a subject was not measured at, decided before it was built."""

    subject: str
    sizes: Sizes
    why: str


def _calibrate(subject: Subject, sizes: Sizes, clock: Clock) -> tuple[list[Measurement], Cost]:
    """Build and run everything once or twice: counts, peaks, repeats, and what it costs altogether."""
    building, work = peak(lambda: subject.build(sizes))
    counts: Mapping[str, Mapping[str, int]] | None = None if work.counts is None else work.counts()
    found: list[Measurement] = []
    slowest, most = 0.0, 0
    for name in subject.phases:
        call = work.phases[name]
        high, _ = peak(call)  # this call also compiles
        once = timed(call, 1, clock)
        seconds = once.wall - once.in_line
        repeats = max(1, min(MOST_REPEATS, int(AT_LEAST / max(seconds, 1e-7))))
        own = None if counts is None else dict(counts.get(name, {}))
        found.append(Measurement(subject.name, name, sizes, own, high, repeats, seconds < COLD))
        slowest, most = max(slowest, seconds), max(most, high.bytes)
    return found, Cost(slowest, building.bytes + most)


def calibrate(
    subjects: Sequence[Subject], sweeps: Mapping[str, Sequence[Sizes]], limits: Limits, clock: Clock, tell: Tell
) -> tuple[dict[Key, Measurement], list[NotMeasured]]:
    """Run every subject once at every size that the limits allow, in the order of the sweeps.

    Whether a size is allowed is decided before it is built, from the sizes below.

    Returns
    -------
    measurements : without times, by (subject, phase, sizes), in order.
    not_measured : the rest, with the reason.
    """
    everything = list(dict.fromkeys(sizes for points in sweeps.values() for sizes in points))
    measurements: dict[Key, Measurement] = {}
    rest: list[NotMeasured] = []
    for subject in subjects:
        tell(f"{subject.name}: counts and memory at {len(everything)} sizes")
        costs: dict[Sizes, Cost] = {}
        for sizes in everything:
            expected = predicted(costs, sizes, subject.exponent)
            reason = limits.exceeded(expected)
            if reason is None:
                try:
                    found, costs[sizes] = _calibrate(subject, sizes, clock)
                except MemoryError:
                    reason = "ran out of memory"
                else:
                    measurements |= {(subject.name, one.phase, sizes): one for one in found}
            if reason is not None:
                rest.append(NotMeasured(subject.name, sizes, reason))
    return measurements, rest


def _visit(
    subject: Subject,
    work: Work,
    sizes: Sizes,
    turn: int,
    measurements: Mapping[Key, Measurement],
    clock: Clock,
    control: Callable[[], Any],
    control_repeats: int,
) -> None:
    """Take one sample of each phase of a subject, the control before the first."""
    beside = sample(control, control_repeats, clock, warm=True).seconds
    names = list(subject.phases)
    shift = turn % len(names)
    for name in names[shift:] + names[:shift]:
        one = measurements[subject.name, name, sizes]
        taken = sample(work.phases[name], one.repeats, clock, one.warm)
        one.seconds.append(taken.seconds)
        one.waited.append(taken.waited)
        one.control.append(beside)


def take_rounds(
    subjects: Sequence[Subject], measurements: Mapping[Key, Measurement], rounds: int, clock: Clock, tell: Tell
) -> None:
    """Add `rounds` samples to every measurement: sizes up and down in turn, subjects and phases in turning order.

    Arguments are made anew in every round and dropped after it, so that only one subject's are held at a time.
    """
    everything = list(dict.fromkeys(sizes for _, _, sizes in measurements))
    machine = next(subject for subject in subjects if subject.name == yardstick.NAME)
    control = machine.build(everything[0]).phases[yardstick.CONTROL]
    repeats = measurements[yardstick.NAME, yardstick.CONTROL, everything[0]].repeats
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for sizes in everything if number % 2 == 0 else everything[::-1]:
            shift = number % len(subjects)
            for subject in [*subjects[shift:], *subjects[:shift]]:
                if (subject.name, next(iter(subject.phases)), sizes) in measurements:
                    work = subject.build(sizes)
                    _visit(subject, work, sizes, number, measurements, clock, control, repeats)
                    del work
