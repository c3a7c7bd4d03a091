"""Faults that level complexity must find: results are right, costs are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..adapter import Array
from ..adapters.own import Cpu
from ..problems import UpdatedLayer, UpdateProblem, Weights
from .fault import Fault


class DenseProduct(Cpu):
    """Weights are written into a dense matrix before they are multiplied."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        dense = np.zeros(weights.shape, weights.values.dtype)
        rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
        dense[rows, weights.indices] = weights.values
        y = dense @ x
        return y if bias is None else y + bias[:, None]


class DenseMask(Cpu):
    """Which connections are active is looked up in a dense mask."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after the update."""
        for layer in problem.layers:
            np.zeros(layer.weights.shape, np.bool_)
        return super().update(problem)


class SortsAllInactive(Cpu):
    """Candidates are found by sorting all pairs that are not active."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after the update."""
        for layer in problem.layers:
            n_out, n_in = layer.weights.shape
            rows = np.repeat(np.arange(n_out), np.diff(layer.weights.indptr))
            np.sort(np.delete(np.arange(n_out * n_in), rows * n_in + layer.weights.indices))
        return super().update(problem)


class RowsOfMask(Cpu):
    """A dense mask in rows: no single array is large, together they are n²."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after the update."""
        rows = [
            np.zeros(layer.weights.shape[1], np.bool_) for layer in problem.layers for _ in layer.weights.indptr
        ]
        made = super().update(problem)
        del rows
        return made


class AllPairs(Cpu):
    """The best of all pairs are looked for, in blocks of rows, though only candidates may be grown."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after the update."""
        for layer in problem.layers:
            for start in range(0, len(layer.delta), 16):
                np.partition(np.abs(layer.delta[start : start + 16] @ layer.x.T), -1, axis=1)
        return super().update(problem)


FAULTS = (
    Fault("dense-product", "the weights become a dense matrix", "complexity_step_allocations", DenseProduct),
    Fault("dense-mask", "an update makes a dense mask", "complexity_update_allocations", DenseMask),
    Fault(
        "sorts-all-inactive",
        "the candidates are found by sorting all inactive pairs",
        "complexity_update_allocations",
        SortsAllInactive,
    ),
    Fault("mask-in-rows", "a dense mask as a list of rows", "complexity_update_memory", RowsOfMask),
    Fault("all-pairs", "the scores of all pairs are computed, in blocks", "complexity_update_time", AllPairs),
)
