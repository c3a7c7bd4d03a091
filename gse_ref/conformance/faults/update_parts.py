"""A right update in parts, on dense arrays: a fault replaces one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...rng import stream
from ..adapter import Array, NotCovered
from ..adapters.own import Naive
from ..dense_update import DRAWN_BY, ceiling, draw, edge_ids, gradient, inactive, masses
from ..problems import ExploredLayer, UpdatedLayer, UpdateProblem, Weights

#: Elements of the largest layer that fits on dense arrays.
LARGEST = 10_000
#: (value, layer, edge id): the lower, the earlier.
Entry = tuple[float, int, int]


class InParts(Naive):
    """Section 5, one method a part."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after one update."""
        if max(layer.weights.shape[0] * layer.weights.shape[1] for layer in problem.layers) > LARGEST:
            raise NotCovered(f"dense arrays of more than {LARGEST} elements")
        found = [sorted(self.candidates_of(problem, layer)) for layer in problem.layers]
        scores = self.scores(problem, found)
        grown, pruned = self.choose(problem, found, scores)
        results = []
        for number, layer in enumerate(problem.layers):
            result = self.apply(layer, grown[number], pruned[number])
            results.append(
                result if problem.method == "set" else result._replace(candidates=np.array(found[number], np.int64))
            )
        return results

    def quota(self, problem: UpdateProblem, layer: ExploredLayer) -> int:
        """Return ⌈αN⌉."""
        return ceiling(problem.fraction, len(layer.weights.indices))

    def draws(self, problem: UpdateProblem, layer: ExploredLayer) -> int:
        """Return ⌈γN⌉."""
        return ceiling(problem.subset_factor, len(layer.weights.indices))

    def takes_all(self, free: int, draws: int) -> bool:
        """Return whether all inactive connections are candidates."""
        return free <= draws

    def masses(self, layer: ExploredLayer, kind: str) -> tuple[Array, Array]:
        """Return the mass of every input and output."""
        return masses(layer, kind)

    def uniforms(self, layer: ExploredLayer) -> tuple[Array, Array]:
        """Return the uniforms for the inputs and for the outputs."""
        return layer.draws.inputs, layer.draws.outputs

    def without_active(self, layer: ExploredLayer, pairs: set[int]) -> set[int]:
        """Return the drawn pairs that are not active."""
        return pairs & inactive(layer)

    def candidates_of(self, problem: UpdateProblem, layer: ExploredLayer) -> set[int]:
        """Return S as edge ids."""
        free, count = inactive(layer), self.draws(problem, layer)
        if problem.method not in DRAWN_BY or self.takes_all(len(free), count):
            return set(free)
        f, g = self.masses(layer, DRAWN_BY[problem.method])
        inputs, outputs = self.uniforms(layer)
        cols, rows = draw(f, inputs[:count]) or [], draw(g, outputs[:count]) or []
        n_in = layer.weights.shape[1]
        return self.without_active(layer, {i * n_in + j for i, j in zip(rows, cols, strict=False)})

    def gradient(self, layer: ExploredLayer) -> Array:
        """Return ∂loss/∂θ of all pairs."""
        return gradient(layer)

    def scores(self, problem: UpdateProblem, found: list[list[int]]) -> list[Entry]:
        """Return the candidates, the best first when sorted; in any order, by chance, for "set"."""
        entries = []
        for number, (layer, edges) in enumerate(zip(problem.layers, found, strict=True)):
            if problem.method == "set":
                values = stream(problem.seed, "grow", number).random(len(edges))
            else:
                flat = np.abs(self.gradient(layer)).reshape(-1)
                if np.isnan(flat).any():
                    raise ValueError("scores are not finite")
                values = -flat[edges]
            entries += [(float(value), number, edge) for value, edge in zip(values, edges, strict=True)]
        return entries

    def weight(self, value: float) -> float:
        """Return by what connections are pruned, the least first."""
        return abs(value)

    def weights(self, problem: UpdateProblem) -> list[Entry]:
        """Return the active connections, the least first when sorted."""
        return [
            (self.weight(float(value)), number, edge)
            for number, layer in enumerate(problem.layers)
            for edge, value in zip(edge_ids(layer.weights).tolist(), layer.weights.values, strict=True)
        ]

    def groups(self, problem: UpdateProblem) -> list[list[int]]:
        """Return which layers share a count."""
        numbers = list(range(len(problem.layers)))
        return [numbers] if problem.scope == "global" else [[number] for number in numbers]

    def order(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries, those to be taken first."""
        return sorted(entries)

    def counts(self, problem: UpdateProblem, group: list[int], available: int) -> tuple[int, int]:
        """Return how many are grown and how many are pruned."""
        k = min(sum(self.quota(problem, problem.layers[number]) for number in group), available)
        return k, k

    def choose(
        self, problem: UpdateProblem, found: list[list[int]], scores: list[Entry]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return G and P of each layer as edge ids."""
        grown: list[list[int]] = [[] for _ in problem.layers]
        pruned: list[list[int]] = [[] for _ in problem.layers]
        for group in self.groups(problem):
            grow, prune = self.counts(problem, group, sum(len(found[number]) for number in group))
            for entries, k, chosen in ((scores, grow, grown), (self.weights(problem), prune, pruned)):
                for _, number, edge in self.order([entry for entry in entries if entry[1] in group])[:k]:
                    chosen[number].append(edge)
        return grown, pruned

    def fresh(self, layer: ExploredLayer, gone: list[int]) -> tuple[float, float]:
        """Return weight and momentum of what is grown."""
        return 0.0, 0.0

    def apply(self, layer: ExploredLayer, grown: list[int], pruned: list[int]) -> UpdatedLayer:
        """Return the layer without `pruned` and with `grown`."""
        weights, dtype = layer.weights, layer.momentum.dtype
        ids = edge_ids(weights).tolist()
        state = dict(zip(ids, zip(weights.values, layer.momentum, strict=True), strict=True))
        fresh = self.fresh(layer, [ids.index(edge) for edge in pruned])
        state = {edge: value for edge, value in state.items() if edge not in set(pruned)} | dict.fromkeys(
            grown, fresh
        )
        edges = np.array(sorted(state), np.int64)
        rows, cols = np.divmod(edges, weights.shape[1])
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=weights.shape[0]))])
        values, momentum = (np.array([state[edge][part] for edge in edges.tolist()], dtype) for part in range(2))
        return UpdatedLayer(Weights(indptr, cols, values, weights.shape), momentum)
