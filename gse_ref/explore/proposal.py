"""What a method is asked for at an update, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..counts import ceiling
from ..nn import Module, Observer, SparseParameter

#: Sparse layers by name, in the order that numbers them.
Layers = Mapping[str, SparseParameter]
#: Arrays by name that a method keeps from update to update, such as a dense master copy of the weights.
Memory = Mapping[str, np.ndarray]


class Target(NamedTuple):
    """The density that a method which thins a network out has to reach.

    density : over all layers together, after this update; final : after the last one.
    budget : how it is shared out where each layer has its own count.
    """

    density: float
    final: float
    budget: str = "erdos_renyi"


class Problem(NamedTuple):
    """What a method that looks at the whole network works on.

    model : in training mode. batch : returns a fresh (x, labels), drawn by the stream of probes.
    """

    model: Module
    batch: Callable[[], tuple[np.ndarray, np.ndarray]]


class Numbers(NamedTuple):
    """Random numbers of one layer's guided exploration, where they are given and not drawn.

    uniforms : (2, m) float64 in [0, 1), of the inputs and of the outputs; the first ⌈γN⌉ ≤ m are used.
    signs : (samples,) float64 of ±1.
    """

    uniforms: np.ndarray
    signs: np.ndarray


@dataclass(frozen=True)
class Request:
    """One update, before SGD step `step`.

    Attributes
    ----------
    seed, step : identify the random streams.
    fraction : α_t, share of the active connections to replace.
    scope : "layer", each layer keeps its number of connections, or "global", they may move between layers.
    subset_factor : γ, draws for each active connection.
    run_probe : runs one forward and backward pass over a fresh batch, showing each sparse layer to the observer.
    min_nnz : connections that every layer keeps (as far as it has them).
    criterion : what makes a connection dispensable, a key of `CRITERIA`.
    momenta : momentum of each layer's weights in the optimizer, (nnz,), for the criterion of that name.
    allow_regrow : a connection that this update prunes may be grown again, as in RigL's own paper.
    last : whether no later update is due.
    target, problem, memory : for methods that need them.
    numbers : random numbers by layer, for guided methods; where there are none, the streams of seed and step serve.
    """

    seed: int
    step: int
    fraction: float
    scope: str
    subset_factor: float
    run_probe: Callable[[Observer], None]
    min_nnz: int = 0
    criterion: str = "magnitude"
    momenta: Mapping[str, np.ndarray] = field(default_factory=dict)
    allow_regrow: bool = False
    last: bool = False
    target: Target | None = None
    problem: Problem | None = None
    memory: Memory = field(default_factory=dict)
    numbers: Mapping[str, Numbers] = field(default_factory=dict)

    def quotas(self, layers: Layers) -> list[int]:
        """Return ⌈α_t N_l⌉ of each layer."""
        return [ceiling(self.fraction, parameter.topology.nnz) for parameter in layers.values()]


@dataclass(frozen=True)
class Proposal:
    """Connections that one layer could grow.

    Attributes
    ----------
    rows, cols : (m,) int32, inactive pairs sorted by edge id.
    scores : (m,) float, higher is better.
    available : |S|, how many candidates the method considered; at least m. A method that knows its quota may
        propose only as many as can be grown.
    fallbacks : sides ("input", "output") whose sampling mass was 0, so that it drew uniformly there.
    active_scores : (nnz,) scores of the active connections, where those pruned may be grown again; else None.
    visited : share of the dense gradient that was computed to find the proposals, where that varies; else None.
    """

    rows: np.ndarray
    cols: np.ndarray
    scores: np.ndarray
    available: int
    fallbacks: tuple[str, ...] = ()
    active_scores: np.ndarray | None = None
    visited: float | None = None


Proposer = Callable[[Layers, Request], list[Proposal]]
