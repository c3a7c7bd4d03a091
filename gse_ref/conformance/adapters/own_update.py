"""Level update by the project's own exploration on one of its backends, with the random numbers it is given."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np

from ...backends import Backend, use
from ...backends.threads import most_threads, thread_limit
from ...explore import METHODS, Numbers, Proposal, Request, update
from ...explore.proposal import Layers
from ...nn import Observer, SparseParameter
from ...sparse import LayerShape, Topology
from ..adapter import Adapter, NotCovered
from ..problems import ExploredLayer, UpdatedLayer, UpdateProblem, Weights

#: The SGD step that the updates are said to precede.
STEP = 1


def parameter_of(layer: ExploredLayer) -> SparseParameter:
    """Return the weights as this project holds them."""
    weights, geometry = layer.weights, layer.geometry
    kernel = None if geometry is None else (geometry.kernel, geometry.kernel)
    parameter = SparseParameter(LayerShape(*weights.shape, kernel), weights.values.dtype, geometry)
    parameter.place(Topology(weights.indptr, weights.indices, weights.shape), weights.values)
    return parameter


def _numbers(layer: ExploredLayer) -> Numbers:
    draws = layer.draws
    return Numbers(np.stack([draws.inputs, draws.outputs]), draws.signs.reshape(-1))


class OwnUpdate(Adapter):
    """Updates by `explore.update`."""

    backend: Backend
    threads: int | None = None

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after one update, and what it scored, by guided methods."""
        layers = {str(number): parameter_of(layer) for number, layer in enumerate(problem.layers)}
        proposals: list[Proposal] = []

        def run_probe(observer: Observer) -> None:
            for parameter, layer in reversed(list(zip(layers.values(), problem.layers, strict=True))):
                observer(parameter, layer.x, layer.delta)

        def propose(known: Layers, request: Request) -> list[Proposal]:
            proposals.extend(entry.propose(known, request) if entry.propose else [])
            return proposals

        entry = METHODS[problem.method]
        request = Request(
            problem.seed,
            STEP,
            problem.fraction,
            problem.scope,
            problem.subset_factor,
            run_probe,
            numbers={name: _numbers(layer) for name, layer in zip(layers, problem.layers, strict=True)},
        )
        limit = nullcontext() if self.threads is None else thread_limit(self.threads)
        with use(self.backend), limit:
            change = update(layers, propose, request)
            results = []
            for (name, parameter), layer, proposal in zip(layers.items(), problem.layers, proposals, strict=True):
                made = change.layers[name]
                parameter.rewire(made.topology, made.slot_map)
                topology = parameter.topology
                weights = Weights(topology.indptr, topology.indices, parameter.data, topology.shape)
                scored = proposal.rows.astype(np.int64) * topology.n_in + proposal.cols
                momentum = made.slot_map.carry(layer.momentum)
                results.append(UpdatedLayer(weights, momentum, scored if entry.draws_candidates else None))
        return results

    def set_threads(self, count: int) -> None:
        """Run the kernels on so many threads."""
        if count > most_threads():
            raise NotCovered(f"this machine offers {most_threads()} threads")
        self.threads = count
