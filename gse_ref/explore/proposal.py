"""What a method is asked for at an update, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..counts import ceiling
from ..nn import Observer, SparseParameter

#: Sparse layers by name, in the order that numbers them.
Layers = Mapping[str, SparseParameter]


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
    """

    seed: int
    step: int
    fraction: float
    scope: str
    subset_factor: float
    run_probe: Callable[[Observer], None]
    min_nnz: int = 0

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
    """

    rows: np.ndarray
    cols: np.ndarray
    scores: np.ndarray
    available: int
    fallbacks: tuple[str, ...] = field(default=())


Proposer = Callable[[Layers, Request], list[Proposal]]
