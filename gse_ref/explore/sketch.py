"""RigL's growth without the whole dense gradient: blocks that cannot hold a winner are never computed.

|Σ_b δ_ib X_jb| ≤ ‖δ_i‖·‖X_j‖ (Cauchy–Schwarz): the bound of GraBo with 2-norms, which are never larger than its
sums of absolute values. Rows and columns are ordered by their norms and cut into blocks, which are visited by
falling bound until it falls below the k-th best score found. The result is RigL's, whatever was skipped.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

import numpy as np

from ..backends import active
from ..backends.arrays import all_finite, item, namespace, to_device, to_host
from ..errors import DivergenceError
from ..nn import Observation
from .greedy import by_gradient

#: Least number of entries of a block.
SMALLEST = 1 << 14


def _norms(seen: Observation, place: str) -> tuple[np.ndarray, np.ndarray]:
    """Return ‖δ_i‖ (n_out,) and ‖X_j‖ (n_in,) over samples and positions, float64, not less than they are.

    On the host, which decides by them what to compute. The squares are of numbers divided by the largest: none
    overflows, and what underflows is made up for.
    """
    arrays = (seen.x, seen.delta)
    largest = [item(abs(array).max()) for array in arrays]
    if not all(map(math.isfinite, largest)):
        raise DivergenceError(f"the gradient of {place} is not finite: training has diverged")
    units = [array.dtype.type(most or 1) for array, most in zip(arrays, largest, strict=True)]
    squares = [namespace(array).square(array / unit) for array, unit in zip(arrays, units, strict=True)]
    lost = seen.samples * float(np.finfo(seen.x.dtype).tiny)
    sums = Observation(seen.parameter, *squares).abs_sums()
    inputs, outputs = (most * np.sqrt(to_host(total) + lost) for most, total in zip(largest, sums, strict=True))
    return outputs, inputs


def _falling(rows: np.ndarray, cols: np.ndarray) -> Iterator[tuple[float, int, int]]:
    """Yield (bound, row block, column block) by falling bound, given the largest norm of each block, falling.

    A frontier of at most one block a row: O(blocks of a side) memory.
    """
    frontier = [(-rows[0] * cols[0], 0, 0)]
    while frontier:
        bound, i, j = heapq.heappop(frontier)
        yield -bound, i, j
        if j + 1 < len(cols):
            heapq.heappush(frontier, (-rows[i] * cols[j + 1], i, j + 1))
        if j == 0 and i + 1 < len(rows):
            heapq.heappush(frontier, (-rows[i + 1] * cols[0], i + 1, 0))


def _block(seen: Observation, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Return |∂loss/∂θ| of rows × cols."""
    if seen.parameter.geometry is None:
        return abs(active().gradient_rows(seen.delta[rows], seen.x[cols]))
    xp = namespace(rows)
    pairs = xp.repeat(rows, len(cols)).astype(np.int32), xp.tile(cols, len(rows)).astype(np.int32)
    return abs(seen.gradient_pairs(*pairs)).reshape(len(rows), len(cols))


class _Members:
    """The active connections of each block, as positions within it."""

    def __init__(self, seen: Observation, rows: np.ndarray, cols: np.ndarray, side: int) -> None:
        topology = seen.parameter.topology
        rank_row, rank_col = np.empty_like(rows), np.empty_like(cols)
        rank_row[rows], rank_col[cols] = np.arange(len(rows)), np.arange(len(cols))
        i, j = rank_row[to_host(topology.rows)], rank_col[to_host(topology.indices)]
        self.across = -(-len(cols) // side)
        block = i // side * self.across + j // side
        order = np.argsort(block, kind="stable")
        self.i, self.j, self.block = i[order] % side, j[order] % side, block[order]

    def of(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        number = i * self.across + j
        first, last = np.searchsorted(self.block, [number, number + 1])
        return self.i[first:last], self.j[first:last]


def top_by_bound(
    seen: Observation, keep: int, place: str, smallest: int = SMALLEST
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return edge ids, increasing, and scores of the `keep` best inactive pairs, and the share that was computed.

    As `greedy.top_of_dense_gradient`. O(n log n + nnz log nnz) and what is visited: all of it at worst, where all
    norms are alike. A block has at least `smallest` and about `keep` entries.

    Raises
    ------
    DivergenceError : X, δ or a score is not finite; `place` says where.
    """
    topology = seen.parameter.topology
    xp = namespace(seen.x)
    ids, scores = xp.empty(0, dtype=np.int64), xp.empty(0, dtype=seen.x.dtype)
    if keep == 0:
        return ids, scores, 0.0
    outputs, inputs = _norms(seen, place)
    rows, cols = (np.argsort(-norms, kind="stable") for norms in (outputs, inputs))
    side = math.isqrt(max(keep, smallest) - 1) + 1
    members = _Members(seen, rows, cols, side)
    # A computed score may exceed the bound by its rounding.
    slack = 1.0 + 4.0 * np.finfo(seen.x.dtype).eps * seen.samples
    visited = 0
    for bound, i, j in _falling(outputs[rows[::side]], inputs[cols[::side]]):
        if len(scores) == keep and bound * slack < item(scores.min()):
            break
        own = to_device(rows[i * side : (i + 1) * side], xp)
        other = to_device(cols[j * side : (j + 1) * side], xp)
        dense = _block(seen, own, other)
        if not all_finite(dense):
            raise DivergenceError(f"the dense gradient of {place} is not finite: training has diverged")
        visited += dense.size
        dense[tuple(to_device(part, xp) for part in members.of(i, j))] = -1
        bar = scores.min() if len(scores) == keep else 0
        at, to = xp.nonzero(dense >= bar)
        ids = xp.concatenate([ids, own[at].astype(np.int64) * topology.n_in + other[to]])
        scores = xp.concatenate([scores, dense[at, to]])
        order = xp.argsort(ids)
        ids, scores = ids[order], scores[order]
        if len(scores) > keep:
            best = active().top_k(scores, keep)
            ids, scores = ids[best], scores[best]
    return ids, scores, visited / topology.size


#: RigL's choice, found by the bound.
sketched = by_gradient(top_by_bound)
