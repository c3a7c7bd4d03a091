"""Is a phase linear? Exact counts carry the proof; clocks and memory must not contradict it.

A phase that should be linear is not if, in any sweep,
1. a count grows with an exponent above `COUNT_BOUND`;
2. the peak memory of a call grows with an exponent above that of `MEMORY_BOUNDS`; or
3. its time, less what the cache levels of this machine explain, grows with an exponent whose interval lies above
   that of `TIME_BOUNDS`, and the information criterion prefers x log x or x² to a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from . import fit
from .caches import explained
from .fit import Constants, Fit, Slope
from .measure import Measurement
from .sizes import LEAST_SIZES, Sizes, variable
from .subject import LINEAR, Phase

#: Of the four largest sizes. n log n has exponent 1.07 there up to 2²⁰; draws that repeat or hit active
#: connections, which grow rarer with n, add less than 0.02 to 1 in layers of at most `sizes.DENSEST`.
COUNT_BOUND = 1.03
#: What Python and NumPy allocate is known to the byte. Resident memory is not: the allocator may take up to twice
#: what is asked for, at some sizes and not at others; over a factor of 16 that is 0.25, and a square would add 1.
MEMORY_BOUNDS = {"traced": 1.05, "resident": 1.3}
#: Peaks below this many bytes are not the algorithm's.
LEAST_MEMORY = {"traced": 1 << 16, "resident": 1 << 20}
#: Branch predictors, translation buffers and neighbours add to an exponent what no yardstick explains. Where counts
#: vouch for a phase its time must contradict them clearly.
TIME_BOUNDS = {"counted": 1.2, "uncounted": 1.08}
#: Relative error of a median time that is not evidence against a model.
TIME_GRAIN = 0.01

#: A sample whose control took longer than this many times the median control is not used, if enough are left.
SLOW_MACHINE, LEAST_ROUNDS = 1.25, 3


@dataclass(frozen=True)
class Timing:
    """How time grows in one sweep.

    slope : of the medians as measured; corrected : of what the cache levels do not explain; fits : of the latter.
    bound : what the corrected exponent must not exceed.
    """

    slope: Slope
    corrected: Slope
    fits: dict[str, Fit]
    bound: float

    @property
    def linear(self) -> bool:
        """Whether nothing speaks for more than linear growth."""
        return self.corrected.low <= self.bound or fit.preferred(self.fits) == LINEAR


@dataclass(frozen=True)
class Judgement:
    """The verdict on one phase.

    counts : name of a count → sweep → exponent; memory : "traced" or "resident", see `memory.Peak` → sweep →
    exponent; timing : sweep → growth.
    constants : of the time in seconds, over the width and the nnz sweep.
    sizes : how many sizes of the width sweep were measured.
    """

    subject: str
    phase: str
    expected: Phase
    sizes: int
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    timing: dict[str, Timing] = field(default_factory=dict)
    constants: Constants | None = None

    @property
    def decided(self) -> bool:
        """Whether enough sizes were measured."""
        return self.sizes >= LEAST_SIZES

    @property
    def steep_counts(self) -> dict[str, dict[str, float]]:
        """The counts, and their sweeps, that grow more than linearly."""
        steep = {name: {s: e for s, e in sweeps.items() if e > COUNT_BOUND} for name, sweeps in self.counts.items()}
        return {name: sweeps for name, sweeps in steep.items() if sweeps}

    @property
    def steep_memory(self) -> dict[str, float]:
        """The sweeps in which peak memory grows more than linearly."""
        return {
            sweep: exponent
            for kind, sweeps in self.memory.items()
            for sweep, exponent in sweeps.items()
            if exponent > MEMORY_BOUNDS[kind]
        }

    @property
    def steep_timing(self) -> dict[str, Timing]:
        """The sweeps in which time grows more than linearly."""
        return {sweep: timing for sweep, timing in self.timing.items() if not timing.linear}

    @property
    def linear(self) -> bool:
        """Whether enough was measured and nothing grows more than linearly."""
        return self.decided and not (self.steep_counts or self.steep_memory or self.steep_timing)

    @property
    def good(self) -> bool:
        """Whether the phase keeps what it promises."""
        return self.linear or self.expected.growth != LINEAR


def usable(one: Measurement, control: float) -> np.ndarray:
    """Return the samples of a measurement without those for which the machine was too slow or not there.

    A sample is left out if its control was slow, or if the process waited for its core, where enough are left.
    """
    seconds, beside, waited = (np.asarray(values) for values in (one.seconds, one.control, one.waited))
    quiet = seconds[(beside <= SLOW_MACHINE * control) & ~waited]
    return quiet if len(quiet) >= LEAST_ROUNDS else seconds


def _count_exponents(x: Sequence[float], found: Sequence[Mapping[str, int] | None]) -> dict[str, float]:
    """Return the exponent, at the largest sizes, of each positive count; nothing if a size has no counts."""
    given = [counts for counts in found if counts is not None]
    if len(given) < len(found):
        return {}
    exponents = {}
    for name in given[0]:
        amounts = [counts.get(name, 0) for counts in given]
        if min(amounts) > 0:
            exponents[name] = fit.exponent(x[-LEAST_SIZES:], amounts[-LEAST_SIZES:])
    return exponents


def _memory_exponent(x: Sequence[float], peaks: Sequence[int | None], least: int) -> float | None:
    """Return the exponent of the largest peaks, of at least `least` bytes; None for fewer than four."""
    kept = [(size, high) for size, high in zip(x, peaks, strict=True) if high is not None and high >= least]
    if len(kept) < LEAST_SIZES:
        return None
    x_, y = np.array(kept[-LEAST_SIZES:], np.float64).T
    return fit.exponent(x_, y)


def time_growth(
    x: Sequence[float],
    samples: Sequence[np.ndarray],
    ratios: np.ndarray,
    bound: float,
    generator: np.random.Generator,
) -> Timing:
    """Return how time grows in one sweep.

    Parameters
    ----------
    samples : seconds of the rounds at each of the sizes `x`.
    ratios : share of the time at each size that the cache levels do not explain.
    bound : exponent above which the growth is not linear.
    """
    medians = np.array([float(np.median(rounds)) for rounds in samples])
    part = fit.asymptotic(x, medians)
    size, rounds = np.asarray(x, np.float64)[part], [samples[i] for i in part]
    return Timing(
        fit.slope_interval(size, rounds, np.ones(len(part)), generator),
        fit.slope_interval(size, rounds, ratios[part], generator),
        fit.compare(x, medians * ratios, TIME_GRAIN),
        bound,
    )


def judge(
    phase: Phase,
    sweeps: Mapping[str, Sequence[Measurement]],
    yardsticks: Mapping[Sizes, float],
    control: float,
    generator: np.random.Generator,
) -> Judgement:
    """Judge one phase of one subject.

    Parameters
    ----------
    sweeps : its measurements in each sweep, sizes increasing; fewer than four of a sweep are not judged.
    yardsticks : seconds a byte of the machine's yardstick for this phase's access, at each size.
    control : median seconds of the control kernel over the whole study.
    """
    first = next(one for found in sweeps.values() for one in found)
    counts: dict[str, dict[str, float]] = {}
    memory: dict[str, dict[str, float]] = {}
    timing: dict[str, Timing] = {}
    for sweep, found in sweeps.items():
        if len(found) < LEAST_SIZES:
            continue
        x = variable(sweep, [one.sizes for one in found])
        for name, exponent in _count_exponents(x, [one.counts for one in found]).items():
            counts.setdefault(name, {})[sweep] = exponent
        for kind, least in LEAST_MEMORY.items():
            high = _memory_exponent(x, [getattr(one.peak, kind) for one in found], least)
            if high is not None:
                memory.setdefault(kind, {})[sweep] = high
        samples = [usable(one, control) for one in found]
        medians = np.array([float(np.median(rounds)) for rounds in samples])
        ratios = explained(x, medians, found, [yardsticks[one.sizes] for one in found])
        bound = TIME_BOUNDS["counted" if counts else "uncounted"]
        timing[sweep] = time_growth(x, samples, ratios, bound, generator)
    joint = list({one.sizes: one for name in ("width", "nnz") for one in sweeps.get(name, ())}.values())
    times = [float(np.median(usable(one, control))) for one in joint]
    return Judgement(
        first.subject,
        first.phase,
        phase,
        len(sweeps.get("width", ())),
        counts,
        memory,
        timing,
        fit.constants([one.sizes for one in joint], times) if joint else None,
    )
