"""RigL's growth: the highest entries of the dense gradient, computed in row blocks (ALGORITHM section 6)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backends import active
from ..backends.arrays import all_finite, namespace, to_host
from ..errors import DivergenceError
from ..nn import Observation, SparseParameter
from .guided import score
from .proposal import Layers, Proposal, Proposer, Request

#: Entries of the dense gradient that exist at one time.
BLOCK = 1 << 20


def top_of_dense_gradient(
    seen: Observation, keep: int, place: str, block: int = BLOCK
) -> tuple[np.ndarray, np.ndarray]:
    """Return edge ids, increasing, and scores |∂loss/∂θ_ij| of the `keep` best inactive pairs.

    O(n_out · n_in · samples) time, but O(nnz + keep + max(block, n_in)) memory (and, for a convolution, that of X
    and δ once more): a block of rows at a time, of which only what beats the best so far is kept. Ties go to the
    lower edge id.

    Raises
    ------
    DivergenceError : the gradient is not finite; `place` says where.
    """
    topology, xp = seen.parameter.topology, namespace(seen.x)
    backend, (n_out, n_in) = active(), topology.shape
    height = max(1, block // n_in)
    edges = [*to_host(topology.indptr[::height]).tolist(), topology.nnz]
    ids, scores = xp.empty(0, dtype=np.int64), xp.empty(0, dtype=seen.x.dtype)
    for start in range(0, n_out, height):
        stop = min(start + height, n_out)
        dense = abs(seen.gradient_rows(start, stop))
        if not all_finite(dense):
            raise DivergenceError(f"the dense gradient of {place} is not finite: training has diverged")
        first, last = edges[start // height : start // height + 2]
        dense[topology.rows[first:last] - start, topology.indices[first:last]] = -1
        flat = dense.reshape(-1)
        # Pairs of later rows have higher ids, so an equal score does not displace what is held.
        bar = scores.min() if 0 < keep == len(scores) else -1
        better = xp.flatnonzero(flat > bar)
        ids = xp.concatenate([ids, better + start * n_in])
        scores = xp.concatenate([scores, flat[better]])
        if len(scores) > keep:
            best = backend.top_k(scores, keep)
            ids, scores = ids[best], scores[best]
    return ids, scores


#: (layer as seen, how many, place) → edge ids increasing, scores, share of the dense gradient computed or None.
Search = Callable[[Observation, int, str], tuple[np.ndarray, np.ndarray, float | None]]


def by_gradient(search: Search) -> Proposer:
    """Return the proposer of the best inactive connections that `search` finds in each layer.

    As many of each layer as the update could grow there. Where pruned connections may be grown again, the scores of
    the active ones come along.
    """

    def propose(layers: Layers, request: Request) -> list[Proposal]:
        quotas = request.quotas(layers)
        numbers = {id(parameter): (i, name) for i, (name, parameter) in enumerate(layers.items())}
        proposals: dict[int, Proposal] = {}

        def observe(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
            number, name = numbers[id(parameter)]
            topology, seen = parameter.topology, Observation(parameter, x, delta)
            free = topology.size - topology.nnz
            keep = min(free, sum(quotas) if request.scope == "global" else quotas[number])
            place = f"layer {name} at step {request.step}"
            ids, scores, visited = search(seen, keep, place)
            rows, cols = (part.astype(np.int32) for part in divmod(ids, topology.n_in))
            again = score(topology.rows, topology.indices, seen, place) if request.allow_regrow else None
            proposals[number] = Proposal(rows, cols, scores, free, active_scores=again, visited=visited)

        request.run_probe(observe)
        return [proposals[number] for number in range(len(layers))]

    return propose


def _all_blocks(seen: Observation, keep: int, place: str) -> tuple[np.ndarray, np.ndarray, None]:
    return (*top_of_dense_gradient(seen, keep, place), None)


#: RigL: the whole dense gradient is computed, a block of rows at a time.
greedy = by_gradient(_all_blocks)
