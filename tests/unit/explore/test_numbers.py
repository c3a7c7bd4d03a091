"""Random numbers that come with a request take the place of those drawn for it."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.explore import METHODS, Numbers, Proposal, Request
from gse_ref.explore.distributions import signs_of
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi

SEED, STEP, NNZ, BATCH = 4, 9, 40, 6


def proposed(method: str, numbers: dict[str, Numbers]) -> list[Proposal]:
    """Return what two layers would grow."""
    layers, shown = {}, []
    generator = stream(0, "check")
    for name in ("a", "b"):
        parameter = SparseParameter(LayerShape(16, 20), np.float64)
        parameter.place(erdos_renyi((16, 20), NNZ, generator), np.ones(NNZ))
        layers[name] = parameter
        shown.append((parameter, generator.normal(size=(20, BATCH)), generator.normal(size=(16, BATCH))))

    def run_probe(observe) -> None:
        for one in shown:
            observe(*one)

    return METHODS[method].propose(layers, Request(SEED, STEP, 0.3, "layer", 1.0, run_probe, numbers=numbers))


def ids(proposal: Proposal) -> list[int]:
    return (proposal.rows.astype(np.int64) * 20 + proposal.cols).tolist()


@pytest.mark.parametrize("method", ["gse", "gse-grabo", "gse-graest"])
def test_numbers_of_the_streams_give_what_the_streams_give(method: str) -> None:
    given = {
        name: Numbers(
            stream(SEED, "draw", number, STEP).random((2, NNZ)),
            signs_of(stream(SEED, "signs", number, STEP), BATCH),
        )
        for number, name in enumerate(("a", "b"))
    }
    drawn, handed = proposed(method, {}), proposed(method, given)
    assert list(map(ids, drawn)) == list(map(ids, handed))
    assert all(map(ids, drawn))


def test_only_the_numbers_that_are_needed_are_used() -> None:
    uniforms = stream(1, "draw").random((2, NNZ + 7))
    more, enough = (proposed("gse", {"a": Numbers(u, np.ones(BATCH))}) for u in (uniforms, uniforms[:, :NNZ]))
    assert ids(more[0]) == ids(enough[0])


def test_each_layer_has_its_own() -> None:
    numbers = Numbers(np.full((2, NNZ), 0.5), np.ones(BATCH))
    drawn, handed = proposed("gse-graest", {}), proposed("gse-graest", {"b": numbers})
    assert ids(drawn[0]) == ids(handed[0])
    assert len(ids(handed[1])) <= 1 < len(ids(drawn[1]))


def test_signs_are_used_by_the_estimate() -> None:
    uniforms = stream(1, "draw").random((2, NNZ))
    one, other = (
        proposed("gse-graest", {"a": Numbers(uniforms, signs)})[0]
        for signs in (np.ones(BATCH), np.array([1.0, -1.0] * 3))
    )
    assert ids(one) != ids(other)
