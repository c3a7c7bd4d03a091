"""Strategies of layers: shapes, topologies, the operands of their products, pairs, and what surrounds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...sparse import Topology
from .values import DTYPES, arrays, batches, dtypes, generators, spoilt


def shapes(most: int = 8) -> st.SearchStrategy[tuple[int, int]]:
    """(n_out, n_in) of 1 to `most` each; one row and one column often. Shrinks to (1, 1)."""
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
    """Topologies with empty and full rows, without any and with every connection.

    Shrinks to few rows and columns, and in those to few connections at low columns.

    shape : (n_out, n_in); drawn by `shapes(most)` if None.
    """
    n_out, n_in = draw(shapes(most)) if shape is None else shape
    everything = 2**n_in - 1
    row = st.integers(0, everything) | st.sampled_from((0, everything))
    rows = draw(
        st.lists(row, min_size=n_out, max_size=n_out) | st.just([0] * n_out) | st.just([everything] * n_out)
    )
    return of_mask(np.array([[bits >> j & 1 for j in range(n_in)] for bits in rows], bool))


class Product(NamedTuple):
    """Operands of the products of one layer: x (n_in, batch), dy (n_out, batch), values (nnz,), bias (n_out,)."""

    topology: Topology
    values: np.ndarray
    x: np.ndarray
    dy: np.ndarray
    bias: np.ndarray | None


@st.composite
def products(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES, finite: bool = True) -> Product:
    """Any topology, each operand of a kind of its own, batches at the edges of tiles, with and without a bias.

    allowed : dtypes; all operands are of one. finite : False puts NaN or an infinity into x and dy, and at times
    into the weights and the bias.
    """
    topology, dtype, batch = draw(topologies()), draw(dtypes(allowed)), draw(batches())
    case = Product(
        topology,
        draw(arrays((topology.nnz,), dtype)),
        draw(arrays((topology.n_in, batch), dtype)),
        draw(arrays((topology.n_out, batch), dtype)),
        draw(st.none() | arrays((topology.n_out,), dtype)),
    )
    if finite:
        return case
    spoilt_too = st.lists(st.sampled_from(("values", "bias")), max_size=2, unique=True)
    for name in ("x", "dy", *draw(spoilt_too)):
        if getattr(case, name) is not None:
            draw(spoilt(getattr(case, name)))
    return case


class Sampled(NamedTuple):
    """Pairs, repeated and unordered, with the dense operands they read."""

    rows: np.ndarray
    cols: np.ndarray
    dy: np.ndarray
    x: np.ndarray


@st.composite
def sampled(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES, finite: bool = True) -> Sampled:
    """No pairs at all, unordered pairs, the same pair again and again.

    allowed : dtypes. finite : False puts NaN or an infinity into x and dy.
    """
    (n_out, n_in), dtype, batch = draw(shapes()), draw(dtypes(allowed)), draw(batches())
    size, generator = draw(st.integers(0, 30)), draw(generators())
    case = Sampled(
        generator.integers(0, n_out, size, dtype=np.int32),
        generator.integers(0, n_in, size, dtype=np.int32),
        draw(arrays((n_out, batch), dtype)),
        draw(arrays((n_in, batch), dtype)),
    )
    return case if finite else case._replace(dy=draw(spoilt(case.dy)), x=draw(spoilt(case.x)))


class Signed(NamedTuple):
    """Units of a layer, (units, batch), and a sign ±1 for each sample."""

    x: np.ndarray
    signs: np.ndarray


@st.composite
def signed(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Signed:
    """Values of any kind, also a single unit and a single sample."""
    (units, _), dtype, batch = draw(shapes()), draw(dtypes(allowed)), draw(batches())
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
