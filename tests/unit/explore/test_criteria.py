"""Criteria of pruning: exact counts, halves by sign, saliency, and what they refuse."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref.errors import DivergenceError, InputError
from gse_ref.explore import CRITERIA, Request
from gse_ref.explore.criteria import criterion, least, saliencies
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi
from tests.bounds import assert_close

#: Ties, both zeros, and sides that may be empty.
VALUES = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0, 5e-324])
lists = st.one_of(st.lists(VALUES, max_size=12), st.lists(VALUES.map(abs), max_size=12))


@given(values=lists, share=st.integers(0, 12))
def test_asked_for_k_by_sign_it_prunes_k(values: list[float], share: int) -> None:
    """Each half loses its share of k, rounded one way or the other, and of each half those nearest to 0."""
    importance, k = np.array(values, np.float64), min(share, len(values))
    pruned = least(importance, k, halves=True).tolist()
    assert len(pruned) == len(set(pruned)) == k
    assert pruned == sorted(pruned)
    event("one side is empty" if not 0 < sum(v >= 0 for v in values) < len(values) else "two sides")
    for side in ([i for i, v in enumerate(values) if v >= 0], [i for i, v in enumerate(values) if v < 0]):
        gone = [i for i in pruned if i in side]
        if side:
            assert abs(len(gone) - Fraction(k * len(side), len(values))) < 1
        assert gone == sorted(sorted(side, key=lambda i: (abs(values[i]), i))[: len(gone)])


@given(values=lists, share=st.integers(0, 12))
def test_without_signs_the_smallest_go_first_and_ties_to_the_lower_position(
    values: list[float], share: int
) -> None:
    k = min(share, len(values))
    assert least(np.array(values), k).tolist() == sorted(
        sorted(range(len(values)), key=lambda i: (values[i], i))[:k]
    )


def test_halves_of_equal_size_lose_as_many() -> None:
    values = np.array([3.0, -0.1, 0.2, -5.0, 0.1, -0.3, 4.0, -2.0])
    assert least(values, 4, halves=True).tolist() == [1, 2, 4, 5]
    assert least(values, 2, halves=True).tolist() == [1, 4]
    assert least(np.abs(values), 4).tolist() == [1, 2, 4, 5]
    assert least(np.array([9.0, 8.0, -1.0, -2.0]), 2, halves=True).tolist() == [1, 2], "not the two smallest"


def _layer() -> SparseParameter:
    parameter = SparseParameter(LayerShape(6, 5), np.float64)
    topology = erdos_renyi((6, 5), 11, stream(0, "topology"))
    parameter.place(topology, stream(0, "weights").normal(size=11))
    return parameter


def _request(layer: SparseParameter, delta: np.ndarray, **more) -> Request:
    x = stream(1, "check").normal(size=(5, 3))
    return Request(0, 3, 0.3, "global", 1.0, lambda observer: observer(layer, x, delta), **more)


def test_saliency_is_gradient_times_weight() -> None:
    layer, delta = _layer(), stream(2, "check").normal(size=(6, 3))
    topology, x = layer.topology, stream(1, "check").normal(size=(5, 3))
    terms = np.abs(delta) @ np.abs(x).T
    expected = np.abs((delta @ x.T)[topology.rows, topology.indices] * layer.data)
    magnitude = terms[topology.rows, topology.indices] * np.abs(layer.data)
    [actual] = saliencies({"fc": layer}, _request(layer, delta))
    assert_close(actual, expected, magnitude, 4)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_names_layer_and_step(value: float) -> None:
    layer = _layer()
    with pytest.raises(DivergenceError, match="gradient of layer fc at step 3 is not finite"):
        saliencies({"fc": layer}, _request(layer, np.full((6, 3), value)))


def test_momentum_is_the_optimizers() -> None:
    layer = _layer()
    momentum = np.arange(11.0) - 5
    asked = _request(layer, np.ones((6, 3)), momenta={"fc": momentum})
    [actual] = CRITERIA["momentum"].importance({"fc": layer}, asked)
    assert np.array_equal(actual, np.abs(momentum))
    with pytest.raises(InputError, match="needs an optimizer with momentum, there is none for fc"):
        CRITERIA["momentum"].importance({"fc": layer}, _request(layer, np.ones((6, 3))))


def test_unknown_criterion_names_the_nearest() -> None:
    assert criterion("signed").halves
    with pytest.raises(InputError, match="did you mean 'magnitude'"):
        criterion("magnitud")
