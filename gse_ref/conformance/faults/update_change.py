"""Faults in what an update leaves behind: values, momenta, order, memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..adapter import Array
from ..dense_update import edge_ids
from ..problems import ExploredLayer, UpdatedLayer, UpdateProblem, Weights
from .update_parts import Entry, InParts


class StaleValues(InParts):
    """Grown connections take the places of the pruned and keep their values."""

    def fresh(self, layer: ExploredLayer, gone: list[int]) -> tuple[float, float]:
        """Return the value of what went."""
        return (float(layer.weights.values[gone[0]]) if gone else 0.0), 0.0


class StaleMomentum(InParts):
    """Grown connections keep the momentum of the pruned."""

    def fresh(self, layer: ExploredLayer, gone: list[int]) -> tuple[float, float]:
        """Return the momentum of what went."""
        return 0.0, (float(layer.momentum[gone[0]]) if gone else 0.0)


class MomentumStays(InParts):
    """Momentum stays in its slots while the connections move to others."""

    def apply(self, layer: ExploredLayer, grown: list[int], pruned: list[int]) -> UpdatedLayer:
        """Return the layer with the momentum as it was."""
        result = super().apply(layer, grown, pruned)
        return result._replace(momentum=np.resize(layer.momentum, len(result.momentum)).copy())


class MomentumCleared(InParts):
    """An update starts the optimizer anew."""

    def apply(self, layer: ExploredLayer, grown: list[int], pruned: list[int]) -> UpdatedLayer:
        """Return the layer without momentum, if anything changed."""
        result = super().apply(layer, grown, pruned)
        return result._replace(momentum=result.momentum * 0) if grown or pruned else result


class NegativeZerosLost(InParts):
    """Survivors go through an addition of 0, after which -0 is +0."""

    def apply(self, layer: ExploredLayer, grown: list[int], pruned: list[int]) -> UpdatedLayer:
        """Return the layer with 0 added."""
        result = super().apply(layer, grown, pruned)
        return result._replace(weights=result.weights._replace(values=result.weights.values + 0))


class Unsorted(InParts):
    """Grown connections stand at the end of their row."""

    def apply(self, layer: ExploredLayer, grown: list[int], pruned: list[int]) -> UpdatedLayer:
        """Return the layer with the grown ones last in each row."""
        weights, momentum, _ = super().apply(layer, grown, pruned)
        ids = edge_ids(weights)
        order = np.lexsort((np.isin(ids, grown), ids // weights.shape[1]))
        sorted_weights = Weights(weights.indptr, weights.indices[order], weights.values[order], weights.shape)
        return UpdatedLayer(sorted_weights, momentum[order])


class InPlace(InParts):
    """Pruned weights are set to 0 where they stand before the new layer is made."""

    def apply(self, layer: ExploredLayer, grown: list[int], pruned: list[int]) -> UpdatedLayer:
        """Return the layer, having changed the old one."""
        result = super().apply(layer, grown, pruned)
        layer.weights.values[np.isin(edge_ids(layer.weights), pruned)] = 0
        return result


class ThreadsBreakTies(InParts):
    """Threads that meet in another order break ties in another order."""

    threads = 1

    def set_threads(self, count: int) -> None:
        """Remember the number."""
        self.threads = count

    def order(self, entries: list[Entry]) -> list[Entry]:
        """Return ties by edge id in one thread, the other way round in several."""
        return sorted(entries, key=lambda entry: (*entry[:2], entry[2] if self.threads == 1 else -entry[2]))


class NoSeed(InParts):
    """SET draws from a generator that goes on from update to update."""

    calls = 0

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return an update of another seed each time."""
        self.calls += 1
        return super().update(problem._replace(seed=problem.seed + self.calls))


class RemembersBatch(InParts):
    """The output gradient of a layer is kept from its first update on, as long as the shape fits."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[tuple[tuple[int, int], int, tuple[int, ...]], Array] = {}

    def scores(self, problem: UpdateProblem, found: list[list[int]]) -> list[Entry]:
        """Return scores by what was seen first."""
        layers = []
        for number, layer in enumerate(problem.layers):
            key = layer.weights.shape, number, layer.delta.shape
            layers.append(layer._replace(delta=self.seen.setdefault(key, layer.delta.copy())))
        return super().scores(problem._replace(layers=tuple(layers)), found)


class MomentumOfLastUpdate(InParts):
    """Momentum is kept inside from the last update, whatever training made of it since."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[Array, Array]] = []

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return layers with the momentum of the last update where the connections are still its own."""
        layers = list(problem.layers)
        for ids, momentum in self.kept:
            for number, layer in enumerate(layers):
                if (
                    len(ids)
                    and momentum.dtype == layer.momentum.dtype
                    and np.array_equal(ids, edge_ids(layer.weights))
                ):
                    layers[number] = layer._replace(momentum=momentum)
        results = super().update(problem._replace(layers=tuple(layers)))
        self.kept = [(edge_ids(result.weights), result.momentum.copy()) for result in results]
        return results
