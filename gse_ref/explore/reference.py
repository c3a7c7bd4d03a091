"""What RigL would have grown at an update of any method, beside what was grown; for observation only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..backends import active
from ..backends.arrays import item, namespace
from ..nn import Observation, SparseParameter
from ..sparse import Topology
from .greedy import top_of_dense_gradient
from .guided import score
from .proposal import Layers, Request
from .select import split


class Reference(NamedTuple):
    """RigL's choice in one layer.

    best : its top k of the dense gradient among the inactive connections, k as many as the update grows: in this
        layer under layer scope, in all layers together under global scope.
    best_mass, grown_mass : Σ|∂loss/∂θ_ij| over `best`, and over what the update grows.
    """

    best: Topology
    best_mass: float
    grown_mass: float


class _Seen(NamedTuple):
    """Edge ids of a layer's best inactive pairs, their scores, and |∂loss/∂θ| of them and of what is grown."""

    ids: np.ndarray
    scores: np.ndarray
    best: np.ndarray
    grown: np.ndarray


def _of(ids: np.ndarray, shape: tuple[int, int]) -> Topology:
    rows, cols = divmod(ids, shape[1])
    return Topology.from_edges(rows, cols, shape)


def greedy_reference(layers: Layers, grown: Mapping[str, Topology], request: Request) -> dict[str, Reference]:
    """Return RigL's choice on the probe batch of `request`, for an update that is not yet applied.

    One probe pass; O(n_out · n_in · samples) time, but O(nnz + k + block) memory, as `greedy`. Both masses are sums
    of the same function of a pair, so that equal choices have equal masses.

    Parameters
    ----------
    layers : as before the update.
    grown : what the update grows in each layer, on the host, as the result.

    Raises
    ------
    DivergenceError : a gradient that is not finite, with layer and step.
    """
    total = sum(topology.nnz for topology in grown.values())
    names = {id(parameter): name for name, parameter in layers.items()}
    seen: dict[str, _Seen] = {}

    def observe(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
        name, topology = names[id(parameter)], parameter.topology
        shown, place = Observation(parameter, x, delta), f"layer {name} at step {request.step}"
        keep = min(topology.size - topology.nnz, total if request.scope == "global" else grown[name].nnz)
        ids, scores = top_of_dense_gradient(shown, keep, place)
        rows, cols = (side.astype(np.int32) for side in divmod(ids, topology.n_in))
        own = grown[name].on(namespace(x))
        seen[name] = _Seen(ids, scores, score(rows, cols, shown, place), score(own.rows, own.indices, shown, place))

    if total:
        request.run_probe(observe)
    else:
        nothing = np.empty(0)
        seen = dict.fromkeys(layers, _Seen(nothing.astype(np.int64), nothing, nothing, nothing))
    ordered = [seen[name] for name in layers]
    xp = namespace(ordered[0].ids)
    best = [xp.arange(len(one.ids)) for one in ordered]
    if request.scope == "global":
        scores = xp.concatenate([one.scores for one in ordered])
        best = split(active().top_k(scores, total), list(map(len, best)))
    return {
        name: Reference(
            best=_of(one.ids[chosen], layer.topology.shape).on(np),
            best_mass=item(one.best[chosen].sum(dtype=np.float64)),
            grown_mass=item(one.grown.sum(dtype=np.float64)),
        )
        for (name, layer), one, chosen in zip(layers.items(), ordered, best, strict=True)
    }
