"""One whole update once more (ALGORITHM section 5): literally, on dense float64 arrays, for small layers.

Written from that section alone: nothing of the package's kernels, sparse core or exploration is used. Scores are
compared as they come out, so give it inputs whose sums are exact in every order, as `strategies.updates` does.

A table of Walker's method is rounded, and its rounding depends on whether masses were normalised before: where that
decides which pair is drawn, the candidates are None, and nobody is accused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..backends import Geometry
from .problems import ExploredLayer, Pattern, UpdateProblem, Weights

Array = np.ndarray
Edges = frozenset[int]
#: Which distribution a method draws by; the others take every inactive connection.
DRAWN_BY = {"gse": "uniform", "gse-grabo": "grabo", "gse-graest": "graest"}


class Expected(NamedTuple):
    """What an update must do; edge ids of each layer, None where the numbers given do not determine it.

    candidates : S, None where rounding decides. quotas : ⌈α N⌉ of each layer. counts : k of each group of layers.
    grown : G. pruned : P.
    """

    candidates: tuple[Edges | None, ...]
    quotas: tuple[int, ...]
    counts: tuple[int, ...] | None
    grown: tuple[Edges, ...] | None
    pruned: tuple[Edges, ...] | None


def ceiling(fraction: float, size: int) -> int:
    """Return ⌈fraction · size⌉ of the decimal number that `fraction` is written as: ⌈0.1 · 30⌉ is 3."""
    return math.ceil(Fraction(repr(float(fraction))) * size)


def edge_ids(pattern: Pattern | Weights) -> Array:
    """Return i · n_in + j of every connection in CSR order, int64."""
    rows = np.repeat(np.arange(pattern.shape[0], dtype=np.int64), np.diff(pattern.indptr))
    return rows * pattern.shape[1] + pattern.indices


def inactive(layer: ExploredLayer) -> Edges:
    """Return the edge ids of all pairs that are not active."""
    n_out, n_in = layer.weights.shape
    return frozenset(range(n_out * n_in)) - frozenset(edge_ids(layer.weights).tolist())


def patches(x: Array, geometry: Geometry) -> Array:
    """Return the (channels · kernel², height' · width' · batch) matrix of what each tap reads, 0 outside."""
    channels, height, width, batch = x.shape
    kernel, stride, pad = geometry
    high, wide = geometry.positions(height), geometry.positions(width)
    padded = np.zeros((channels, height + 2 * pad, width + 2 * pad, batch))
    padded[:, pad : pad + height, pad : pad + width] = x
    columns = [
        padded[c, u : u + stride * high : stride, v : v + stride * wide : stride].reshape(-1)
        for c in range(channels)
        for u in range(kernel)
        for v in range(kernel)
    ]
    return np.array(columns)


def matrices(layer: ExploredLayer) -> tuple[Array, Array]:
    """Return X (n_in, samples) and δ (n_out, samples), float64; every output position counts as one more sample."""
    x, delta = layer.x.astype(np.float64), layer.delta.astype(np.float64)
    if layer.geometry is not None:
        x = patches(x, layer.geometry)
    return x, delta.reshape(len(delta), -1)


def gradient(layer: ExploredLayer) -> Array:
    """Return ∂loss/∂θ of all pairs, (n_out, n_in)."""
    x, delta = matrices(layer)
    return delta @ x.T


def masses(layer: ExploredLayer, distribution: str) -> tuple[Array, Array]:
    """Return the mass of every input and of every output, uniform where it is 0 altogether."""
    x, delta = matrices(layer)
    signs = layer.draws.signs.reshape(-1)
    f, g = {
        "uniform": lambda: (np.ones(len(x)), np.ones(len(delta))),
        "grabo": lambda: (np.abs(x).sum(axis=1), np.abs(delta).sum(axis=1)),
        "graest": lambda: (np.abs(x @ signs), np.abs(delta @ signs)),
    }[distribution]()
    return f if f.any() else np.ones(len(f)), g if g.any() else np.ones(len(g))


def _table(scaled: list[Any], add_first: bool) -> list[tuple[Any, int]]:
    """Return (probability to stay, where else to go) of every slot, by the stacks of section 5.2."""
    table: list[tuple[Any, int]] = [(1, slot) for slot in range(len(scaled))]
    small = [slot for slot, p in enumerate(scaled) if p < 1]
    large = [slot for slot, p in enumerate(scaled) if p >= 1]
    while small and large:
        a, b = small.pop(), large[-1]
        table[a] = scaled[a], b
        scaled[b] = (scaled[b] + scaled[a]) - 1 if add_first else scaled[b] - (1 - scaled[a])
        if scaled[b] < 1:
            small.append(large.pop())
    return table


def _scalings(mass: Array) -> Iterator[list[Any]]:
    """Yield n · mass / Σ mass, exactly and as implementations may round it."""
    n, exact = len(mass), [Fraction(float(m)) for m in mass]
    yield [m * n / sum(exact) for m in exact]
    total = math.fsum(mass)
    share = [float(m) / total for m in mass]
    yield [p * n for p in share]
    yield [float(m) * n / total for m in mass]
    yield [float(m) / (total / n) for m in mass]
    for again in (math.fsum(share), float(np.sum(share)), float(np.cumsum(share)[-1])):
        yield [p / again * n for p in share]


def draw(mass: Array, uniforms: Array) -> list[int] | None:
    """Return one slot for each uniform by Walker's method; None where it depends on how the table is rounded."""
    found = None
    for scaled in _scalings(mass):
        for add_first in (False, True):
            table, slots = _table(list(scaled), add_first), []
            for u in uniforms.tolist():
                slot = math.floor(u * len(mass))
                stay, other = table[slot]
                slots.append(slot if u * len(mass) - slot < stay else other)
            if found is not None and slots != found:
                return None
            found = slots
    return found


def candidates(layer: ExploredLayer, method: str, subset_factor: float) -> Edges | None:
    """Return S: what was drawn, once each, without the active; all inactive ones where they are no more than ⌈γN⌉.

    None where it depends on how a table is rounded.
    """
    free, count = inactive(layer), ceiling(subset_factor, len(layer.weights.indices))
    if method not in DRAWN_BY or len(free) <= count:
        return free
    f, g = masses(layer, DRAWN_BY[method])
    cols, rows = draw(f, layer.draws.inputs[:count]), draw(g, layer.draws.outputs[:count])
    if cols is None or rows is None:
        return None
    return frozenset(i * layer.weights.shape[1] + j for i, j in zip(rows, cols, strict=True)) & free


def groups(problem: UpdateProblem) -> list[list[int]]:
    """Return the layers that share one count: each on its own, or all together."""
    numbers = list(range(len(problem.layers)))
    return [numbers] if problem.scope == "global" else [[number] for number in numbers]


def _first(entries: Iterable[tuple[float, int, int]], k: int, layers: int) -> list[Edges]:
    """Return the k first of (value, layer, edge id): lower value, then lower layer, then lower edge id."""
    chosen = sorted(entries)[:k]
    return [frozenset(edge for _, home, edge in chosen if home == layer) for layer in range(layers)]


def _united(parts: Iterable[list[Edges]]) -> tuple[Edges, ...]:
    return tuple(frozenset().union(*edges) for edges in zip(*parts, strict=True))


def least(problem: UpdateProblem, counts: Iterable[int]) -> tuple[Edges, ...]:
    """Return P: so many of each group of layers, of smallest |θ|."""
    entries = {
        number: [
            (abs(float(value)), number, edge)
            for edge, value in zip(edge_ids(layer.weights).tolist(), layer.weights.values, strict=True)
        ]
        for number, layer in enumerate(problem.layers)
    }
    size = len(problem.layers)
    grouped = zip(groups(problem), counts, strict=True)
    return _united(_first((e for n in group for e in entries[n]), k, size) for group, k in grouped)


def best(problem: UpdateProblem, found: tuple[Edges, ...], counts: Iterable[int]) -> tuple[Edges, ...]:
    """Return G: so many of each group of layers, of highest |∂loss/∂θ| among the candidates `found`."""
    scores = [np.abs(gradient(layer)).reshape(-1) for layer in problem.layers]
    size = len(problem.layers)
    grouped = zip(groups(problem), counts, strict=True)
    return _united(
        _first(((-float(scores[n][e]), n, e) for n in group for e in found[n]), k, size) for group, k in grouped
    )


def expected(problem: UpdateProblem) -> Expected:
    """Return what the update must do."""
    found = tuple(candidates(layer, problem.method, problem.subset_factor) for layer in problem.layers)
    quotas = tuple(ceiling(problem.fraction, len(layer.weights.indices)) for layer in problem.layers)
    known = tuple(edges for edges in found if edges is not None)
    if len(known) < len(found):
        return Expected(found, quotas, None, None, None)
    counts = tuple(
        min(sum(quotas[n] for n in group), sum(len(known[n]) for n in group)) for group in groups(problem)
    )
    grown = None if problem.method == "set" else best(problem, known, counts)
    return Expected(found, quotas, counts, grown, least(problem, counts))
