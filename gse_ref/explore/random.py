"""SET's growth: inactive connections uniformly without replacement (ALGORITHM section 6)."""

from __future__ import annotations

from ..backends.arrays import namespace, to_device
from ..rng import stream
from ..sparse import sample_inactive
from .proposal import Layers, Proposal, Request


def uniform_growth(layers: Layers, request: Request) -> list[Proposal]:
    """Propose as many uniformly drawn inactive connections as can be grown, with random scores.

    Under global scope one draw serves all layers together, so that large layers gain; under layer scope each layer
    has its own. The scores only matter where fewer are grown than proposed: the choice among them stays uniform.
    """
    topologies = [parameter.topology for parameter in layers.values()]
    quotas = request.quotas(layers)
    free = [topology.size - topology.nnz for topology in topologies]
    if request.scope == "global":
        generator = stream(request.seed, "grow", 0, request.step)
        pairs = sample_inactive(topologies, min(sum(quotas), sum(free)), generator)
        scores = [generator.random(len(rows)) for rows, _ in pairs]
    else:
        pairs, scores = [], []
        for number, topology in enumerate(topologies):
            generator = stream(request.seed, "grow", number, request.step)
            pairs += sample_inactive([topology], min(quotas[number], free[number]), generator)
            scores.append(generator.random(len(pairs[-1][0])))
    scores = [to_device(s, namespace(rows)) for (rows, _), s in zip(pairs, scores, strict=True)]
    return [Proposal(r, c, s, len(r)) for (r, c), s in zip(pairs, scores, strict=True)]
