"""Initial connectivity: patterns drawn in O(n + nnz) (ALGORITHM section 3)."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .sampling import sample_inactive
from .topology import Topology, checked_shape


def empty(shape: tuple[int, int]) -> Topology:
    """Return the topology without connections."""
    n_out, n_in = checked_shape(shape)
    return Topology(np.zeros(n_out + 1, np.int64), np.empty(0, np.int32), (n_out, n_in))


def full(shape: tuple[int, int]) -> Topology:
    """Return the topology with every connection; O(n_out · n_in) by its nature."""
    n_out, n_in = checked_shape(shape)
    return Topology(np.arange(n_out + 1, dtype=np.int64) * n_in, np.tile(np.arange(n_in), n_out), shape)


def erdos_renyi(shape: tuple[int, int], nnz: int, generator: np.random.Generator) -> Topology:
    """Return G(n, M): `nnz` connections uniformly without replacement; above half density by its complement.

    Raises
    ------
    InputError : `nnz` is negative or exceeds n_out · n_in.
    """
    nothing = empty(shape)
    if not 0 <= nnz <= nothing.size:
        raise InputError(f"a layer of shape {shape} holds 0 to {nothing.size} connections, asked for {nnz}")
    if 2 * nnz <= nothing.size:
        [(rows, cols)] = sample_inactive([nothing], nnz, generator)
        return Topology.from_edges(rows, cols, shape)
    [(rows, cols)] = sample_inactive([nothing], nothing.size - nnz, generator)
    absent = Topology.from_edges(rows, cols, shape)
    [(rows, cols)] = sample_inactive([absent], nnz, generator)
    return Topology.from_edges(rows, cols, shape)


def bernoulli(shape: tuple[int, int], probability: float, generator: np.random.Generator) -> Topology:
    """Return G(n, p): each connection with `probability`, so nnz itself is binomial.

    Raises
    ------
    InputError : the probability is outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise InputError(f"probability must lie in [0, 1], got {probability}")
    return erdos_renyi(shape, int(generator.binomial(shape[0] * shape[1], probability)), generator)
