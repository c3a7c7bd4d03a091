"""What the tests draw: shapes, topologies, values, batches, scores, uniforms, masses, nasty corners included.

Structure is drawn by Hypothesis, so that it shrinks; the bulk of the numbers comes from a drawn seed and a drawn
kind, so that drawing is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...rng import stream
from ...sparse import Topology

#: The kernels work in tiles of 128, 16 and 1 samples: around each edge, and sums of tiles.
BATCHES = (1, 15, 16, 17, 127, 128, 129, 144, 257)
#: The largest float64 below 1.
LAST_UNIFORM = 1 - 2.0**-53

#: Magnitudes whose products still fit the dtype when 300 of them are summed, and whose products vanish.
_LARGE = {np.dtype(np.float32): 1e15, np.dtype(np.float64): 1e120}
_SMALL = {np.dtype(np.float32): 1e-30, np.dtype(np.float64): 1e-200}

Generator = np.random.Generator
Make = Callable[[Generator, tuple[int, ...], np.dtype], np.ndarray]


def _mixed(generator: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    layers = [make(generator, shape, dtype) for kind, make in KINDS.items() if kind != "mixed"]
    return np.choose(generator.integers(0, len(layers), shape), layers)


KINDS: dict[str, Make] = {
    "normal": lambda g, shape, dtype: g.standard_normal(shape),
    "ties": lambda g, shape, dtype: g.integers(-2, 3, shape).astype(np.float64),
    "zeros": lambda g, shape, dtype: np.where(g.integers(0, 2, shape) > 0, 0.0, -0.0),
    "subnormal": lambda g, shape, dtype: g.integers(-9, 10, shape) * float(np.finfo(dtype).smallest_subnormal),
    "large": lambda g, shape, dtype: g.standard_normal(shape) * _LARGE[dtype],
    "small": lambda g, shape, dtype: g.standard_normal(shape) * _SMALL[dtype],
    "mixed": _mixed,
}


#: What values may be.
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def dtypes(allowed: Sequence[np.dtype] = DTYPES) -> st.SearchStrategy[np.dtype]:
    return st.sampled_from(allowed)


def batches() -> st.SearchStrategy[int]:
    edges = st.sampled_from(BATCHES)
    return st.one_of(edges, edges.map(int), st.integers(1, 300))


def generators() -> st.SearchStrategy[Generator]:
    return st.integers(0, 2**32 - 1).map(lambda seed: stream(seed, "check"))


def shapes(most: int = 8) -> st.SearchStrategy[tuple[int, int]]:
    """(n_out, n_in), one row and one column often."""
    side = st.just(1) | st.integers(1, most)
    return st.tuples(side, side)


def of_mask(mask: np.ndarray) -> Topology:
    """Return the topology of a small dense boolean mask."""
    return Topology(np.concatenate([[0], np.cumsum(mask.sum(axis=1))]), np.nonzero(mask)[1], mask.shape)


def mask_of(topology: Topology) -> np.ndarray:
    """Return the dense boolean mask of a small topology."""
    mask = np.zeros(topology.shape, bool)
    mask[topology.rows, topology.indices] = True
    return mask


@st.composite
def topologies(draw: st.DrawFn, shape: tuple[int, int] | None = None, most: int = 8) -> Topology:
    """Topologies with empty and full rows, without any and with every connection."""
    n_out, n_in = draw(shapes(most)) if shape is None else shape
    everything = 2**n_in - 1
    row = st.sampled_from((0, everything)) | st.integers(0, everything)
    rows = draw(
        st.lists(row, min_size=n_out, max_size=n_out) | st.just([0] * n_out) | st.just([everything] * n_out)
    )
    return of_mask(np.array([[bits >> j & 1 for j in range(n_in)] for bits in rows], bool))


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Values of one kind: ties, ±0, subnormals, large and small magnitudes, or a mixture of them."""
    make = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    return make(draw(generators()), shape, dtype).astype(dtype)


class Product(NamedTuple):
    """Operands of the products of one layer."""

    topology: Topology
    values: np.ndarray
    x: np.ndarray
    dy: np.ndarray
    bias: np.ndarray | None


@st.composite
def products(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Product:
    topology, dtype, batch = draw(topologies()), draw(dtypes(allowed)), draw(batches())
    return Product(
        topology,
        draw(arrays((topology.nnz,), dtype)),
        draw(arrays((topology.n_in, batch), dtype)),
        draw(arrays((topology.n_out, batch), dtype)),
        draw(st.none() | arrays((topology.n_out,), dtype)),
    )


class Sampled(NamedTuple):
    """Pairs, repeated and unordered, with the dense operands they read."""

    rows: np.ndarray
    cols: np.ndarray
    dy: np.ndarray
    x: np.ndarray


@st.composite
def sampled(draw: st.DrawFn) -> Sampled:
    (n_out, n_in), dtype, batch = draw(shapes()), draw(dtypes()), draw(batches())
    size, generator = draw(st.integers(0, 30)), draw(generators())
    return Sampled(
        generator.integers(0, n_out, size, dtype=np.int32),
        generator.integers(0, n_in, size, dtype=np.int32),
        draw(arrays((n_out, batch), dtype)),
        draw(arrays((n_in, batch), dtype)),
    )


class Signed(NamedTuple):
    x: np.ndarray
    signs: np.ndarray


@st.composite
def signed(draw: st.DrawFn) -> Signed:
    (units, _), dtype, batch = draw(shapes()), draw(dtypes()), draw(batches())
    signs = draw(generators()).integers(0, 2, batch) * 2.0 - 1.0
    return Signed(draw(arrays((units, batch), dtype)), signs)


@st.composite
def rectified(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """An output of ReLU, or any array, and its gradient, with one to three axes and zeros of both signs."""
    (units, more), dtype, batch = draw(shapes()), draw(dtypes()), draw(batches())
    shape = draw(st.sampled_from([(units,), (units, batch), (units, more, 3)]))
    return draw(arrays(shape, dtype)), draw(arrays(shape, dtype))


@st.composite
def gathers(draw: st.DrawFn) -> tuple[Any, ...]:
    """Samples as bytes or floats, any order with repetitions, one scaling for all or one for each feature."""
    (samples, width), dtype, batch = draw(shapes()), draw(dtypes()), draw(batches())
    generator = draw(generators())
    stored = draw(st.sampled_from([np.uint8, np.float32, np.float64]))
    features = generator.integers(0, 256, (samples, width)).astype(stored)
    size = draw(st.sampled_from([None, width]))
    scale, shift = (generator.normal(size=size) for _ in range(2))
    return features, generator.integers(0, samples, batch), scale, shift, np.dtype(dtype)


@st.composite
def scores(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Scores with many ties, ±0 and infinities, and how many to take, none and all included."""
    size, dtype = draw(st.integers(0, 40)), draw(dtypes())
    levels = st.sampled_from((0.0, -0.0, 1.0, 2.0, np.inf, float(np.finfo(dtype).smallest_subnormal), -1.0))
    few = st.lists(levels, min_size=size, max_size=size).map(lambda v: np.array(v, dtype))
    return draw(few | arrays((size,), dtype)), draw(st.sampled_from((0, size)) | st.integers(0, size))


@st.composite
def masses(draw: st.DrawFn, most: int = 30) -> np.ndarray:
    """Non-negative masses of positive sum: equal ones, a single one, zeros among them, sizes far apart."""
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
