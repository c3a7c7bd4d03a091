"""Methods that start dense and thin the network out while it trains: gradual pruning and the lottery ticket."""

from __future__ import annotations

from ..errors import InputError
from .criteria import criterion
from .keep import counts, keep_best
from .proposal import Layers, Request, Target
from .update import TopologyUpdate, require_finite, thinned

#: Densities of the rounds of the lottery ticket before the last one (Frankle & Carbin 2019 as in [GSE]).
LEVELS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)


def target_of(request: Request) -> Target:
    """Return the target of `request`.

    Raises
    ------
    InputError : the request has none.
    """
    if request.target is None:
        raise InputError("a method that thins a network out needs a target density: give Request(target=...)")
    return request.target


def _thin(layers: Layers, request: Request, rewind: bool) -> TopologyUpdate:
    require_finite(layers, request.step)
    importances = [abs(v) for v in criterion(request.criterion).importance(layers, request)]
    kept = keep_best(importances, counts(layers, target_of(request), request.scope), request.min_nnz)
    return thinned(layers, dict(zip(layers, kept, strict=True)), request, rewind)


def gradual(layers: Layers, request: Request) -> TopologyUpdate:
    """Prune the least important connections down to the target (Zhu & Gupta 2017).

    Their cubic schedule is `inverse_power`: density(t) = D + (1 − D)(1 − t/T)³; `cosine` halves likewise.
    """
    return _thin(layers, request, rewind=False)


def lottery(layers: Layers, request: Request) -> TopologyUpdate:
    """Prune to the density of the next round, and rewind what is left to its initial weights.

    Frankle & Carbin 2019, iterative magnitude pruning with rewinding to step 0. The request's target is that of
    the round.
    """
    return _thin(layers, request, rewind=True)


def rounds(density: float) -> tuple[float, ...]:
    """Return the density of every round of the lottery ticket, the last one being `density`."""
    return (*(level for level in LEVELS if level > density), density)
