"""RigL's choice by a bound: the same connections, fewer blocks, and no bound that is too low."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref.backends import Geometry
from gse_ref.errors import DivergenceError
from gse_ref.explore.greedy import top_of_dense_gradient
from gse_ref.explore.sketch import top_by_bound
from gse_ref.nn import Observation, SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, Topology, erdos_renyi
from tests.unfolded import flat, unfolded
from tests.unit.explore.test_convolutions import GEOMETRIES, seen_by_a_probe


def matrix(x: np.ndarray, delta: np.ndarray, nnz: int) -> Observation:
    shape = len(delta), len(x)
    parameter = SparseParameter(LayerShape(*shape), x.dtype)
    parameter.place(erdos_renyi(shape, nnz, stream(0, "topology")), np.ones(nnz, x.dtype))
    return Observation(parameter, x, delta)


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 11), st.integers(1, 4)),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    size=st.sampled_from([1, 4, 9, 1000]),
    skew=st.booleans(),
    data=st.data(),
)
def test_matrices(
    seed: int, shape: tuple[int, int, int], share: float, size: int, skew: bool, data: st.DataObject
) -> None:
    """Small integers: scores are exact, ties abound, and whole rows are 0."""
    n_out, n_in, samples = shape
    draw = np.random.default_rng(seed)
    x, delta = (draw.integers(-2, 3, (n, samples)).astype(np.float64) for n in (n_in, n_out))
    if skew:
        x *= 4.0 ** -np.arange(n_in)[:, None]
    seen = matrix(x, delta, round(share * n_out * n_in))
    keep = data.draw(st.integers(0, n_out * n_in - seen.parameter.topology.nnz))
    expected = top_of_dense_gradient(seen, keep, "here")
    ids, scores, visited = top_by_bound(seen, keep, "here", size)
    assert ids.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()
    assert 0 <= visited <= 1
    event("blocks skipped" if visited < 1 else "all visited")


@pytest.mark.parametrize("size", [1, 6, 30, 10_000])
@pytest.mark.parametrize("keep", [0, 1, 7, 60, 1000])
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=list(GEOMETRIES))
def test_convolutions(geometry: Geometry, keep: int, size: int) -> None:
    seen = seen_by_a_probe(geometry)
    keep = min(keep, seen.parameter.topology.size - seen.parameter.topology.nnz)
    expected = top_of_dense_gradient(seen, keep, "here")
    ids, scores, _ = top_by_bound(seen, keep, "here", size)
    assert ids.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()


def test_only_blocks_that_can_hold_a_winner_are_visited() -> None:
    """One in 16 inputs and outputs carries all but 1 % of the gradient: a hundredth of the matrix is enough."""
    n, strong = 256, 16
    x, delta = stream(0, "check").normal(size=(2, n, 8))
    for side, places in ((x, slice(0, strong)), (delta, slice(n - strong, n))):
        weak = np.ones(n, bool)
        weak[places] = False
        side[weak] *= 0.01
    seen = matrix(x, delta, 500)
    ids, _, visited = top_by_bound(seen, 60, "here", 64)
    assert ids.tolist() == top_of_dense_gradient(seen, 60, "here")[0].tolist()
    assert visited <= (strong / n + 0.05) ** 2


def test_of_equal_norms_all_is_visited() -> None:
    x, delta = (stream(0, "check", k).choice([-1.0, 1.0], size=(64, 4)) for k in range(2))
    seen = matrix(x, delta, 300)
    _, scores, visited = top_by_bound(seen, 40, "here", 64)
    assert visited == 1
    assert scores.max() <= 4


def test_a_score_that_meets_its_bound_is_not_missed() -> None:
    """With one sample the bound is the score itself, up to rounding: 2a · b and a · 2b tie, 2a · 2b is active."""
    for a, b in stream(0, "check").normal(size=(40, 2)).astype(np.float32):
        parameter = SparseParameter(LayerShape(2, 2))
        parameter.place(Topology.from_edges([1], [0], (2, 2)), np.ones(1, np.float32))
        seen = Observation(parameter, np.array([[2 * a], [a]]), np.array([[b], [2 * b]]))
        assert top_by_bound(seen, 1, "here", 1)[0].tolist() == [0], (a, b)


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1.0, 1e22, 1e30])
def test_squares_that_underflow_or_overflow_change_nothing(scale: float) -> None:
    """float32 has no squares below 1e-45 nor above 3e38; the scores themselves are of size 1."""
    draw = stream(0, "check")
    x, delta = (draw.integers(-3, 4, (n, 4)).astype(np.float32) for n in (30, 20))
    seen = matrix(x * np.float32(scale), delta / np.float32(scale), 100)
    ids, scores, _ = top_by_bound(seen, 25, "here", 4)
    expected = top_of_dense_gradient(seen, 25, "here", 1 << 20)
    assert ids.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()


def test_a_tiny_row_beside_a_huge_one_is_bounded() -> None:
    """Relative to the largest its square underflows; its connections are the only ones that are inactive."""
    huge, small, tiny = 2.0**33, 2.0**-66, 2.0**-68
    x = np.array([[huge, huge], [tiny, 0], [0, 0], [small, -small]], np.float32)
    delta = np.array([[2.0**13, 2.0**14], [2.0**-30, 2.0**-28]], np.float32)
    parameter = SparseParameter(LayerShape(2, 4))
    topology = Topology.from_edges([0, 1], [0, 0], (2, 4))
    parameter.place(topology, np.ones(2, np.float32))
    seen = Observation(parameter, x, delta)
    for keep, wanted in ((1, [3]), (2, [1, 3]), (3, [1, 3, 7])):
        expected = top_of_dense_gradient(seen, keep, "here")
        ids, scores, _ = top_by_bound(seen, keep, "here", 1)
        assert ids.tolist() == expected[0].tolist() == wanted
        assert scores.tolist() == expected[1].tolist()
        assert scores.min() > 0


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["x", "delta"])
def test_what_is_not_finite_is_named(side: str, value: float) -> None:
    seen = seen_by_a_probe(GEOMETRIES["3, padded"])
    getattr(seen, side)[0, 0, 0, 0] = value
    with pytest.raises(DivergenceError, match="gradient of layer conv at step 3 is not finite"):
        top_by_bound(seen, 3, "layer conv at step 3")


def test_the_bound_of_a_convolution_is_that_of_its_patches() -> None:
    """‖X_j‖ over patches, not over the image: the corner of a window sees fewer pixels than its centre."""
    geometry = Geometry(3, 1, 1)
    seen = seen_by_a_probe(geometry, size=(2, 2))
    patches, delta = unfolded(seen.x, geometry), flat(seen.delta)
    squares = np.outer(np.square(delta).sum(1), np.square(patches).sum(1))
    assert (np.square(delta @ patches.T) <= squares).all(), "small integers: exact"
    assert len(set(np.square(patches).sum(1).tolist())) > 3
    assert top_by_bound(seen, 5, "here", 1)[0].tolist() == top_of_dense_gradient(seen, 5, "here")[0].tolist()
