"""Which connections are pruned and which are grown: counts, magnitudes, ties (ALGORITHM sections 5.5, 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..backends import active
from ..errors import unknown
from ..nn import SparseParameter
from .proposal import Proposal

SCOPES = ("global", "layer")


class Choice(NamedTuple):
    """For one layer: positions in its proposal to grow, and slots of its topology to prune, both increasing."""

    grow: np.ndarray
    prune: np.ndarray


def _split(positions: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Turn increasing positions in a concatenation into positions in each part."""
    if len(sizes) == 1:
        return [positions]
    edges = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    cuts = np.searchsorted(positions, edges)
    return [positions[a:b] - edge for a, b, edge in zip(cuts[:-1], cuts[1:], edges[:-1], strict=True)]


def _prunable(parameter: SparseParameter, min_nnz: int) -> np.ndarray | None:
    """Return the slots that may be pruned, all but the `min_nnz` that would be pruned last; None for all."""
    if not min_nnz:
        return None
    return active().top_k(-np.abs(parameter.data), max(0, parameter.topology.nnz - min_nnz))


def _select_group(
    parameters: Sequence[SparseParameter], proposals: Sequence[Proposal], quota: int, min_nnz: int
) -> list[Choice]:
    """Choose k = min(quota, |S|, prunable) over these layers together; concatenation order settles ties."""
    scores = [p.scores for p in proposals]
    slots = [_prunable(parameter, min_nnz) for parameter in parameters]
    data = [p.data if slot is None else p.data[slot] for p, slot in zip(parameters, slots, strict=True)]
    k = min(quota, sum(p.available for p in proposals), sum(map(len, data)))
    grown = active().top_k(np.concatenate(scores), k)
    pruned = active().top_k(-np.abs(np.concatenate(data)), k)  # min |θ| first is max −|θ| first, ties alike
    parts = zip(_split(grown, list(map(len, scores))), _split(pruned, list(map(len, data))), slots, strict=True)
    return [Choice(grow, prune if slot is None else slot[prune]) for grow, prune, slot in parts]


def select(
    parameters: Sequence[SparseParameter],
    proposals: Sequence[Proposal],
    quotas: Sequence[int],
    scope: str,
    min_nnz: int = 0,
) -> list[Choice]:
    """Choose, for each layer, the proposals of highest score and the active connections of smallest magnitude.

    Ties: higher score first, then lower layer, then lower edge id; likewise the smallest magnitudes.

    Parameters
    ----------
    quotas : ⌈α_t N_l⌉ of each layer.
    scope : "layer", |G_l| = |P_l| = min(⌈α_t N_l⌉, |S_l|), or "global", one k = min(Σ⌈α_t N_l⌉, Σ|S_l|) for all.
    min_nnz : each layer keeps at least this many of its connections, as far as it has them.

    Raises
    ------
    InputError : unknown scope.
    """
    if scope == "global":
        return _select_group(parameters, proposals, sum(quotas), min_nnz)
    if scope != "layer":
        raise unknown("scope", scope, SCOPES)
    layers = zip(parameters, proposals, quotas, strict=True)
    return [_select_group([p], [proposal], quota, min_nnz)[0] for p, proposal, quota in layers]
