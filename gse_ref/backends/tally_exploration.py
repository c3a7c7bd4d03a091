"""Counts of what a topology update does, from actual arguments and results (ALGORITHM section 5).

Each function takes the result and the arguments of the backend's function of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .api import AliasTable, Array, Pairs, TransposePlan
from .tally import Tally, arrays, total, work
from .tally_linear import INDEX, POINTER

#: Bytes of a mass, threshold or uniform.
FLOAT = 8
#: What the search for the k-th highest of m scores is charged, in units of m: comparisons, loads and stores.
#: Introselect with medians of three expects fewer than 2.75 m comparisons, whatever k, where no order of the scores
#: is likelier than another (Kirschenhofer, Prodinger & Martínez 1997); loads and stores are measured bounds. The
#: worst order costs a pass for each of 2·log2 m rounds.
SEARCH_COMPARISONS, SEARCH_LOADS, SEARCH_STORES = 3, 5, 3


def abs_sums(mass: Array, x: Array) -> Tally:
    """One addition an element."""
    return work(x.size, x.nbytes, mass.nbytes) + arrays(mass.nbytes)


def signed_sums(mass: Array, x: Array, signs: Array) -> Tally:
    """One multiply-add an element."""
    return work(x.size, x.nbytes + x.size * signs.itemsize, mass.nbytes) + arrays(mass.nbytes)


def alias_table(table: AliasTable, mass: Array) -> Tally:
    """Two passes over the masses (sum; scale and sort onto the stacks), then one step for each slot that is filled.

    A step loads both ends of the stack and both masses, and stores threshold, alias, the other's mass and a stack
    entry (kept if the other has become small). There are fewer than n: each fills one slot for good, the number
    depends on the masses, and is counted in the table: a filled slot has another as alias.
    """
    n = len(mass)
    steps = np.count_nonzero(table.alias != np.arange(n, dtype=np.int32))
    passes = work(2 * n, 2 * FLOAT * n, n * (2 * FLOAT + 2 * INDEX), n)
    each = work(2, 2 * INDEX + 2 * FLOAT, 2 * FLOAT + 2 * INDEX, 1)
    filled = work(each.multiply_adds * steps, each.bytes_read * steps, each.bytes_written * steps, steps)
    return total(passes, filled, arrays(FLOAT * n, FLOAT * n, INDEX * n, INDEX * n))


def alias_draw(slots: Array, table: AliasTable, uniforms: Array) -> Tally:
    """One multiply-add for slot and coin, one comparison; threshold and alias are loaded whatever it says."""
    m = len(uniforms)
    return work(m, m * (2 * FLOAT + INDEX), m * INDEX, m) + arrays(m * INDEX)


def candidates(result: Pairs, rows: Array, cols: Array, indptr: Array, indices: Array, n_in: int) -> Tally:
    """Two counting sorts of the draws, by column and then by row; marks of what is active; one comparison a draw.

    Both sorts count, sum up and move: 2 moves a draw. What is left is copied to arrays of its own size.
    """
    m, nnz, n_out, kept = len(rows), len(indices), len(indptr) - 1, len(result[0])
    starts = POINTER * (n_in + 1) + POINTER * (n_out + 1)
    counted = work(read=m * (2 * INDEX + 2 * POINTER), written=starts + 2 * m * POINTER)
    summed = work(read=POINTER * (n_in + n_out), written=POINTER * (n_in + n_out))
    by_column = work(read=m * (2 * INDEX + POINTER), written=m * (POINTER + 2 * INDEX), moves=m)
    by_row = work(read=m * (2 * INDEX + POINTER), written=m * (POINTER + INDEX), moves=m)
    marked = work(read=POINTER * (n_out + 1) + INDEX * nnz, written=INDEX * (n_in + nnz))
    filtered = work(read=POINTER * n_out + 2 * INDEX * m, written=3 * INDEX * m, moves=m)
    copied = work(read=2 * INDEX * kept, written=2 * INDEX * kept)
    made = arrays(POINTER * (n_in + 1), POINTER * (n_out + 1), 2 * INDEX * m, INDEX * m, INDEX * n_in)
    results = arrays(INDEX * m, INDEX * m, INDEX * kept, INDEX * kept)
    return total(counted, summed, by_column, by_row, marked, filtered, copied, made, results)


def inactive(result: Pairs, indptr: Array, indices: Array, n_in: int) -> Tally:
    """One comparison for each possible connection; a row's next active column is loaded until the last is met."""
    n_out, left = len(indptr) - 1, len(result[0])
    ends = indptr[1:][np.diff(indptr) > 0]
    loaded = (indices[ends - 1].astype(np.int64) + 1).sum() if len(ends) else 0
    read = POINTER * len(indptr) + INDEX * loaded
    return work(read=read, written=2 * INDEX * left, moves=n_out * n_in) + arrays(INDEX * left, INDEX * left)


def top_k(positions: Array, scores: Array, k: int) -> Tally:
    """The k-th highest score by introselect on a copy, then two passes over the scores.

    The search is charged its expected bound (`SEARCH_COMPARISONS` and so on), as its actual steps depend on the
    order of the scores; all else is exact: the first pass compares each score once and counts the ties, the
    second twice, and stores every position (it stays if it counts).
    """
    made = arrays(POINTER * (k + 1))
    if k <= 0:
        return made
    m, item = len(scores), scores.itemsize
    search = work(0, m * item * (1 + SEARCH_LOADS), m * item * (1 + SEARCH_STORES), m * SEARCH_COMPARISONS)
    return total(made, arrays(m * item), search, work(0, 2 * m * item, POINTER * m, 3 * m))


def merge(
    result: tuple[Array, Array, Array],
    indptr: Array,
    indices: Array,
    pruned: Array,
    grown_rows: Array,
    grown_cols: Array,
) -> Tally:
    """One walk: each slot is compared with the next pruned one, each entry that stays or comes is moved."""
    new_indptr, new_indices, target = result
    read = indptr.nbytes + pruned.nbytes + grown_rows.nbytes + grown_cols.nbytes
    read += INDEX * (len(indices) - len(pruned))
    written = new_indptr.nbytes + new_indices.nbytes + target.nbytes
    made = arrays(new_indptr.nbytes, new_indices.nbytes, target.nbytes)
    return work(read=read, written=written, moves=len(indices) + len(new_indices)) + made


def carry(moved: Array, values: Array, target: Array, size: int) -> Tally:
    """One move a slot onto zeros; what was pruned goes to an entry past the end."""
    room = (size + 1) * values.itemsize
    return work(0, target.nbytes + values.nbytes, room + values.nbytes, len(target)) + arrays(room)


def transpose_index(plan: TransposePlan, indptr: Array, indices: Array, n_in: int) -> Tally:
    """A counting sort by column: count, sum up, copy the starts, move."""
    nnz, starts = len(indices), POINTER * (n_in + 1)
    counted = work(read=nnz * (INDEX + POINTER), written=starts + nnz * POINTER)
    summed = work(read=2 * POINTER * n_in, written=2 * POINTER * n_in)
    moved = work(read=indptr.nbytes + nnz * (INDEX + POINTER), written=nnz * (POINTER + 3 * INDEX), moves=nnz)
    made = arrays(starts, POINTER * n_in, INDEX * nnz, INDEX * nnz, INDEX * nnz)
    return total(counted, summed, moved, made)


TALLIES: dict[str, Callable[..., Any]] = {
    "abs_sums": abs_sums,
    "signed_sums": signed_sums,
    "alias_table": alias_table,
    "alias_draw": alias_draw,
    "candidates": candidates,
    "inactive": inactive,
    "top_k": top_k,
    "merge": merge,
    "carry": carry,
    "transpose_index": transpose_index,
}
