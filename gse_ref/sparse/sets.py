"""Topologies of one shape as sets of connections: union, difference, and how many two of them share."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .topology import Topology


def _ids(a: Topology, b: Topology) -> tuple[np.ndarray, np.ndarray]:
    if a.shape != b.shape:
        raise InputError(f"topologies of one layer have one shape, got {a.shape} and {b.shape}")
    return a.edge_ids, b.edge_ids


def _among(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which of `ids` are among `known`, (len(ids),) bool; both increase strictly."""
    if not len(known):
        return np.zeros(len(ids), bool)
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return known[place] == ids


def _of(ids: np.ndarray, shape: tuple[int, int]) -> Topology:
    return Topology.from_edges(*np.divmod(ids, shape[1]), shape)


def union(a: Topology, b: Topology) -> Topology:
    """Return the connections of `a` or `b`, O(n_out + |a| + |b| log |a|): cheap where `b` is the smaller one.

    Raises
    ------
    InputError : topologies of two shapes.
    """
    old, more = _ids(a, b)
    new = more[~_among(more, old)]
    return _of(np.insert(old, np.searchsorted(old, new), new), a.shape)


def difference(a: Topology, b: Topology) -> Topology:
    """Return the connections of `a` that `b` lacks, O(n_out + |a| log |b| + |b|).

    Raises
    ------
    InputError : topologies of two shapes.
    """
    ids, taken = _ids(a, b)
    return _of(ids[~_among(ids, taken)], a.shape)


def overlap(a: Topology, b: Topology) -> int:
    """Return how many connections `a` and `b` share, O(|a| + |b| + the smaller · log the larger).

    Raises
    ------
    InputError : topologies of two shapes.
    """
    few, many = sorted(_ids(a, b), key=len)
    return int(np.count_nonzero(_among(few, many)))
