"""Level update once more: the whole dense gradient, masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...backends import Geometry
from ..adapter import Adapter, NotCovered
from ..problems import Draws, ExploredLayer, UpdatedLayer, UpdateProblem
from .torch_products import dense_gradient, mask_of, scattered, tensor
from .torch_sampling import distributions, walk
from .torch_selection import ceiling, chosen, csr

#: Which distribution a method draws by.
_DRAWN_BY = {"gse": "uniform", "gse-grabo": "grabo", "gse-graest": "graest"}


class Seen(NamedTuple):
    """A layer and what a probe saw of it; theta, mask (n_out, n_in), x and delta float64 with the batch first."""

    theta: Tensor
    mask: Tensor
    x: Tensor
    delta: Tensor
    geometry: Geometry | None
    draws: Draws | None


class Rules(NamedTuple):
    """How to update: as in `UpdateProblem`."""

    method: str
    fraction: float
    scope: str
    subset_factor: float


class Moved(NamedTuple):
    """One layer's update: edge ids, increasing."""

    candidates: Tensor
    grown: Tensor
    pruned: Tensor


def _guided(seen: Seen, distribution: str, subset_factor: float) -> Tensor:
    """Return the edge ids of the candidates (sections 5.2, 5.3)."""
    inactive = torch.nonzero(~seen.mask.view(-1))[:, 0]
    count = ceiling(subset_factor, int(seen.mask.sum()))
    if len(inactive) <= count:
        return inactive
    if seen.draws is None:
        raise NotCovered("guided exploration by random numbers of this implementation's own")
    f, g = distributions(distribution, seen.x, seen.delta, tensor(seen.draws.signs), seen.geometry)
    cols, rows = walk(f, seen.draws.inputs[:count]), walk(g, seen.draws.outputs[:count])
    drawn = torch.zeros_like(seen.mask)
    drawn[rows, cols] = True
    return torch.nonzero((drawn & ~seen.mask).view(-1))[:, 0]


def _scored(seen: Seen, rules: Rules, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the edge ids of the candidates of a layer, and their scores."""
    if rules.method in _DRAWN_BY:
        candidates = _guided(seen, _DRAWN_BY[rules.method], rules.subset_factor)
    else:
        candidates = torch.nonzero(~seen.mask.view(-1))[:, 0]
    if rules.method == "set":  # the k highest of independent numbers are k drawn without replacement
        return candidates, torch.rand(len(candidates), generator=generator, dtype=torch.float64)
    gradient = dense_gradient(len(seen.mask), seen.x, seen.delta, seen.geometry)
    return candidates, gradient.abs().view(-1)[candidates]


def moves(layers: Sequence[Seen], rules: Rules, generator: torch.Generator) -> list[Moved]:
    """Return what one update does to each layer (section 5)."""
    scored = [_scored(seen, rules, generator) for seen in layers]
    active = [torch.nonzero(seen.mask.view(-1))[:, 0] for seen in layers]
    counts = [ceiling(rules.fraction, len(edges)) for edges in active]
    offered = [
        (seen.theta.view(-1)[edges], scores)
        for seen, edges, (_, scores) in zip(layers, active, scored, strict=True)
    ]
    return [
        Moved(candidates, candidates[grow], edges[prune])
        for (grow, prune), (candidates, _), edges in zip(
            chosen(offered, counts, rules.scope), scored, active, strict=True
        )
    ]


def _seen(layer: ExploredLayer) -> Seen:
    theta, mask = scattered(layer.weights, torch.tensor(layer.weights.values)), mask_of(layer.weights)
    return Seen(theta, mask, tensor(layer.x), tensor(layer.delta), layer.geometry, layer.draws)


def _updated(layer: ExploredLayer, seen: Seen, moved: Moved, tell: bool) -> UpdatedLayer:
    mask = seen.mask.clone().view(-1)
    dense = [seen.theta.view(-1), scattered(layer.weights, torch.tensor(layer.momentum)).view(-1)]
    for change, active in ((moved.pruned, False), (moved.grown, True)):
        mask[change] = active
        for values in dense:
            values[change] = 0
    edges = torch.nonzero(mask)[:, 0]
    weights = csr(edges, dense[0][edges], layer.weights.shape)
    return UpdatedLayer(weights, dense[1][edges].numpy(), moved.candidates.numpy() if tell else None)


class TorchUpdate(Adapter):
    """One whole update of dense, masked layers."""

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after the update."""
        rules = Rules(problem.method, problem.fraction, problem.scope, problem.subset_factor)
        if rules.method not in self.methods:
            raise NotCovered(f"no method {rules.method!r}")
        layers = [_seen(layer) for layer in problem.layers]
        found = moves(layers, rules, torch.Generator().manual_seed(problem.seed))
        tell = rules.method in _DRAWN_BY
        return [_updated(*parts, tell) for parts in zip(problem.layers, layers, found, strict=True)]
