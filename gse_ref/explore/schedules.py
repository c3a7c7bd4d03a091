"""When an update is due and what fraction it prunes (ALGORITHM section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable

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
    """Return whether an update precedes SGD step `step`: t mod T = 0 and t ≤ T_end."""
    return step % every == 0 and step <= last
