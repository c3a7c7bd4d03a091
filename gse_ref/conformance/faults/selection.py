"""Faults that level selection must find: which connections change, and what becomes of their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from ..adapter import Array
from ..adapters.own import Naive
from ..problems import Edited, Layer, Selected, Weights
from .fault import Fault


class TiesByUnstableOrder(Naive):
    """An unstable sort decides between equal scores."""

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the last k of a quicksort."""
        super().top_k(scores, k)
        return np.sort(np.argsort(scores, kind="quicksort")[len(scores) - k :])


class TiesByHigherPosition(Naive):
    """The last of equal scores wins."""

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the last k of a stable sort."""
        super().top_k(scores, k)
        return np.sort(np.argsort(scores, kind="stable")[len(scores) - k :])


class SignedZeros(Naive):
    """Scores are compared by their bits: -0 is below +0."""

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the k highest of a total order of bits."""
        super().top_k(scores, k)
        order = np.lexsort((np.arange(len(scores)), np.signbit(scores) & (scores == 0), -scores))
        return np.sort(order[:k])


class NanIsLowest(Naive):
    """NaN is taken for the lowest score."""

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the highest of what is left."""
        return super().top_k(np.where(np.isnan(scores), -np.inf, scores), k)


class NanScoresAccepted(Naive):
    """NaN among the scores is taken for 0."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return a choice by what is left."""
        cleaned = [Layer(values, np.nan_to_num(scores, nan=0.0, posinf=np.inf)) for values, scores in layers]
        return super().select(cleaned, counts, scope)


class LayerCountsUnderGlobalScope(Naive):
    """Every layer keeps its number of connections, whatever the scope."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return the choice of scope "layer"."""
        return super().select(layers, counts, "layer")


class HigherEdgeIdFirst(Naive):
    """The higher of two edge ids wins a tie."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return the choice from layers read backwards."""
        backwards = [Layer(values[::-1].copy(), scores[::-1].copy()) for values, scores in layers]
        chosen = super().select(backwards, counts, scope)
        return [
            Selected(np.sort(len(scores) - 1 - grow), np.sort(len(values) - 1 - prune))
            for (values, scores), (grow, prune) in zip(layers, chosen, strict=True)
        ]


class HigherLayerFirst(Naive):
    """The higher of two layers wins a tie."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return the choice from layers numbered backwards."""
        return super().select(layers[::-1], counts[::-1], scope)[::-1]


class SignedPruning(Naive):
    """The smallest θ goes, not the smallest |θ|."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return what grows, and the most negative weights."""
        chosen = super().select(layers, counts, scope)
        return [
            Selected(grow, np.sort(np.argsort(values, kind="stable")[: len(prune)]))
            for (values, _), (grow, prune) in zip(layers, chosen, strict=True)
        ]


class PrunedMoreThanGrown(Naive):
    """As many are pruned as the fraction says, even where fewer candidates are there to be grown."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return a choice whose prune counts know nothing of the candidates: connections are lost."""
        plenty = [Layer(values, np.ones(len(values), values.dtype)) for values, _ in layers]
        pruned = [prune for _, prune in super().select(plenty, counts, scope)]
        grown = [grow for grow, _ in super().select(layers, counts, scope)]
        return [Selected(grow, prune) for grow, prune in zip(grown, pruned, strict=True)]


class JustPrunedRegrown(Naive):
    """What was pruned competes with the candidates at once, and stays if its weight beats their scores."""

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return a choice that takes some of the pruned connections back instead of growing."""
        result = []
        for (values, scores), (grow, prune) in zip(layers, super().select(layers, counts, scope), strict=True):
            pool = np.concatenate([scores, np.abs(values[prune])])
            best = np.argsort(-pool, kind="stable")[: len(grow)]
            back = best[best >= len(scores)] - len(scores)
            result.append(Selected(np.sort(best[best < len(scores)]), np.delete(prune, back)))
        return result


class MomentumShuffled(Naive):
    """Momentum stays in the order of the old slots, followed by zeros, while the weights are merged by edge id."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return momentum that belongs to other weights."""
        edited = super().edit(weights, momentum, pruned, rows, cols)
        survivors = np.delete(momentum, pruned)
        return edited._replace(momentum=np.concatenate([survivors, np.zeros(len(rows), momentum.dtype)]))


class StaleMomentum(Naive):
    """The k-th grown connection takes the place of the k-th pruned one, momentum included."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return grown connections that start with the momentum of those they replace."""
        edited = super().edit(weights, momentum, pruned, rows, cols)
        return edited._replace(momentum=_taken_over(edited.weights, edited.momentum, momentum[pruned], rows, cols))


class StaleValues(Naive):
    """The k-th grown connection takes the place of the k-th pruned one, weight included."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return grown connections that start with the weight of those they replace."""
        edited = super().edit(weights, momentum, pruned, rows, cols)
        values = _taken_over(edited.weights, edited.weights.values, weights.values[pruned], rows, cols)
        return edited._replace(weights=edited.weights._replace(values=values))


def _taken_over(weights: Weights, array: Array, old: Array, rows: Array, cols: Array) -> Array:
    """Return `array` with `old` in the slots of the first grown connections."""
    n_in, taken = weights.shape[1], array.copy()
    ids = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr)) * n_in + weights.indices
    slots = np.searchsorted(ids, rows.astype(np.int64) * n_in + cols)[: len(old)]
    taken[slots] = old[: len(slots)]
    return taken


class MomentumCleared(Naive):
    """The optimizer starts anew after an update."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return momentum of 0 everywhere."""
        edited = super().edit(weights, momentum, pruned, rows, cols)
        return edited._replace(momentum=np.zeros_like(edited.momentum))


class ExplicitZerosLost(Naive):
    """Survivors and grown connections are added as SciPy's CSR matrices, which drops what sums to 0."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return a sum of sparse matrices: every weight of 0 is gone, those just grown among them."""
        kept = np.delete(np.arange(len(weights.values)), pruned)
        starts = np.searchsorted(kept, weights.indptr)
        survivors = csr_array((weights.values[kept], weights.indices[kept], starts), shape=weights.shape)
        grown = csr_array((np.zeros(len(rows), weights.values.dtype), (rows, cols)), shape=weights.shape)
        total = survivors + grown
        total.sort_indices()
        edited = super().edit(weights, momentum, pruned, rows, cols)
        after = Weights(total.indptr, total.indices, total.data, weights.shape)
        return Edited(after, edited.momentum[: len(total.data)])


class NegativeZeroLost(Naive):
    """Survivors are carried over by adding them to an array of zeros."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return weights of which -0 has become 0."""
        edited = super().edit(weights, momentum, pruned, rows, cols)
        return edited._replace(weights=edited.weights._replace(values=edited.weights.values + 0))


class GrownAtTheEnd(Naive):
    """Grown connections are appended to their row, not merged by column."""

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return rows that are not sorted."""
        edited, n_in = super().edit(weights, momentum, pruned, rows, cols), weights.shape[1]
        indptr, indices, values, shape = edited.weights
        row = np.repeat(np.arange(shape[0]), np.diff(indptr))
        grown = np.isin(row * n_in + indices, rows.astype(np.int64) * n_in + cols)
        order = np.lexsort((np.arange(len(row)), grown, row))
        return Edited(Weights(indptr, indices[order], values[order], shape), edited.momentum[order])


FAULTS = (
    Fault("ties-by-unstable-order", "a quicksort decides between equal scores", "top_k", TiesByUnstableOrder),
    Fault("ties-by-higher-position", "the last of equal scores wins", "top_k", TiesByHigherPosition),
    Fault("zeros-ordered-by-sign", "-0 is below +0, and a tie is none", "top_k", SignedZeros),
    Fault("nan-is-lowest", "a score that is NaN is passed over", "top_k_of_nan", NanIsLowest),
    Fault("nan-scores-accepted", "a score that is NaN counts as 0", "select_of_nan", NanScoresAccepted),
    Fault(
        "layer-counts-under-global-scope",
        "layers keep their numbers although connections may move between them",
        "select",
        LayerCountsUnderGlobalScope,
    ),
    Fault("ties-by-higher-edge-id", "the higher of two edge ids wins a tie", "select", HigherEdgeIdFirst),
    Fault("ties-by-higher-layer", "the later of two layers wins a tie", "select", HigherLayerFirst),
    Fault(
        "pruned-by-signed-value", "the most negative weights are pruned, not the smallest", "select", SignedPruning
    ),
    Fault(
        "pruned-more-than-grown",
        "⌈αN⌉ are pruned even where there are fewer candidates: connections are lost",
        "select",
        PrunedMoreThanGrown,
    ),
    Fault(
        "just-pruned-regrown",
        "a connection just pruned competes with the candidates and may come back",
        "select",
        JustPrunedRegrown,
    ),
    Fault(
        "momentum-shuffled",
        "momentum keeps the order of old slots while weights are merged (seen in published code)",
        "edit",
        MomentumShuffled,
    ),
    Fault("stale-momentum", "a grown weight starts with the momentum of a pruned one", "edit", StaleMomentum),
    Fault("stale-values", "a grown weight starts with the value of a pruned one", "edit", StaleValues),
    Fault("momentum-cleared", "all momentum is 0 after an update", "edit", MomentumCleared),
    Fault(
        "explicit-zeros-lost",
        "SciPy's CSR addition drops what sums to 0: grown weights are gone at once",
        "edit",
        ExplicitZerosLost,
    ),
    Fault("negative-zero-lost", "survivors are added to zeros: -0 becomes 0", "edit", NegativeZeroLost),
    Fault("grown-at-the-end", "grown connections stand at the end of their row", "edit", GrownAtTheEnd),
)
