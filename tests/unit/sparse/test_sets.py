"""Topologies as sets, against Python's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref.conformance.strategies import shapes, topologies
from gse_ref.errors import InputError
from gse_ref.sparse import Topology, difference, overlap, union


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Topology, Topology]:
    shape = draw(shapes())
    return draw(topologies(shape)), draw(topologies(shape))


def edges(topology: Topology) -> set[tuple[int, int]]:
    return set(zip(topology.rows.tolist(), topology.indices.tolist(), strict=True))


@given(pairs())
def test_sets_are_those_of_python(two: tuple[Topology, Topology]) -> None:
    a, b = two
    event(f"empty: {not a.nnz} {not b.nnz}, full: {a.nnz == a.size} {b.nnz == b.size}")
    assert edges(union(a, b)) == edges(a) | edges(b)
    assert edges(difference(a, b)) == edges(a) - edges(b)
    assert overlap(a, b) == len(edges(a) & edges(b))
    assert union(a, b).shape == difference(a, b).shape == a.shape


def test_ids_beyond_32_bits_are_told_apart() -> None:
    shape = (2**17, 2**17)
    a = Topology.from_edges([2**15, 2**17 - 1], [5, 2**17 - 1], shape)
    b = Topology.from_edges([0, 2**17 - 1], [5, 2**17 - 1], shape)  # 2**15 · 2**17 is 0 in 32 bits
    assert overlap(a, b) == 1
    assert np.array_equal(union(a, b).rows, [0, 2**15, 2**17 - 1])
    assert np.array_equal(difference(a, b).rows, [2**15])


@pytest.mark.parametrize("of", [union, difference, overlap])
def test_two_shapes_are_refused(of) -> None:
    a, b = Topology.from_edges([0], [1], (2, 3)), Topology.from_edges([0], [1], (3, 2))
    with pytest.raises(InputError, match=r"one shape, got \(2, 3\) and \(3, 2\)"):
        of(a, b)
