"""SNFS: grow by the momentum-averaged dense gradient (Dettmers & Zettlemoyer 2019; ALGORITHM section 6).

Differs from the paper in: 1. Which layer the pruned connections go to follows from the scope, as for all methods
here, not from the mean momentum of each layer. 2. The average is kept apart from the optimizer's momentum, with the
paper's factor of 0.9.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backends import active
from ..backends.arrays import all_finite, namespace
from ..errors import DivergenceError
from ..nn import Observation, Observer, SparseParameter
from .greedy import BLOCK
from .proposal import Layers, Memory, Proposal, Request

#: Share of the average that a step keeps.
SMOOTHING = 0.9


def start_averages(layers: Layers) -> dict[str, np.ndarray]:
    """Return the average gradient of each layer before the first step, dense: (n_out, n_in) zeros."""
    return {
        name: namespace(parameter.data).zeros(parameter.topology.shape, dtype=parameter.dtype)
        for name, parameter in layers.items()
    }


def average_gradients(layers: Layers, memory: Memory) -> Observer:
    """Return what sees each step's layers and takes their dense gradient into the averages, in place.

    m ← 0.9 · m + 0.1 · ∂loss/∂θ, O(n_out · n_in · samples) time for each layer, a block of rows at a time.
    """
    names = {id(parameter): name for name, parameter in layers.items()}

    def observe(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
        average = memory[names[id(parameter)]]
        seen = Observation(parameter, x, delta)
        height = max(1, BLOCK // average.shape[1])
        for start in range(0, len(average), height):
            stop = min(start + height, len(average))
            part = average[start:stop]
            part *= SMOOTHING
            part += (1.0 - SMOOTHING) * seen.gradient_rows(start, stop)

    return observe


def largest_average(layers: Layers, request: Request) -> list[Proposal]:
    """Propose for each layer its inactive connections of highest average |gradient|, as many as can be grown.

    Raises
    ------
    DivergenceError : an average is not finite, with layer and step.
    """
    quotas = request.quotas(layers)
    proposals = []
    for number, (name, parameter) in enumerate(layers.items()):
        topology = parameter.topology
        free = topology.size - topology.nnz
        keep = min(free, sum(quotas) if request.scope == "global" else quotas[number])
        scores = abs(request.memory[name]).reshape(-1)
        if not all_finite(scores):
            place = f"layer {name} at step {request.step}"
            raise DivergenceError(f"the average gradient of {place} is not finite: training has diverged")
        scores[topology.edge_ids] = -1
        ids = active().top_k(scores, keep)
        rows, cols = divmod(ids, topology.n_in)
        proposals.append(Proposal(rows.astype(np.int32), cols.astype(np.int32), scores[ids], free))
    return proposals


#: (layers, memory) → what sees the layers of every step.
Follower = Callable[[Layers, Memory], Observer]
