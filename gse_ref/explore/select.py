"""Which connections are pruned and which are grown: counts, importance, ties (ALGORITHM sections 5.5, 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ..backends import active
from ..backends.arrays import namespace, to_device, to_host
from ..errors import unknown
from ..nn import SparseParameter
from .criteria import Importances, least
from .proposal import Proposal

SCOPES = ("global", "layer")


class Choice(NamedTuple):
    """For one layer: positions in its proposal to grow, and slots of its topology to prune, both increasing."""

    grow: np.ndarray
    prune: np.ndarray


def split(positions: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Turn increasing positions in a concatenation of parts of these `sizes` into positions in each part."""
    if len(sizes) == 1:
        return [positions]
    edges, xp = [0, *accumulate(sizes)], namespace(positions)
    cuts = to_host(xp.searchsorted(positions, to_device(np.array(edges), xp))).tolist()
    return [positions[a:b] - edge for a, b, edge in zip(cuts[:-1], cuts[1:], edges[:-1], strict=True)]


def _prunable(importance: np.ndarray, min_nnz: int) -> np.ndarray | None:
    """Return the slots that may be pruned, all but the `min_nnz` that would be pruned last; None for all."""
    if not min_nnz:
        return None
    return active().top_k(-abs(importance), max(0, len(importance) - min_nnz))


def _with_regrowth(
    parameters: Sequence[SparseParameter], proposals: Sequence[Proposal], pruned: Sequence[np.ndarray], k: int
) -> list[Choice]:
    """Grow the k best of the proposals and of what was just pruned; a connection grown again simply stays.

    Ties within a layer go to the lower edge id, wherever it comes from.
    """
    orders, scores, xp = [], [], namespace(pruned[0])
    for parameter, proposal, slots in zip(parameters, proposals, pruned, strict=True):
        own = parameter.topology.edge_ids[slots]
        other = proposal.rows.astype(np.int64) * parameter.topology.n_in + proposal.cols
        orders.append(xp.argsort(xp.concatenate([other, own]), kind="stable"))
        again = proposal.scores[:0] if proposal.active_scores is None else proposal.active_scores[slots]
        scores.append(xp.concatenate([proposal.scores, again])[orders[-1]])
    best = split(active().top_k(xp.concatenate(scores), k), [len(s) for s in scores])
    choices = []
    for proposal, slots, order, positions in zip(proposals, pruned, orders, best, strict=True):
        picked, count = order[positions], len(proposal.rows)
        stay = picked[picked >= count] - count
        choices.append(Choice(picked[picked < count], xp.delete(slots, stay)))
    return choices


def _select_group(
    parameters: Sequence[SparseParameter],
    proposals: Sequence[Proposal],
    importances: Importances,
    quota: int,
    min_nnz: int,
    halves: bool,
) -> list[Choice]:
    """Choose k = min(quota, |S|, prunable) over these layers together; concatenation order settles ties."""
    scores, xp = [p.scores for p in proposals], namespace(importances[0])
    slots = [_prunable(importance, min_nnz) for importance in importances]
    values = [v if slot is None else v[slot] for v, slot in zip(importances, slots, strict=True)]
    sizes = list(map(len, values))
    regrowth = any(p.active_scores is not None for p in proposals)
    k = min(quota, sum(sizes)) if regrowth else min(quota, sum(p.available for p in proposals), sum(sizes))
    pruned = split(least(xp.concatenate(values), k, halves), sizes)
    pruned = [prune if slot is None else slot[prune] for prune, slot in zip(pruned, slots, strict=True)]
    if regrowth:
        return _with_regrowth(parameters, proposals, pruned, k)
    grown = split(active().top_k(xp.concatenate(scores), k), list(map(len, scores)))
    return [Choice(grow, prune) for grow, prune in zip(grown, pruned, strict=True)]


def select(
    parameters: Sequence[SparseParameter],
    proposals: Sequence[Proposal],
    quotas: Sequence[int],
    scope: str,
    min_nnz: int = 0,
    importances: Importances | None = None,
    halves: bool = False,
) -> list[Choice]:
    """Choose, for each layer, the proposals of highest score and the least important active connections.

    Ties: higher score first, then lower layer, then lower edge id; likewise the least important.

    Parameters
    ----------
    quotas : ⌈α_t N_l⌉ of each layer.
    scope : "layer", |G_l| = |P_l| = min(⌈α_t N_l⌉, |S_l|), or "global", one k = min(Σ⌈α_t N_l⌉, Σ|S_l|) for all.
    min_nnz : each layer keeps at least this many of its connections, as far as it has them.
    importances : (nnz,) of each layer; default |θ|.
    halves : see `Criterion`.

    Raises
    ------
    InputError : unknown scope.
    """
    if importances is None:
        importances = [abs(parameter.data) for parameter in parameters]
    if scope == "global":
        return _select_group(parameters, proposals, importances, sum(quotas), min_nnz, halves)
    if scope != "layer":
        raise unknown("scope", scope, SCOPES)
    layers = zip(parameters, proposals, importances, quotas, strict=True)
    return [_select_group([p], [s], [v], quota, min_nnz, halves)[0] for p, s, v, quota in layers]
