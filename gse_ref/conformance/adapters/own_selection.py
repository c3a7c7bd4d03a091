"""The operations of level selection by one of the project's own backends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...backends import Backend, use
from ...counts import ceiling
from ...errors import InputError
from ...explore import Proposal, is_due, prune_fraction, select
from ...nn import SparseParameter
from ...sparse import LayerShape, Topology, edit, layer_budgets
from ..adapter import Adapter, Array
from ..problems import Edited, Layer, Selected, Weights


def _numbers(scores: Array) -> Array:
    """Return scores without NaN; in the project whoever computes scores sees to that."""
    if np.isnan(scores).any():
        raise InputError(f"{int(np.isnan(scores).sum())} scores are NaN: selection needs numbers")
    return scores


class OwnSelection(Adapter):
    """Counts, choice and edit as an update makes them, on a backend of this project."""

    backend: Backend

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return the connections of each layer."""
        shapes = [
            LayerShape(n_out, channels * kernel**2, None if kernel == 1 else (kernel, kernel))
            for n_out, channels, kernel in layers
        ]
        return layer_budgets(kind, shapes, density)

    def prune_fraction(self, schedule: str, initial: float, step: int, end: int) -> float:
        """Return α_t."""
        return prune_fraction(schedule, initial, step, end)

    def update_due(self, step: int, interval: int, end: int) -> bool:
        """Return whether an update precedes this step."""
        return is_due(step, interval, end)

    def prune_count(self, fraction: float, nnz: int) -> int:
        """Return ⌈fraction · nnz⌉."""
        return ceiling(fraction, nnz)

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the positions of the k highest scores."""
        return self.backend.top_k(_numbers(scores), k)

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return what each layer grows and prunes; a layer is one row, its candidates right of its connections."""
        parameters, proposals = [], []
        for values, scores in layers:
            nnz, size = len(values), len(scores)
            parameter = SparseParameter(LayerShape(1, nnz + size + 1), values.dtype)
            parameter.place(Topology([0, nnz], np.arange(nnz), (1, nnz + size + 1)), values)
            parameters.append(parameter)
            cols = np.arange(nnz, nnz + size, dtype=np.int32)
            proposals.append(Proposal(np.zeros_like(cols), cols, _numbers(scores), size))
        with use(self.backend):
            return [Selected(*choice) for choice in select(parameters, proposals, counts, scope)]

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return the layer after an edit, weights and momentum carried by one slot map."""
        with use(self.backend):
            topology, slots = edit(Topology(*weights.pattern), pruned, rows, cols)
            values, carried = slots.carry(weights.values), slots.carry(momentum)
        return Edited(Weights(topology.indptr, topology.indices, values, topology.shape), carried)
