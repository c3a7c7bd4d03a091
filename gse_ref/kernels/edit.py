"""Changing a pattern: merge of survivors and grown pairs, carrying of values, transpose index."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def merge(indptr, indices, pruned, grown_rows, grown_cols, new_indptr, new_indices, target):
    """One walk over the rows: slots in `pruned` (increasing) drop out, sorted grown pairs are woven in."""
    slot, p, g = 0, 0, 0
    new_indptr[0] = 0
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            if p < pruned.size and pruned[p] == k:
                target[k] = -1
                p += 1
                continue
            while g < grown_rows.size and grown_rows[g] == i and grown_cols[g] < indices[k]:
                new_indices[slot] = grown_cols[g]
                slot += 1
                g += 1
            target[k] = slot
            new_indices[slot] = indices[k]
            slot += 1
        while g < grown_rows.size and grown_rows[g] == i:
            new_indices[slot] = grown_cols[g]
            slot += 1
            g += 1
        new_indptr[i + 1] = slot


@njit(cache=True)
def carry(values, target, moved):
    """moved[target[k]] = values[k] for each survivor; `moved` comes filled with zeros.

    Its last entry takes what was pruned (target -1), so that nothing branches.
    """
    for k in range(target.size):
        moved[target[k]] = values[k]


@njit(cache=True)
def transpose_index(indptr, indices, start, rows, slots, places):
    """Counting sort by column; `start` (n_in + 1,) comes filled with zeros."""
    n_in = start.size - 1
    for k in range(indices.size):
        start[indices[k] + 1] += 1
    for j in range(n_in):
        start[j + 1] += start[j]
    following = start[:n_in].copy()
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            position = following[indices[k]]
            following[indices[k]] = position + 1
            rows[position] = np.int32(i)
            slots[position] = np.int32(k)
            places[k] = np.int32(position)
