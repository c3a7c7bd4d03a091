"""Faults that golden vectors must find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...backends import Geometry
from ..adapter import Array
from ..adapters.own import Naive
from ..problems import TrainingProblem, TrainingTrace, UpdatedLayer, UpdateProblem, Weights
from .fault import Fault


class SizeOfTheImageGuessed(Naive):
    """Images are taken to end where the last window does."""

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return ∂loss/∂x, 0 beyond the least image that has so many positions."""
        dx = super().conv_transposed(weights, dy, geometry, size)
        kernel, stride, padding = geometry
        height, width = ((count - 1) * stride + kernel - 2 * padding for count in dy.shape[1:3])
        return dx[:, :height, :width]


class LastAliasSlotBiased(Naive):
    """The last slot of an alias table never passes on what it does not need."""

    def draw(self, probabilities: Array, uniforms: Array) -> Array:
        """Return draws of which the last slot has its full share of uniforms."""
        table = self.backend.alias_table(probabilities)
        table.threshold[-1] = 1.0
        return self.backend.alias_draw(table, uniforms)


class ProductOfFloatsCounted(Naive):
    """⌈αN⌉ is the ceiling of the product of floats."""

    def prune_count(self, fraction: float, nnz: int) -> int:
        """Return a count that is one too many where the product is just above an integer."""
        return int(np.ceil(fraction * nnz))


class SubsetFactorIgnored(Naive):
    """As many pairs are drawn as there are connections, whatever γ is."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return the update of γ = 1."""
        return super().update(problem._replace(subset_factor=1.0))


class ScheduleStartedAgain(Naive):
    """A resumed run counts its updates from the first: α is what it was at the start."""

    def train(self, problem: TrainingProblem) -> TrainingTrace:
        """Return the run with its whole intervals of steps before forgotten."""
        forgotten = problem.done // problem.interval * problem.interval
        probes = tuple(probe._replace(step=probe.step - forgotten) for probe in problem.probes)
        trace = super().train(problem._replace(done=problem.done - forgotten, probes=probes))
        return trace._replace(updates=tuple(one._replace(step=one.step + forgotten) for one in trace.updates))


FAULTS = (
    Fault("image-size-guessed", "dx has the least size that fits dy", "golden_kernels", SizeOfTheImageGuessed),
    Fault("last-alias-slot-kept", "the last alias slot is biased", "golden_sampling", LastAliasSlotBiased),
    Fault("ceiling-of-a-float-product", "⌈0.07 · 100⌉ is 8", "golden_selection", ProductOfFloatsCounted),
    Fault("subset-factor-ignored", "γ is always 1", "golden_update", SubsetFactorIgnored),
    Fault("schedule-started-again", "a resumed run has α of the start", "golden_training", ScheduleStartedAgain),
)
