"""Exact selection of the k highest scores, ties to the lower position (ALGORITHM section 5.6)."""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def select(scores, threshold, k, out):
    """Write, increasing, the positions above `threshold` (the k-th highest score) and the first that equal it."""
    above = 0
    for position in range(scores.size):
        above += scores[position] > threshold
    ties, count = k - above, 0
    for position in range(scores.size):
        score = scores[position]
        if score > threshold:
            out[count] = position
            count += 1
        elif score == threshold and ties > 0:
            out[count] = position
            count += 1
            ties -= 1
