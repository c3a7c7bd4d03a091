"""How well a topology explores: what was ever active, what changed, what was missed, what survived.

For any implementation: `Topology.from_scipy` and `Topology.from_edges` take what others hold. Every function takes
a `Network`, one layer or all of them, and counts connections over all layers together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import InputError
from ..sparse import Topology, overlap, union

#: The topology of one layer, or of each layer of a network in a fixed order.
Network = Topology | Sequence[Topology]

#: What a run records of its exploration: level → in words. The gradient costs what RigL's growth costs.
OBSERVED = {
    "nothing": "nothing",
    "topology": "what follows from the topologies, O(ever active) an update",
    "gradient": "that, and what RigL would have grown, O(n_out · n_in · samples) an update in row blocks",
}


def _layers(network: Network) -> tuple[Topology, ...]:
    return (network,) if isinstance(network, Topology) else tuple(network)


def _pairs(a: Network, b: Network) -> list[tuple[Topology, Topology]]:
    """Return the layers of both, side by side.

    Raises
    ------
    InputError : networks of two numbers of layers.
    """
    one, other = _layers(a), _layers(b)
    if len(one) != len(other):
        raise InputError(f"networks to compare have the same layers, got {len(one)} and {len(other)} of them")
    return list(zip(one, other, strict=True))


def share(part: float, whole: float) -> float | None:
    """Return part / whole, None where there is no whole."""
    return part / whole if whole else None


def _found(wanted: Network, present: Network) -> float | None:
    pairs = _pairs(wanted, present)
    return share(sum(overlap(a, b) for a, b in pairs), sum(a.nnz for a, _ in pairs))


def explored_share(history: Iterable[Network]) -> float:
    """Return the share of all possible connections that were active at least once: ITOP's rate (Liu et al. 2021).

    Parameters
    ----------
    history : the network after every update, the first one included, in any order.

    Raises
    ------
    InputError : no network, or networks of different layers.
    """
    ever: tuple[Topology, ...] | None = None
    for network in history:
        ever = _layers(network) if ever is None else tuple(union(a, b) for a, b in _pairs(ever, network))
    if not ever:
        raise InputError("an explored share needs at least one topology, got none")
    return sum(layer.nnz for layer in ever) / sum(layer.size for layer in ever)


def jaccard_distance(a: Network, b: Network) -> float:
    """Return 1 − |A ∩ B| / |A ∪ B|: 0 for equal networks (two empty ones too), 1 for disjoint ones.

    Raises
    ------
    InputError : networks of different layers.
    """
    pairs = _pairs(a, b)
    common = sum(overlap(one, other) for one, other in pairs)
    united = sum(one.nnz + other.nnz for one, other in pairs) - common
    return 1.0 - common / united if united else 0.0


def recall(found: Network, best: Network) -> float | None:
    """Return |best ∩ found| / |best|, None where nothing is best.

    Parameters
    ----------
    found : what a method considered, GSE's candidates S for one.
    best : what it should have found, RigL's top k of the dense gradient for one.

    Raises
    ------
    InputError : networks of different layers.
    """
    return _found(best, found)


def survival(grown: Network, present: Network) -> float | None:
    """Return the share of the connections once grown that are active at present, None where none was grown.

    Raises
    ------
    InputError : networks of different layers.
    """
    return _found(grown, present)


def units_without_inputs(network: Network) -> int:
    """Return how many output units (rows) have no connection."""
    return sum(int(np.count_nonzero(layer.fan_in() == 0)) for layer in _layers(network))


def units_without_outputs(network: Network) -> int:
    """Return how many input units (columns) have no connection: of a convolution, places of a window."""
    used = (np.bincount(layer.indices, minlength=layer.n_in) for layer in _layers(network))
    return sum(int(np.count_nonzero(counts == 0)) for counts in used)
