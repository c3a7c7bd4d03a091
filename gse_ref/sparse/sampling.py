"""Uniform draws without replacement from the inactive connections, in O(n + nnz)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends import Pairs, active
from ..errors import InputError
from .topology import Topology


def _pick(pools: list[Pairs], k: int, generator: np.random.Generator) -> list[Pairs]:
    """Keep a uniform subset of k of all pairs together, in order."""
    sizes = [len(rows) for rows, _ in pools]
    keep = np.zeros(sum(sizes), bool)
    keep[generator.choice(len(keep), k, replace=False, shuffle=False)] = True
    parts = np.split(keep, np.cumsum(sizes)[:-1])
    return [(rows[part], cols[part]) for (rows, cols), part in zip(pools, parts, strict=True)]


def _united(a: Pairs, b: Pairs, topology: Topology) -> Pairs:
    rows, cols = np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])
    return active().candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)


def sample_inactive(
    topologies: Sequence[Topology], k: int, generator: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw k inactive connections uniformly without replacement from all layers together.

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
    nothing = np.empty(0, np.int32)
    found: list[Pairs] = [(nothing, nothing) for _ in topologies]
    count = 0
    while count < k:
        missing = k - count
        wanted = missing * int(sizes.sum()) // (free - count) + missing // 8 + 16
        for layer, draws in enumerate(generator.multinomial(wanted, sizes / sizes.sum())):
            topology = topologies[layer]
            rows = generator.integers(0, topology.n_out, draws, dtype=np.int32)
            cols = generator.integers(0, topology.n_in, draws, dtype=np.int32)
            found[layer] = _united(found[layer], (rows, cols), topology)
        count = sum(len(rows) for rows, _ in found)
    return _pick(found, k, generator)
