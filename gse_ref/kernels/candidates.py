"""From drawn pairs to candidates: distinct, not active, sorted by edge id (ALGORITHM section 5.3)."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def candidates(rows, cols, indptr, indices, n_in, out_rows, out_cols):
    """Write the candidates, return how many; the outputs hold as many entries as there are draws.

    Two stable counting sorts, by column and then by row, order the draws by edge id in O(n_out + n_in + m),
    whatever their distribution; one pass over the rows drops repetitions and active pairs.
    """
    n_out, drawn = indptr.size - 1, rows.size
    column_start = np.zeros(n_in + 1, np.int64)
    row_start = np.zeros(n_out + 1, np.int64)
    for k in range(drawn):
        column_start[cols[k] + 1] += 1
        row_start[rows[k] + 1] += 1
    for j in range(n_in):
        column_start[j + 1] += column_start[j]
    for i in range(n_out):
        row_start[i + 1] += row_start[i]
    by_column = np.empty((drawn, 2), np.int32)
    for k in range(drawn):
        position = column_start[cols[k]]
        column_start[cols[k]] = position + 1
        by_column[position, 0] = rows[k]
        by_column[position, 1] = cols[k]
    ordered = np.empty(drawn, np.int32)
    for k in range(drawn):
        i = by_column[k, 0]
        ordered[row_start[i]] = by_column[k, 1]
        row_start[i] += 1

    # mark[j] is the last row in which column j was active or seen; writing always and counting only what is new
    # keeps the loop without branches.
    mark = np.full(n_in, -1, np.int32)
    count = 0
    for i in range(n_out):
        for k in range(indptr[i], indptr[i + 1]):
            mark[indices[k]] = i
        first = row_start[i - 1] if i > 0 else 0  # each start has moved to the end of its row
        for k in range(first, row_start[i]):
            j = ordered[k]
            out_rows[count] = i
            out_cols[count] = j
            count += mark[j] != i
            mark[j] = i
    return count


@njit(cache=True)
def inactive(indptr, indices, n_in, out_rows, out_cols):
    """Write every pair that is not active, sorted by edge id."""
    count = 0
    for i in range(indptr.size - 1):
        active = indptr[i]
        for j in range(n_in):
            if active < indptr[i + 1] and indices[active] == j:
                active += 1
            else:
                out_rows[count] = i
                out_cols[count] = j
                count += 1
