"""What makes an active connection dispensable: the importance by which an update prunes (ALGORITHM section 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..backends import active
from ..backends.arrays import all_finite, namespace
from ..counts import largest_remainder
from ..errors import DivergenceError, InputError, unknown
from ..nn import Observation, SparseParameter
from .proposal import Layers, Request

#: Importance of every active connection of each layer, (nnz,) each.
Importances = list[np.ndarray]


@dataclass(frozen=True)
class Criterion:
    """One way to prune.

    Attributes
    ----------
    importance : of every connection; the least important are pruned. Signed where `halves`.
    halves : prune among the positive and among the negative values in proportion to their numbers, those nearest
        to 0 of each (SET's paper), instead of the smallest of all.
    summary : one line for people.
    """

    importance: Callable[[Layers, Request], Importances]
    summary: str
    halves: bool = False


def _magnitude(layers: Layers, request: Request) -> Importances:
    return [abs(parameter.data) for parameter in layers.values()]


def _signed(layers: Layers, request: Request) -> Importances:
    return [parameter.data for parameter in layers.values()]


def saliencies(layers: Layers, request: Request) -> Importances:
    """Return |g·θ| of every active connection, g by a probe pass of its own (SNIP's score).

    Raises
    ------
    DivergenceError : a gradient that is not finite, with layer and step.
    """
    found: dict[int, np.ndarray] = {}
    names = {id(parameter): name for name, parameter in layers.items()}

    def observe(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
        topology = parameter.topology
        gradient = Observation(parameter, x, delta).gradient_pairs(topology.rows, topology.indices)
        if not all_finite(gradient):
            place = f"layer {names[id(parameter)]} at step {request.step}"
            raise DivergenceError(f"the gradient of {place} is not finite: training has diverged")
        found[id(parameter)] = abs(gradient * parameter.data)

    request.run_probe(observe)
    return [found[id(parameter)] for parameter in layers.values()]


def _momentum(layers: Layers, request: Request) -> Importances:
    missing = [name for name in layers if name not in request.momenta]
    if missing:
        raise InputError(
            f"the criterion 'momentum' needs an optimizer with momentum, there is none for {', '.join(missing)}: "
            "use sgd with momentum, adam or adamw, or another criterion"
        )
    return [abs(request.momenta[name]) for name in layers]


CRITERIA: dict[str, Criterion] = {
    "magnitude": Criterion(_magnitude, "smallest |θ|"),
    "signed": Criterion(_signed, "smallest positive and largest negative θ, as in SET's paper", halves=True),
    "saliency": Criterion(saliencies, "smallest |g·θ|"),
    "momentum": Criterion(_momentum, "smallest |momentum|"),
}


def criterion(name: str) -> Criterion:
    """Return the criterion `name`.

    Raises
    ------
    InputError : the name is not in `CRITERIA`; the message names the nearest.
    """
    if name not in CRITERIA:
        raise unknown("prune criterion", name, CRITERIA)
    return CRITERIA[name]


def least(importance: np.ndarray, k: int, halves: bool = False) -> np.ndarray:
    """Return the positions of the k least important, increasing; ties go to the lower position.

    With `halves` k is shared among values ≥ 0 and values < 0 in proportion to their numbers, exactly k in all
    (counting each side on its own prunes more than was asked for).
    """
    if not halves:
        return active().top_k(-importance, k)
    xp = namespace(importance)
    sides = [xp.flatnonzero(importance >= 0), xp.flatnonzero(importance < 0)]
    sizes = [len(side) for side in sides]
    shares = largest_remainder(_shares(sizes, k), k, sizes)
    parts = [side[active().top_k(-abs(importance[side]), share)] for side, share in zip(sides, shares, strict=True)]
    return xp.sort(xp.concatenate(parts))


def _shares(sizes: Sequence[int], k: int) -> list[float]:
    return [k * size / max(1, sum(sizes)) for size in sizes]
