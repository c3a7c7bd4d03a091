"""Faults that level selection must find: how many connections change, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..adapters.own import Naive
from .fault import Fault


def _sizes(layers: Sequence[tuple[int, int, int]]) -> list[int]:
    return [n_out * channels * kernel**2 for n_out, channels, kernel in layers]


class ExcessLost(Naive):
    """A share above the size of a layer is clipped."""

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return Erdős–Rényi shares cut off at the size of the layer."""
        if kind != "erdos_renyi":
            return super().budget(kind, layers, density)
        sizes = _sizes(layers)
        weights = [n_out + channels * kernel**2 for n_out, channels, kernel in layers]
        scale = density * sum(sizes) / sum(weights)
        return [min(size, round(scale * weight)) for size, weight in zip(sizes, weights, strict=True)]


class BudgetFloored(Naive):
    """Every share is floored and what is missing is missed."""

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return uniform shares without their fractions."""
        if kind != "uniform":
            return super().budget(kind, layers, density)
        return [math.floor(density * size) for size in _sizes(layers)]


class RemainderToTheFirst(Naive):
    """What is missing after flooring goes to the first layers, not to the largest remainders."""

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return uniform shares, the first ones too large."""
        right = list(super().budget(kind, layers, density))
        if kind != "uniform":
            return right
        sizes = _sizes(layers)
        counts = [math.floor(sum(right) * size / sum(sizes)) for size in sizes]
        for i in range(sum(right) - sum(counts)):
            counts[i] += 1
        return counts


class KernelIgnored(Naive):
    """Erdős–Rényi-kernel is computed as Erdős–Rényi."""

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return shares that know nothing of kernels."""
        return super().budget("erdos_renyi" if kind == "erdos_renyi_kernel" else kind, layers, density)


class FractionOfStepBefore(Naive):
    """α is taken at step t - 1, as if steps counted from 0."""

    def prune_fraction(self, schedule: str, initial: float, step: int, end: int) -> float:
        """Return α of the step before."""
        return super().prune_fraction(schedule, initial, step - 1, end)


class CosineOfHalf(Naive):
    """The cosine runs a quarter of its period, from 1 to 0, not half of it."""

    def prune_fraction(self, schedule: str, initial: float, step: int, end: int) -> float:
        """Return α · cos(π/2 · t / T)."""
        if schedule == "cosine":
            return initial * math.cos(math.pi / 2 * step / end)
        return super().prune_fraction(schedule, initial, step, end)


class UpdateAfterEnd(Naive):
    """Updates go on after T_end."""

    def update_due(self, step: int, interval: int, end: int) -> bool:
        """Return whether the interval is over."""
        return step > 0 and step % interval == 0


class EndExcluded(Naive):
    """T_end is the first step without an update."""

    def update_due(self, step: int, interval: int, end: int) -> bool:
        """Return whether an update is due before T_end."""
        return super().update_due(step, interval, end) and step < end


class StepZeroDue(Naive):
    """There is an update before the first step, since 0 is a multiple of everything."""

    def update_due(self, step: int, interval: int, end: int) -> bool:
        """Return what steps that count from 0 would say."""
        return step % interval == 0 and step <= end


class CountFloored(Naive):
    """⌊αN⌋: small layers never change."""

    def prune_count(self, fraction: float, nnz: int) -> int:
        """Return the count, rounded down."""
        return math.floor(fraction * nnz)


class CeilingOfFloats(Naive):
    """⌈αN⌉ of the product in floats: 0.07 of 100 is 8."""

    def prune_count(self, fraction: float, nnz: int) -> int:
        """Return one more where the product exceeds an integer by its rounding."""
        return math.ceil(fraction * nnz)


class CountInSinglePrecision(Naive):
    """⌈αN⌉ computed in float32."""

    def prune_count(self, fraction: float, nnz: int) -> int:
        """Return a count that is off in large layers."""
        return int(np.ceil(np.float32(fraction) * np.float32(nnz)))


FAULTS = (
    Fault(
        "budget-excess-lost",
        "shares above the size of a layer are clipped, their excess is lost (the authors' code)",
        "budget",
        ExcessLost,
    ),
    Fault("budget-floored", "shares are floored, so that the total is missed", "budget", BudgetFloored),
    Fault(
        "budget-remainder-to-the-first",
        "what flooring loses goes to the first layers",
        "budget",
        RemainderToTheFirst,
    ),
    Fault("budget-kernel-ignored", "erdos_renyi_kernel is erdos_renyi", "budget", KernelIgnored),
    Fault("fraction-one-step-off", "α is that of step t - 1", "prune_fraction", FractionOfStepBefore),
    Fault("cosine-of-half", "α cos(π t / 2T) in place of α (1 + cos(π t / T)) / 2", "prune_fraction", CosineOfHalf),
    Fault("update-after-end", "updates go on after T_end", "update_due", UpdateAfterEnd),
    Fault("end-excluded", "there is no update at T_end itself", "update_due", EndExcluded),
    Fault("step-zero-due", "an update precedes all steps", "update_due", StepZeroDue),
    Fault("count-floored", "⌊αN⌋ connections are replaced, none in a small layer", "prune_count", CountFloored),
    Fault("count-ceiling-of-floats", "⌈αN⌉ of the float product: 0.07 of 100 is 8", "prune_count", CeilingOfFloats),
    Fault("count-in-float32", "αN is computed in float32", "prune_count", CountInSinglePrecision),
)
