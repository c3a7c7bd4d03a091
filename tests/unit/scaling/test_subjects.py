"""What the phases of this package's step and updates are, and exactly what they count."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.backends import use
from gse_ref.errors import InputError
from gse_ref.scaling import METHODS, machine, subjects, updates, yardstick
from gse_ref.scaling.layer import NAME, Activations, SparseLayer
from gse_ref.scaling.sizes import Sizes
from gse_ref.scaling.subjects import STEP

SIZES = Sizes(96, 480, 16)
N, NNZ, BATCH = SIZES


@pytest.fixture(autouse=True)
def _cpu():
    with use("cpu"):
        yield


@pytest.fixture(scope="module")
def activations() -> Activations:
    return Activations(N * BATCH, 0)


def _counts(name: str, activations: Activations):
    found = {subject.name: subject for subject in subjects([name], activations, 0)}
    work = found[STEP if name == STEP else name].build(SIZES)
    return work.phases, work.counts()


def test_the_training_step_counts_three_products_and_the_optimizer(activations: Activations) -> None:
    work = subjects(["gse"], activations, 0)[0].build(SIZES)
    counts = {phase: tally["multiply_adds"] for phase, tally in work.counts().items()}
    assert counts == {
        "forward": NNZ * BATCH,
        "backward": 2 * NNZ * BATCH,
        "optimizer": 6 * NNZ,
        "probe": 2 * NNZ * BATCH,
        "step": 3 * NNZ * BATCH + 6 * NNZ,
    }


@pytest.mark.parametrize("name", ["gse", "gse-grabo", "gse-graest"])
def test_an_exploration_counts_draws_candidates_and_scores(name: str, activations: Activations) -> None:
    phases, counts = _counts(name, activations)
    candidates = len(phases["candidates"]()[0])
    assert NNZ / 2 < candidates < NNZ
    assert counts["draw"]["random_numbers"] == 2 * NNZ
    assert counts["scores"]["multiply_adds"] == candidates * BATCH
    assert counts["transpose"]["moves"] == NNZ
    assert counts["update"]["random_numbers"] == 2 * NNZ + (BATCH if name == "gse-graest" else 0)
    masses = {"gse": 0, "gse-grabo": 2 * N * BATCH, "gse-graest": 2 * N * BATCH}[name]
    extra = counts["distributions"]["multiply_adds"] - masses
    assert 4 * N <= extra <= 8 * N + 2 * BATCH, "two alias tables: two passes, and at most a step a slot; signs"


def test_the_parts_of_an_update_are_the_update(activations: Activations) -> None:
    """Every part that is a call of a backend is counted alike, alone and within the whole."""
    _, counts = _counts("gse", activations)
    whole = counts["update"]
    parts = [counts[name] for name in ("distributions", "draw", "candidates", "scores", "selection", "merge")]
    probe = 2 * NNZ * BATCH
    assert whole["multiply_adds"] == probe + sum(part["multiply_adds"] for part in parts)
    assert whole["moves"] == sum(part["moves"] for part in parts) + counts["transpose"]["moves"]


def test_rigl_counts_all_pairs(activations: Activations) -> None:
    _, counts = _counts("rigl", activations)
    assert counts["scores"]["multiply_adds"] == N * N * BATCH
    assert counts["update"]["multiply_adds"] == N * N * BATCH + 2 * NNZ * BATCH


def test_the_dense_layer_counts_all_pairs_and_does_what_it_counts(activations: Activations) -> None:
    phases, counts = _counts("dense", activations)
    assert {name: tally["multiply_adds"] for name, tally in counts.items()} == {
        "forward": N * N * BATCH,
        "backward": 2 * N * N * BATCH,
        "optimizer": 4 * N * N,
        "step": 3 * N * N * BATCH + 4 * N * N,
    }
    assert phases["forward"]().shape == (N, BATCH)
    assert phases["backward"]().shape == (N, BATCH)


@pytest.mark.parametrize("name", METHODS)
def test_phases_can_be_called_again_and_leave_the_layer_as_it_was(name: str, activations: Activations) -> None:
    for subject in subjects([name], activations, 0):
        work = subject.build(SIZES)
        assert list(work.phases) == list(subject.phases)
        for call in work.phases.values():
            call()
            call()
        again = subject.build(SIZES)
        assert again.counts() == work.counts()


def test_a_whole_update_changes_nothing_that_stays(activations: Activations) -> None:
    layer = SparseLayer(SIZES, activations, 0)
    before = layer.topology, layer.values.copy(), layer.state[NAME]["momentum"].copy()
    updates.whole_update(layer, "gse", 0)
    assert layer.parameter.topology is before[0]
    np.testing.assert_array_equal(layer.parameter.data, before[1])
    np.testing.assert_array_equal(layer.state[NAME]["momentum"], before[2])


def test_layers_of_all_sizes_share_two_arrays(activations: Activations) -> None:
    x, delta = activations.of(SIZES)
    small_x, _ = activations.of(Sizes(10, 20, 8))
    assert x.shape == delta.shape == (N, BATCH)
    assert small_x.base is x.base
    assert (x >= 0).all()
    assert (delta < 0).any()
    assert x.flags.c_contiguous
    assert x.ctypes.data % 64 == 0


def test_yardsticks_move_what_they_say(activations: Activations) -> None:
    work = machine(activations, 0).build(SIZES)
    assert set(work.phases) == {yardstick.CONTROL, *yardstick.touched(SIZES)}
    for call in work.phases.values():
        call()
    assert yardstick.touched(SIZES) == {"stream": 12 * NNZ, "rows": 8 * N * BATCH, "elements": 8 * NNZ}


@pytest.mark.parametrize("name", ["gsee", "static"])
def test_methods_without_an_update_are_refused(name: str, activations: Activations) -> None:
    with pytest.raises(InputError, match=f"unknown method '{name}'"):
        subjects([name], activations, 0)
    if name == "static":
        with pytest.raises(InputError, match="never changes the topology"):
            updates.proposer_of(name)
