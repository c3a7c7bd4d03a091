"""One topology update on dense masks: draws, candidates, selection, literally (ALGORITHM sections 4 and 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Array = np.ndarray
#: (score, layer, edge id) of a connection that may be chosen.
Entry = tuple[float, int, int]
#: A product this close to an integer is that integer.
_SNAP = 1e-9


def count(fraction: float, size: float) -> int:
    """Return ⌈fraction · size⌉."""
    return math.ceil(fraction * size - _SNAP)


def cosine(initial: float, step: int, end: int) -> float:
    """Return α_t of the schedule "cosine"."""
    return initial / 2 * (1 + math.cos(math.pi * step / end))


class Walk(NamedTuple):
    """What Walker's method drew, and the numbers whose signs decided it.

    slots : one a uniform. margins : of the table, each share less 1; then of each draw, what stays less the coin.
    """

    slots: list[int]
    margins: list[float]


def walker(mass: Array, uniforms: Array) -> Walk:
    """Draw by Walker's method with the stacks of ALGORITHM section 5.2, in exact index order."""
    n, total = len(mass), 0.0
    for p in mass:
        total += p
    scaled = [p / total * n for p in mass]
    stay, other = [1.0] * n, list(range(n))
    small, large = [i for i in range(n) if scaled[i] < 1], [i for i in range(n) if scaled[i] >= 1]
    margins = [share - 1 for share in scaled]
    while small and large:
        a = small.pop()
        stay[a], other[a] = scaled[a], large[-1]
        scaled[large[-1]] -= 1 - scaled[a]
        if small or len(large) > 1:  # the last one keeps its slot, whatever rounding has left of it
            margins.append(scaled[large[-1]] - 1)
        if scaled[large[-1]] < 1:
            small.append(large.pop())
    slots = []
    for u in uniforms:
        slot = math.floor(u * n)
        coin = u * n - slot
        slots.append(slot if coin < stay[slot] else other[slot])
        margins.append(stay[slot] - coin)
    return Walk(slots, margins)


def masses(distribution: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
    """Return the mass of each input and each output; signs (samples,) for "graest". A mass of 0 becomes uniform."""
    found = {
        "uniform": lambda: (np.ones(len(x)), np.ones(len(delta))),
        "grabo": lambda: (np.abs(x).sum(1), np.abs(delta).sum(1)),
        "graest": lambda: (np.abs(x @ signs), np.abs(delta @ signs)),
    }[distribution]()
    return tuple(mass if mass.sum() > 0 else np.ones(len(mass)) for mass in found)  # type: ignore[return-value]


def inactive(mask: Array) -> list[int]:
    """Return the edge ids that are not active, increasing."""
    return [int(edge) for edge in np.flatnonzero(mask == 0)]


def takes_all(mask: Array, gamma: float) -> bool:
    """Return whether a layer has no more inactive connections than ⌈γN⌉: then all of them are candidates."""
    return bool(mask.size - mask.sum() <= count(gamma, mask.sum()))


def gse_candidates(
    distribution: str, mask: Array, x: Array, delta: Array, gamma: float, uniforms: Array, signs: Array
) -> list[int]:
    """Return edge ids of S, increasing; `uniforms` (2, ⌈γN⌉ or more) for inputs and outputs."""
    if takes_all(mask, gamma):
        return inactive(mask)
    draws = count(gamma, mask.sum())
    sides = zip(masses(distribution, x, delta, signs), uniforms, strict=True)
    cols, rows = (walker(mass, u[:draws]).slots for mass, u in sides)
    drawn = {i * mask.shape[1] + j for i, j in zip(rows, cols, strict=True)}
    return sorted(drawn & set(inactive(mask)))


def choose(entries: list[Entry], k: int, layers: int) -> list[set[int]]:
    """Return the edge ids of the k best of (score, layer, edge id): higher score, lower layer, lower id."""
    best = sorted(entries, key=lambda e: (-e[0], e[1], e[2]))[:k]
    return [{edge for _, home, edge in best if home == layer} for layer in range(layers)]


def groups(layers: int, scope: str) -> list[list[int]]:
    """Return the layers that are chosen from together."""
    return [list(range(layers))] if scope == "global" else [[n] for n in range(layers)]


def topology_update(
    weights: Sequence[Array],
    masks: Sequence[Array],
    candidates: Sequence[list[int]],
    scores: Sequence[Array],
    fraction: float,
    scope: str,
) -> tuple[list[set[int]], list[set[int]]]:
    """Return G and P of each layer; `scores` are dense |gradient| matrices."""
    grown: list[set[int]] = [set() for _ in masks]
    pruned: list[set[int]] = [set() for _ in masks]
    for group in groups(len(masks), scope):
        grow = [(scores[n].flat[e], n, e) for n in group for e in candidates[n]]
        prune = [(-abs(weights[n].flat[e]), n, int(e)) for n in group for e in np.flatnonzero(masks[n])]
        k = min(sum(count(fraction, masks[n].sum()) for n in group), len(grow))
        best, least = choose(grow, k, len(masks)), choose(prune, k, len(masks))
        for n in group:
            grown[n], pruned[n] = best[n], least[n]
    return grown, pruned
