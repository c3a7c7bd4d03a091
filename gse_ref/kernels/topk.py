"""Exact selection of the k highest scores, ties to the lower position (ALGORITHM section 5.6)."""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def select(scores, threshold, k, out):
    """Write, increasing, the positions above `threshold` (the k-th highest score) and the first that equal it.

    `out` has k + 1 entries: every position is written, only those that count move on, so nothing branches.
    """
    ties = k
    for position in range(scores.size):
        ties -= scores[position] > threshold
    count = 0
    for position in range(scores.size):
        score = scores[position]
        tied = (score == threshold) & (ties > 0)
        ties -= tied
        out[count] = position
        count += (score > threshold) | tied
