"""Keep the best connections: how a network is thinned out to an exact count (ALGORITHM sections 3 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from ..backends import active
from ..backends.arrays import namespace
from ..errors import InputError, unknown
from ..sparse import layer_budgets
from .proposal import Layers, Target
from .select import SCOPES, split


def counts(layers: Layers, target: Target, scope: str) -> list[int]:
    """Return how many connections to keep: one number for all layers under global scope, else one for each layer.

    Under layer scope a layer keeps at least what it will have in the end: largest remainders may give a small layer
    fewer connections of a larger total.

    Raises
    ------
    InputError : unknown scope or budget, a density that leaves no connection.
    """
    shapes = [parameter.layout for parameter in layers.values()]
    now, final = (layer_budgets(target.budget, shapes, density) for density in (target.density, target.final))
    if scope == "global":
        return [sum(now)]
    if scope != "layer":
        raise unknown("scope", scope, SCOPES)
    return list(map(max, now, final))


def require_reachable(layers: Layers, target: Target, scope: str, min_nnz: int) -> None:
    """Raise InputError if no choice of connections meets the target, alone or together with the guard.

    Under layer scope the budget alone decides how many connections a layer keeps.
    """
    wanted = counts(layers, target, scope)
    guarded = sum(min(min_nnz, parameter.topology.size) for parameter in layers.values())
    if scope == "global" and guarded > wanted[0]:
        raise InputError(
            f"min_nnz {min_nnz} keeps {guarded} connections in {len(layers)} layers, density {target.density} "
            f"leaves {wanted[0]}: lower min_nnz or raise the density"
        )


def _best(scores: np.ndarray, sizes: Sequence[int], count: int, min_nnz: int) -> np.ndarray:
    """Return the positions in a concatenation of layers that are kept, increasing."""
    if not min_nnz:
        return active().top_k(scores, min(count, len(scores)))
    xp, starts = namespace(scores), accumulate([0, *sizes[:-1]])
    guarded = [
        start + active().top_k(scores[start : start + size], min(min_nnz, size))
        for start, size in zip(starts, sizes, strict=True)
    ]
    first = xp.concatenate(guarded)
    rest = xp.delete(xp.arange(len(scores)), first)
    more = rest[active().top_k(scores[rest], min(max(0, count - len(first)), len(rest)))]
    return xp.sort(xp.concatenate([first, more]))


def keep_best(scores: Sequence[np.ndarray], wanted: Sequence[int], min_nnz: int = 0) -> list[np.ndarray]:
    """Return the slots of each layer that are kept, increasing: those of highest score.

    Ties: lower layer first, then lower slot.

    Parameters
    ----------
    scores : (nnz,) of each layer, no NaN.
    wanted : see `counts`. A group with fewer connections keeps them all.
    min_nnz : connections that every layer keeps, its best, as far as it has them; only where all layers share one
        count.
    """
    if len(wanted) != len(scores):
        sizes = list(map(len, scores))
        return split(_best(namespace(scores[0]).concatenate(scores), sizes, wanted[0], min_nnz), sizes)
    return [active().top_k(s, min(count, len(s))) for s, count in zip(scores, wanted, strict=True)]
