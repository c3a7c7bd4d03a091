"""Random streams: equal arguments give equal draws, whatever came before; no two streams meet."""

from __future__ import annotations

import random
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.errors import InputError
from gse_ref.rng import PURPOSES, stream

FIRST = ["topology", "weights", "bias", "batches", "probe", "signs", "draw", "grow", "synthetic", "teacher"]
counters = st.integers(0, 3) | st.integers(0, 2**64 - 1)


@given(seed=counters, purpose=st.sampled_from(PURPOSES), layer=counters, step=counters)
def test_equal_arguments_give_equal_draws(seed: int, purpose: str, layer: int, step: int) -> None:
    first, second = (stream(seed, purpose, layer, step) for _ in range(2))
    assert first is not second
    np.testing.assert_array_equal(first.random(5), second.random(5))
    np.testing.assert_array_equal(first.integers(0, 2**62, 5), second.integers(0, 2**62, 5))


def test_a_draw_does_not_depend_on_other_streams_or_their_order() -> None:
    keys = list(product((0, 1), ("weights", "draw"), (0, 1), (0, 1, 1000)))
    expected = {key: stream(*key).random(4).tolist() for key in keys}
    random.Random(0).shuffle(keys)
    generators = {key: stream(*key) for key in keys}
    np.random.default_rng(0).random(3)
    actual = {key: [generators[key].random() for _ in range(4)] for key in reversed(keys)}
    assert actual == expected


def test_streams_do_not_overlap() -> None:
    ends = (0, 1, 2, 2**32, 2**63, 2**64 - 1)
    keys = set(product(ends, ("topology", "augment"), (0, 1), (0, 5)))
    keys |= set(product((0, 1), PURPOSES, ends, (0,))) | set(product((0,), ("draw",), (0, 1), range(50)))
    drawn = {key: set(stream(*key).integers(0, 2**64, 16, dtype=np.uint64).tolist()) for key in keys}
    for a, b in combinations(sorted(drawn), 2):
        assert not drawn[a] & drawn[b], f"{a} and {b} share a draw"


def test_layer_and_step_are_the_upper_half_of_the_counter() -> None:
    state = stream(7, "signs", layer=3, step=9).bit_generator.state["state"]
    assert state["key"].tolist() == [7, PURPOSES.index("signs")]
    assert state["counter"].tolist() == [0, 0, 3, 9]


def test_purposes_keep_their_numbers() -> None:
    assert list(PURPOSES[: len(FIRST)]) == FIRST, "only ever append: a moved purpose changes every stored run"
    assert len(set(PURPOSES)) == len(PURPOSES)


def test_first_draws_are_those_of_philox() -> None:
    own = np.random.Generator(np.random.Philox(key=np.array([5, 6], np.uint64), counter=(2 << 128) + (3 << 192)))
    np.testing.assert_array_equal(stream(5, "draw", layer=2, step=3).random(8), own.random(8))


@pytest.mark.parametrize("place", ["seed", "layer", "step"])
@pytest.mark.parametrize("value", [-1, 2**64, -(2**70)])
def test_a_number_out_of_range(place: str, value: int) -> None:
    arguments = {"seed": 0, "layer": 0, "step": 0, place: value}
    with pytest.raises(InputError, match=rf"{place} must lie in \[0, 2\*\*64\), got {value}"):
        stream(purpose="draw", **arguments)


@pytest.mark.parametrize("value", [1.0, "1", None, np.float64(2)])
def test_what_is_no_integer(value: object) -> None:
    with pytest.raises(InputError, match="seed must be an integer, got"):
        stream(value, "draw")  # type: ignore[arg-type]


def test_numpy_integers_are_integers() -> None:
    np.testing.assert_array_equal(stream(np.uint8(3), "draw").random(3), stream(3, "draw").random(3))


def test_a_purpose_that_is_not_listed() -> None:
    with pytest.raises(InputError, match="unknown random stream 'weight': did you mean 'weights'"):
        stream(0, "weight")
