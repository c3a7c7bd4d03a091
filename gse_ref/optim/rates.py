"""Learning rates as plain functions of the step, which counts from 1."""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise

from ..errors import InputError
from .state import check_number

Rate = Callable[[int], float]


def _count(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"{name} must be a whole number of steps, at least 1, got {value!r}")
    return number


def constant(rate: float) -> Rate:
    """Return the same rate at every step."""
    check_number("rate", rate)
    return lambda step: float(rate)


def multi_step(rate: float, milestones: Sequence[int], factor: float = 0.1) -> Rate:
    """Return `rate` times `factor` for each milestone that lies behind.

    Parameters
    ----------
    milestones : strictly increasing steps; a milestone is the last step of the old rate, so 80 epochs of n
        steps are ``80 * n``.
    factor : not negative.

    Raises
    ------
    InputError : milestones that are not increasing whole numbers, a negative rate or factor.
    """
    check_number("rate", rate)
    check_number("factor", factor)
    steps = [_count("each milestone", milestone) for milestone in milestones]
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise InputError(f"milestones must increase strictly, got {steps}: sort them and drop repeats")
    return lambda step: float(rate * factor ** bisect_left(steps, step))


def cosine(rate: float, total: int) -> Rate:
    """Return rate/2 · (1 + cos(π·(step-1)/total)): `rate` at step 1, 0 from step total + 1 on.

    Raises
    ------
    InputError : a negative rate, a total below 1.

    References
    ----------
    Loshchilov & Hutter 2017, equation 5, without restarts.
    """
    check_number("rate", rate)
    total = _count("total", total)
    return lambda step: rate / 2 * (1 + math.cos(math.pi * min(step - 1, total) / total))


def warmup(rate: Rate, steps: int, start_fraction: float = 1e-4) -> Rate:
    """Return `rate` times a factor that rises linearly from `start_fraction` at step 1 to 1 after `steps` steps.

    The wrapped rate sees the same step: its milestones and total count the warm-up in.

    Parameters
    ----------
    steps : length of the warm-up, 0 for none.
    start_fraction : in [0, 1].

    Raises
    ------
    InputError : a number out of range.
    """
    if steps == 0:
        return rate
    steps = _count("steps", steps)
    if not 0 <= start_fraction <= 1:
        raise InputError(f"start_fraction must lie in [0, 1], got {start_fraction!r}")

    def warmed(step: int) -> float:
        done = min(step - 1, steps) / steps
        return rate(step) * (start_fraction + (1 - start_fraction) * done if done < 1 else 1.0)

    return warmed
