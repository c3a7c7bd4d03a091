"""A change of topology: prune set and grow set give a new topology and a slot map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..backends import active
from ..backends.arrays import item
from ..errors import InputError
from .topology import Topology, integers


@dataclass(frozen=True)
class SlotMap:
    """Where each slot of the old values goes.

    Attributes
    ----------
    target : (old_nnz,) int32, new slot of each old slot, -1 where it was pruned
    new_nnz : number of slots of the new topology
    """

    target: np.ndarray
    new_nnz: int

    @property
    def old_nnz(self) -> int:
        """Number of slots of the old topology."""
        return len(self.target)

    def carry(self, array: np.ndarray) -> np.ndarray:
        """Return the (new_nnz,) array for the new slots: survivors bit for bit, grown slots 0.

        Raises
        ------
        InputError : `array` is not of shape (old_nnz,).
        """
        if array.shape != (self.old_nnz,):
            raise InputError(f"expected an array of shape ({self.old_nnz},), one value a slot, got {array.shape}")
        return active().carry(array, self.target, self.new_nnz)


def edit(
    topology: Topology, pruned: ArrayLike, grown_rows: ArrayLike, grown_cols: ArrayLike
) -> tuple[Topology, SlotMap]:
    """Return A' = (A without `pruned`) with the grown pairs, and the slot map from A to A'. O(n + nnz).

    Parameters
    ----------
    pruned : (p,) integers, slots of `topology`, strictly increasing.
    grown_rows, grown_cols : (g,) integers, pairs sorted by edge id, none of them active.

    Raises
    ------
    InputError : not integers, slots or pairs out of order or out of range, or a grown pair that is active.
    """
    pruned = integers("pruned", pruned, np.int64)
    grown_rows, grown_cols = (
        integers("grown_rows", grown_rows, np.int32),
        integers("grown_cols", grown_cols, np.int32),
    )
    if len(grown_rows) != len(grown_cols):
        raise InputError(f"grown rows and columns differ in length: {len(grown_rows)} and {len(grown_cols)}")
    ids = grown_rows.astype(np.int64) * topology.n_in + grown_cols
    for name, order, size in (("pruned slots", pruned, topology.nnz), ("grown pairs", ids, topology.size)):
        if len(order) and not item((order[0] >= 0) & (order[-1] < size) & (order[1:] > order[:-1]).all()):
            raise InputError(f"{name} must be strictly increasing and lie in the topology {topology}")
    indptr, indices, target = active().merge(topology.indptr, topology.indices, pruned, grown_rows, grown_cols)
    try:
        changed = Topology(indptr, indices, topology.shape)
    except InputError as error:
        raise InputError(f"a grown pair is already active or outside {topology}: {error}") from None
    return changed, SlotMap(target, changed.nnz)
