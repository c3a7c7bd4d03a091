"""Top-KAST: a forward set of the largest weights inside a backward set that also learns (ALGORITHM section 6).

Differs from the paper in: 1. The sets are chosen at updates, every T steps until T_end, not at every step; from the
last update on only the forward set learns. 2. A weight that leaves the backward set loses its momentum. 3. The
weights start as ALGORITHM section 3 draws them for a dense layer. The counts of each layer follow its budget
whatever the scope, as in the paper: of fresh weights a global choice would take the layers with few inputs alone.
"""

from __future__ import annotations

import numpy as np

from ..backends.arrays import item, namespace, new
from ..counts import ceiling
from ..rng import stream
from ..sparse import SlotMap, Topology, edit
from .guided import draw_uniformly
from .keep import counts, keep_best
from .proposal import Layers, Request
from .shrink import target_of
from .update import LayerChange, TopologyUpdate, require_finite


def _decay_factors(silent: np.ndarray, density: float, dtype: np.dtype) -> np.ndarray:
    """Return the factors of the L2 penalty: 1 on the forward set, 1/D on the rest of the backward set."""
    return namespace(silent).where(silent, 1.0 / density, 1.0).astype(dtype)


def _slot_map(old: np.ndarray, after: np.ndarray) -> SlotMap:
    """Return where the edges `old` are among the edges `after`; both are increasing edge ids."""
    xp = namespace(old)
    place = xp.searchsorted(after, old)
    if not len(after):
        return SlotMap(xp.full(len(old), -1, dtype=np.int32), 0)
    found = after[xp.minimum(place, len(after) - 1)] == old
    return SlotMap(xp.where(found, place, -1).astype(np.int32), len(after))


def start_masters(layers: Layers) -> dict[str, np.ndarray]:
    """Return the master copy of each layer before the first update, dense: (n_out · n_in,) zeros."""
    return {
        name: namespace(parameter.data).zeros(parameter.topology.size, dtype=parameter.dtype)
        for name, parameter in layers.items()
    }


def topkast(layers: Layers, request: Request) -> TopologyUpdate:
    """Choose both sets from the dense master copies of the weights (Jayakumar et al. 2020).

    Forward set: the D · P connections of largest |θ|; backward set: the (1 + γ) · D · P of largest |θ|, all of them
    learn. What is in neither keeps its value in the master copy, one dense array a layer in the request's memory.
    """
    require_finite(layers, request.step)
    target = target_of(request)
    masters = []
    for name, parameter in layers.items():
        master = request.memory[name].copy()
        master[parameter.topology.edge_ids] = parameter.data
        masters.append(master)
    wanted = counts(layers, target, "layer")
    more = [0 if request.last else ceiling(request.subset_factor, count) for count in wanted]
    sizes = [abs(master) for master in masters]
    forward = keep_best(sizes, wanted)
    backward = keep_best(sizes, [a + b for a, b in zip(wanted, more, strict=True)])
    changes = {}
    for (name, parameter), master, best, ids in zip(layers.items(), masters, forward, backward, strict=True):
        shape, own = parameter.topology.shape, parameter.topology.edge_ids
        xp = namespace(master)
        silent = xp.ones(len(ids), dtype=bool)
        silent[xp.searchsorted(ids, best)] = False
        former = xp.zeros(len(master), dtype=bool)
        former[own if parameter.silent is None else own[~parameter.silent]] = True
        grown = item((~former[best]).sum())
        changes[name] = LayerChange(
            topology=Topology.from_edges(*divmod(ids, shape[1]), shape),
            slot_map=_slot_map(own, ids),
            pruned=parameter.nnz + grown - len(best),
            grown=grown,
            candidates=len(ids) - len(best),
            values=master[ids],
            silent=silent if item(silent.any()) else None,
            decay=_decay_factors(silent, target.density, parameter.dtype) if item(silent.any()) else None,
        )
    return TopologyUpdate(request.step, 0.0, changes, dict(zip(layers, masters, strict=True)))


def topkast_sparse(layers: Layers, request: Request) -> TopologyUpdate:
    """Choose both sets without any dense array: what of the backward set has grown large, and fresh candidates.

    Forward set: the D · P connections of largest |θ| in the backward set so far; backward set: the forward set and
    the candidates of GSE, ⌈γN⌉ pairs drawn uniformly, which start from 0. O(n + nnz).
    """
    require_finite(layers, request.step)
    target = target_of(request)
    sizes = [abs(parameter.data) for parameter in layers.values()]
    kept = keep_best(sizes, counts(layers, target, "layer"))
    changes = {}
    for number, (name, parameter) in enumerate(layers.items()):
        topology, stay = parameter.topology, kept[number]
        forward = topology.chosen(stay)
        xp = namespace(stay)
        rows = cols = new((0,), topology.indices)
        if not request.last:
            rows, cols = draw_uniformly(
                forward, request.subset_factor, stream(request.seed, "draw", number, request.step)
            )
        backward, inward = edit(forward, xp.empty(0, dtype=np.int64), rows, cols)
        target_slots = xp.full(topology.nnz, -1, dtype=np.int32)
        target_slots[stay] = inward.target
        silent = xp.ones(backward.nnz, dtype=bool)
        silent[inward.target] = False
        grown = 0 if parameter.silent is None else item(parameter.silent[stay].sum())
        changes[name] = LayerChange(
            topology=backward,
            slot_map=SlotMap(target_slots, backward.nnz),
            pruned=parameter.nnz + grown - forward.nnz,
            grown=grown,
            candidates=len(rows),
            silent=silent if item(silent.any()) else None,
            decay=_decay_factors(silent, target.density, parameter.dtype) if item(silent.any()) else None,
        )
    return TopologyUpdate(request.step, 0.0, changes)
