"""Faults in what an update chooses: counts, candidates, scores, ties, chance."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...rng import stream
from ..adapter import Array
from ..dense_update import ceiling, gradient, masses, matrices
from ..problems import ExploredLayer, UpdateProblem
from .update_parts import Entry, InParts


class SignsCountedApart(InParts):
    """SET prunes a fraction of the positive and one of the negative weights, each rounded up."""

    def counts(self, problem: UpdateProblem, group: list[int], available: int) -> tuple[int, int]:
        """Return as many as both signs ask for."""
        grow, prune = super().counts(problem, group, available)
        if problem.method != "set":
            return grow, prune
        sides = [np.signbit(problem.layers[number].weights.values) for number in group]
        each = [ceiling(problem.fraction, int(n)) for side in sides for n in (side.sum(), (~side).sum())]
        return min(sum(each), available), min(sum(each), available)


class BernoulliGrowth(InParts):
    """Every inactive connection is grown with probability k / m, so that only the mean is right."""

    def counts(self, problem: UpdateProblem, group: list[int], available: int) -> tuple[int, int]:
        """Return another number of grown than of pruned ones."""
        grow, prune = super().counts(problem, group, available)
        if problem.method == "set" and available:
            grow = int(stream(problem.seed, "grow", 9).binomial(available, grow / available))
        return grow, prune


class RegrowsPruned(InParts):
    """What this update prunes may be grown again by it."""

    def choose(
        self, problem: UpdateProblem, found: list[list[int]], scores: list[Entry]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return a choice among candidates and pruned."""
        grown, pruned = super().choose(problem, found, scores)
        for number, layer in enumerate(problem.layers):
            flat = np.abs(self.gradient(layer)).reshape(-1)
            pool = sorted({*grown[number], *pruned[number]}, key=lambda edge: (-flat[edge], edge))
            grown[number] = pool[: len(grown[number])]
        return grown, pruned


class GrowsActive(InParts):
    """Drawn pairs that are active stay among the candidates."""

    def without_active(self, layer: ExploredLayer, pairs: set[int]) -> set[int]:
        """Return all pairs."""
        return pairs


class CountsEachLayer(InParts):
    """Under global scope every layer still prunes and grows its own count."""

    def groups(self, problem: UpdateProblem) -> list[list[int]]:
        """Return every layer on its own."""
        return [[number] for number in range(len(problem.layers))]


class PrunesBySign(InParts):
    """The smallest weights are pruned, not the smallest magnitudes."""

    def weight(self, value: float) -> float:
        """Return the signed value."""
        return value


class DrawsFloored(InParts):
    """⌊γN⌋ pairs are drawn."""

    def draws(self, problem: UpdateProblem, layer: ExploredLayer) -> int:
        """Return one too few, mostly."""
        return int(Fraction(repr(problem.subset_factor)) * len(layer.weights.indices))


class DrawsByNonZeros(InParts):
    """N is the number of weights that are not 0."""

    def draws(self, problem: UpdateProblem, layer: ExploredLayer) -> int:
        """Return ⌈γ · weights that are not 0⌉."""
        return ceiling(problem.subset_factor, int(np.count_nonzero(layer.weights.values)))


class AllOnlyWhenFewer(InParts):
    """All inactive connections are candidates only where they are fewer than the draws, not as many."""

    def takes_all(self, free: int, draws: int) -> bool:
        """Return free < draws."""
        return free < draws


class QuotaFloored(InParts):
    """⌊αN⌋ are replaced."""

    def quota(self, problem: UpdateProblem, layer: ExploredLayer) -> int:
        """Return one too few, mostly."""
        return int(Fraction(repr(problem.fraction)) * len(layer.weights.indices))


class QuotaInFloats(InParts):
    """⌈αN⌉ of the product in floats: 0.28 * 25 exceeds 7."""

    def quota(self, problem: UpdateProblem, layer: ExploredLayer) -> int:
        """Return one too many, at times."""
        return int(np.ceil(problem.fraction * len(layer.weights.indices)))


class CountsAfterPruning(InParts):
    """How many are grown is worked out when the pruned have gone."""

    def counts(self, problem: UpdateProblem, group: list[int], available: int) -> tuple[int, int]:
        """Return α of what is left as the number of grown ones."""
        _, prune = super().counts(problem, group, available)
        left = sum(len(problem.layers[number].weights.indices) for number in group) - prune
        return min(ceiling(problem.fraction, left), available), prune


class TiesByHigherEdge(InParts):
    """Ties go to the higher edge id."""

    def order(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries with ties the other way round."""
        return sorted(entries, key=lambda entry: (entry[0], entry[1], -entry[2]))


class LastLayerFirst(InParts):
    """Ties between layers go to the later one."""

    def order(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries with ties of layers the other way round."""
        return sorted(entries, key=lambda entry: (entry[0], -entry[1], entry[2]))


class SidesSwapped(InParts):
    """GraBo sums over the units instead of the samples: the masses are those of the wrong axis."""

    def masses(self, layer: ExploredLayer, kind: str) -> tuple[Array, Array]:
        """Return sums over the first axis, repeated as needed."""
        f, g = super().masses(layer, kind)
        if kind != "grabo":
            return f, g
        sums = (np.resize(np.abs(m).sum(axis=0), len(m)) for m in matrices(layer))
        f, g = (m if m.any() else np.ones(len(m)) for m in sums)
        return f, g


class SignedSums(InParts):
    """GraBo sums values instead of magnitudes."""

    def masses(self, layer: ExploredLayer, kind: str) -> tuple[Array, Array]:
        """Return |Σ| in place of Σ| |."""
        f, g = super().masses(layer, kind)
        if kind != "grabo":
            return f, g
        sums = (np.abs(m.sum(axis=1)) for m in matrices(layer))
        f, g = (m if m.any() else np.ones(len(m)) for m in sums)
        return f, g


class TwoSignVectors(InParts):
    """GraEst draws signs for the inputs and others for the outputs."""

    def masses(self, layer: ExploredLayer, kind: str) -> tuple[Array, Array]:
        """Return outputs with signs of their own."""
        f, g = super().masses(layer, kind)
        if kind != "graest":
            return f, g
        signs = layer.draws.signs * np.resize([1.0, -1.0], layer.draws.signs.size).reshape(layer.draws.signs.shape)
        return f, masses(layer._replace(draws=layer.draws._replace(signs=signs)), kind)[1]


class FirstSampleAlone(InParts):
    """RigL's gradient is that of the first sample of the batch."""

    def gradient(self, layer: ExploredLayer) -> Array:
        """Return a gradient of one sample."""
        return gradient(layer._replace(x=layer.x[..., :1], delta=layer.delta[..., :1]))


class UniformsSwapped(InParts):
    """The uniforms of the inputs draw the outputs."""

    def uniforms(self, layer: ExploredLayer) -> tuple[Array, Array]:
        """Return them the other way round."""
        return layer.draws.outputs, layer.draws.inputs


class FirstInactive(InParts):
    """SET grows the inactive connections that come first."""

    def scores(self, problem: UpdateProblem, found: list[list[int]]) -> list[Entry]:
        """Return scores in the order of edges."""
        if problem.method != "set":
            return super().scores(problem, found)
        return [(0.0, number, edge) for number, edges in enumerate(found) for edge in edges]


class RunsOfInactive(InParts):
    """SET grows neighbours from a random place on: every connection equally often, but not every set."""

    def scores(self, problem: UpdateProblem, found: list[list[int]]) -> list[Entry]:
        """Return scores that rise from a random place on."""
        if problem.method != "set":
            return super().scores(problem, found)
        entries = [(number, edge) for number, edges in enumerate(found) for edge in edges]
        start = int(stream(problem.seed, "grow").integers(0, max(1, len(entries))))
        return [(float((at - start) % len(entries)), *entry) for at, entry in enumerate(entries)]


class NaNIsZero(InParts):
    """Scores that are NaN count as 0."""

    def gradient(self, layer: ExploredLayer) -> Array:
        """Return a gradient without NaN."""
        return np.nan_to_num(gradient(layer))
