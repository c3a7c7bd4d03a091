"""When an update is due and what fraction it prunes (ALGORITHM section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..errors import unknown

#: Exponent k of `inverse_power`, Zhu & Gupta's cubic.
POWER = 3.0


def _cosine(progress: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def _constant(progress: float) -> float:
    return 1.0


def _linear(progress: float) -> float:
    return 1.0 - progress


def _inverse_power(progress: float) -> float:
    return (1.0 - progress) ** POWER


#: Share of the initial fraction that is left at progress t / T_end in [0, 1].
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "constant": _constant,
    "linear": _linear,
    "inverse_power": _inverse_power,
}


def prune_fraction(schedule: str, initial: float, step: int, last: int) -> float:
    """Return α_t, the fraction of active connections to prune before SGD step `step`.

    Parameters
    ----------
    schedule : a key of `SCHEDULES`.
    initial : α in [0, 1].
    step : t, from 1 to `last`.
    last : T_end in steps, at least 1.

    Raises
    ------
    InputError : unknown schedule.
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    return initial * SCHEDULES[schedule](step / last)


def is_due(step: int, every: int, last: int) -> bool:
    """Return whether an update precedes SGD step `step`, counted from 1: t mod T = 0 and t ≤ T_end."""
    return step % every == 0 and 1 <= step <= last


class Timing(NamedTuple):
    """What decides when a topology changes.

    every : T, steps between updates; last : T_end in steps; round_steps : steps of one round of training.
    """

    every: int
    last: int
    round_steps: int

    @property
    def last_due(self) -> int:
        """Step that the last update by schedule precedes, 0 if there is none; the training may end before T_end."""
        return min(self.last, self.round_steps) // self.every * self.every


def on_schedule(step: int, timing: Timing) -> bool:
    """Return whether an update by schedule precedes SGD step `step`."""
    return is_due(step, timing.every, timing.last)


def at_start(step: int, timing: Timing) -> bool:
    """Return whether `step` is the first."""
    return step == 1


def at_start_and_on_schedule(step: int, timing: Timing) -> bool:
    """Return whether `step` is the first, or an update by schedule precedes it."""
    return at_start(step, timing) or on_schedule(step, timing)


def at_new_round(step: int, timing: Timing) -> bool:
    """Return whether `step` is the first of the second or a later round."""
    return step > 1 and (step - 1) % timing.round_steps == 0
