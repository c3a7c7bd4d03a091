"""Strategies of what exploration chooses from: scores, masses, uniforms, drawn pairs, edits, layers of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...sparse import Topology
from .layer import mask_of, topologies
from .values import DTYPES, arrays, dtypes, generators

#: The largest float64 below 1.
LAST_UNIFORM = 1 - 2.0**-53


@st.composite
def scores(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> tuple[np.ndarray, int]:
    """Scores with many ties, ±0 and infinities, and how many to take, none and all included."""
    size, dtype = draw(st.integers(0, 40)), draw(dtypes(allowed))
    levels = st.sampled_from((0.0, -0.0, 1.0, 2.0, np.inf, float(np.finfo(dtype).smallest_subnormal), -1.0))
    few = st.lists(levels, min_size=size, max_size=size).map(lambda v: np.array(v, dtype))
    return draw(few | arrays((size,), dtype)), draw(st.sampled_from((0, size)) | st.integers(0, size))


@st.composite
def masses(draw: st.DrawFn, most: int = 30) -> np.ndarray:
    """Non-negative masses of positive sum, (n,) float64: equal, a single one, zeros among them, sizes far apart."""
    size, generator = draw(st.just(1) | st.integers(1, most)), draw(generators())
    mass = {
        "equal": lambda: np.full(size, 0.1),
        "single": lambda: np.zeros(size),
        "zeros": lambda: generator.random(size) * generator.integers(0, 2, size),
        "any": lambda: generator.random(size) + 1e-3,
        "spread": lambda: 10.0 ** generator.integers(-30, 30, size),
    }[draw(st.sampled_from(("equal", "single", "zeros", "any", "spread")))]()
    if not mass.any():
        mass[draw(st.integers(0, size - 1))] = 2.5
    return mass


@st.composite
def uniforms(draw: st.DrawFn, slots: int) -> np.ndarray:
    """Uniforms in [0, 1), often 0, the last float below 1, or on either side of a slot's edge."""
    edge = st.integers(0, slots - 1).map(lambda k: k / slots)
    below = edge.map(lambda u: max(0.0, float(np.nextafter(u, 0))))
    one = st.sampled_from((0.0, LAST_UNIFORM)) | edge | below | st.floats(0, LAST_UNIFORM)
    return np.array(draw(st.lists(one, max_size=30)), np.float64)


@st.composite
def draws(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A mass and uniforms to draw with."""
    mass = draw(masses())
    return mass, draw(uniforms(len(mass)))


class Drawn(NamedTuple):
    """Pairs drawn with replacement over a topology, active ones among them."""

    topology: Topology
    rows: np.ndarray
    cols: np.ndarray


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Pairs of any topology: active and inactive, again and again, none at all."""
    topology, size, generator = draw(topologies()), draw(st.integers(0, 60)), draw(generators())
    rows = generator.integers(0, topology.n_out, size, dtype=np.int32)
    return Drawn(topology, rows, generator.integers(0, topology.n_in, size, dtype=np.int32))


class Edit(NamedTuple):
    """A topology, slots to prune (increasing) and inactive pairs to grow (by edge id)."""

    topology: Topology
    pruned: np.ndarray
    grown_rows: np.ndarray
    grown_cols: np.ndarray
    values: np.ndarray


def _subset(draw: st.DrawFn, size: int) -> np.ndarray:
    bits = draw(st.sampled_from((0, 2**size - 1)) | st.integers(0, 2**size - 1))
    return np.flatnonzero([bits >> k & 1 for k in range(size)])


@st.composite
def edits(draw: st.DrawFn, most: int = 6) -> Edit:
    """Edits that prune and grow nothing, some and everything; values of any kind, ±0 among them."""
    topology = draw(topologies(most=most))
    pruned = _subset(draw, topology.nnz)
    free = np.flatnonzero(~mask_of(topology))
    grown = free[_subset(draw, len(free))]
    rows, cols = np.divmod(grown, topology.n_in)
    values = draw(arrays((topology.nnz,), draw(dtypes())))
    return Edit(topology, pruned, rows.astype(np.int32), cols.astype(np.int32), values)


@st.composite
def layer_shapes(draw: st.DrawFn) -> Sequence[tuple[int, int, tuple[int, int] | None]]:
    """(n_out, n_in, kernel) of the sparse layers of a model, convolutions and very small layers among them."""
    layers = []
    for _ in range(draw(st.integers(1, 6))):
        kernel = draw(st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5)))
        channels = draw(st.integers(1, 3) | st.integers(1, 200))
        n_in = channels if kernel is None else channels * kernel[0] * kernel[1]
        layers.append((draw(st.integers(1, 3) | st.integers(1, 300)), n_in, kernel))
    return layers
