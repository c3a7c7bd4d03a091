"""Uniform draws without replacement from the inactive connections, in O(n + nnz)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends import Pairs, active
from ..backends.arrays import namespace, new, to_device
from ..errors import InputError
from .edit import edit
from .topology import Topology, integers


def _pick(pools: list[Pairs], k: int, generator: np.random.Generator) -> list[Pairs]:
    """Keep a uniform subset of k of all pairs together, in order."""
    sizes = [len(rows) for rows, _ in pools]
    keep = np.zeros(sum(sizes), bool)
    keep[generator.choice(len(keep), k, replace=False, shuffle=False)] = True
    parts = [to_device(part, namespace(pools[0][0])) for part in np.split(keep, np.cumsum(sizes)[:-1])]
    return [(rows[part], cols[part]) for (rows, cols), part in zip(pools, parts, strict=True)]


def _united(a: Pairs, b: Pairs, topology: Topology) -> Pairs:
    xp = namespace(a[0])
    rows, cols = xp.concatenate([a[0], b[0]]), xp.concatenate([a[1], b[1]])
    return active().candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)


def sample_inactive(
    topologies: Sequence[Topology], k: int, generator: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw k inactive connections uniformly without replacement from all layers together.

    What is drawn on the host is handed over to the library of the topologies.

    Where no more are inactive than active (or than 2k), all are listed. Else pairs are drawn with replacement until
    enough distinct ones are found, of which a uniform subset is kept: given how many were found, every set of
    them is equally likely. Expected time O(n + nnz + k), no array of n_out · n_in.

    Returns
    -------
    pairs : for each layer (rows, cols), int32, sorted by edge id.

    Raises
    ------
    InputError : k is negative or exceeds the number of inactive connections.
    """
    free = sum(t.size - t.nnz for t in topologies)
    if not 0 <= k <= free:
        raise InputError(f"cannot draw {k} of {free} inactive connections")
    if free <= max(sum(t.nnz for t in topologies), 2 * k):
        return _pick([active().inactive(t.indptr, t.indices, t.n_in) for t in topologies], k, generator)
    sizes = np.array([t.size for t in topologies], np.float64)
    nothing, library = new((0,), topologies[0].indices), namespace(topologies[0].indices)
    found: list[Pairs] = [(nothing, nothing) for _ in topologies]
    count = 0
    while count < k:
        missing = k - count
        wanted = missing * int(sizes.sum()) // (free - count) + missing // 8 + 16
        for layer, draws in enumerate(generator.multinomial(wanted, sizes / sizes.sum())):
            topology = topologies[layer]
            rows = generator.integers(0, topology.n_out, draws, dtype=np.int32)
            cols = generator.integers(0, topology.n_in, draws, dtype=np.int32)
            drawn = to_device(rows, library), to_device(cols, library)
            found[layer] = _united(found[layer], drawn, topology)
        count = sum(len(rows) for rows, _ in found)
    return _pick(found, k, generator)


def sample_inactive_in_rows(topology: Topology, counts: np.ndarray, generator: np.random.Generator) -> Pairs:
    """Draw counts[i] inactive connections of row i uniformly without replacement, for every row.

    Where a quarter of the layer or more will be active, all inactive ones are shuffled. Else inputs are drawn with
    replacement and repetitions drawn again: rounds of O(n + nnz + Σ counts). A draw is a repetition with a
    probability of about the density of its row, so few rounds follow the first.

    Parameters
    ----------
    topology : connections that are taken.
    counts : (n_out,) integers, draws of each row.

    Returns
    -------
    rows, cols : (Σ counts,) int32, sorted by edge id.

    Raises
    ------
    InputError : a count is negative or exceeds the inactive connections of its row.
    """
    counts, free = integers("counts", counts, np.int64), topology.n_in - topology.fan_in()
    if len(counts) != topology.n_out or (counts < 0).any() or (counts > free).any():
        raise InputError(f"cannot draw these numbers of inactive connections from the rows of {topology}")
    total = int(counts.sum())
    if 4 * (topology.nnz + total) >= topology.size:
        rows, cols = active().inactive(topology.indptr, topology.indices, topology.n_in)
        shuffled = generator.permutation(len(rows))
        shuffled = shuffled[np.argsort(rows[shuffled], kind="stable")]
        rank = np.arange(len(rows)) - np.repeat(np.cumsum(free) - free, free)
        chosen = np.sort(shuffled[rank < np.repeat(counts, free)])
        return rows[chosen], cols[chosen]
    taken, missing, nothing = topology, counts, np.empty(0, np.int64)
    found: list[Pairs] = [(np.empty(0, np.int32), np.empty(0, np.int32))]
    while missing.any():
        drawn = np.repeat(np.arange(topology.n_out, dtype=np.int32), missing)
        fresh = active().candidates(
            drawn,
            generator.integers(0, topology.n_in, len(drawn), dtype=np.int32),
            taken.indptr,
            taken.indices,
            taken.n_in,
        )
        taken, _ = edit(taken, nothing, *fresh)
        missing = missing - np.bincount(fresh[0], minlength=topology.n_out)
        found.append(fresh)
    rows, cols = (np.concatenate(side) for side in zip(*found, strict=True))
    return active().candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)
