"""The configuration: what it refuses, and that it survives JSON."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.errors import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": 0.0}, r"density must be in \(0, 1\], got 0.0"),
        ({"density": 1.5}, "density must be"),
        ({"density": math.nan}, "got nan"),
        ({"method": "gsee"}, "unknown method 'gsee': did you mean 'gse'"),
        ({"model": "mpl"}, "did you mean 'mlp'"),
        ({"budget": "erdos"}, "did you mean 'erdos_renyi'"),
        ({"pattern": "small-world"}, "unknown pattern 'small-world': did you mean 'small_world'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"scope": "locl"}, "available: global, layer"),
        ({"observe": "gradients"}, "unknown observe 'gradients': did you mean 'gradient'"),
        ({"observe": None}, "available: gradient, nothing, topology"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"dtype": "float16"}, "did you mean 'float"),
        ({"backend": "gpuu"}, "did you mean 'gpu'"),
        ({"epochs": 0}, "epochs must be a whole number, at least 1, got 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"every": 0}, "every must be"),
        ({"min_nnz": -1}, "min_nnz must be"),
        ({"epochs": 10**400}, "epochs is too large"),
        ({"seed": 2**64}, "seed is too large"),
        ({"epochs": None}, "epochs must be a whole number, got None"),
        ({"hidden": (10**10,)}, "hidden must list widths"),
        ({"hidden": 5}, "hidden must be a list of whole numbers, got 5"),
        ({"hidden": (1.5,)}, "hidden must be a list of whole numbers"),
        ({"milestones": None}, "milestones must be a list of numbers"),
        ({"density": "0.1"}, "density must be a number, got '0.1'"),
        ({"density": None}, "density must be a number"),
        ({"nesterov": 1}, "nesterov must be true or false"),
        ({"data": None}, "data must be a name"),
        ({"method": []}, "unknown method"),
        ({"out": 3}, "out must be a path"),
        ({"until": 1e308}, "until must be"),
        ({"warmup": 1e308}, "warmup must be"),
        ({"milestones": (1e308,)}, "milestones must be"),
        ({"subset_factor": 1e306}, "subset_factor must be"),
        ({"seed": -1}, "seed must be a whole number, at least 0, got -1"),
        ({"probe_samples": 0}, "probe_samples must be"),
        ({"threads": 0}, "threads must be"),
        ({"checkpoint_every": 0}, "checkpoint_every must be"),
        ({"hidden": (0,)}, "hidden must list widths"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"lr": math.inf}, "lr must be positive and finite"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"momentum": 0.0, "nesterov": True}, "nesterov must be off"),
        ({"weight_decay": -1e-4}, "weight_decay must be"),
        ({"label_smoothing": 1.0}, "label_smoothing must be"),
        ({"subset_factor": 0.0}, "subset_factor must be"),
        ({"prune_fraction": 1.1}, "prune_fraction must be"),
        ({"warmup": -1.0}, "warmup must be"),
        ({"until": math.nan}, "until must be"),
        ({"milestones": (5.0, 3.0)}, "milestones must be"),
        ({"milestones": (0.0, 3.0)}, "milestones must be"),
    ],
)
def test_bad_values_are_named(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gse.TrainConfig(**changes)


def test_json_round_trip_is_exact_and_leaves_circumstances_out() -> None:
    config = gse.TrainConfig(
        hidden=(3, 2), density=0.1 + 0.2, milestones=(5.0, 8.5), threads=1, out=Path("a"), data_dir=Path("b")
    )
    again = gse.TrainConfig.from_json(config.to_json())
    assert again == dataclasses.replace(config, threads=None, out=None, data_dir=None)
    assert again.differences(config) == []
    assert gse.TrainConfig(lr=0.2).differences(config) == ["hidden", "density", "lr", "milestones"]


def test_equal_configurations_are_equal_to_the_byte() -> None:
    loose = gse.TrainConfig(hidden=[64], lr=1, milestones=[1], until=1, seed=np.int64(3), out="runs/x")
    exact = gse.TrainConfig(hidden=(64,), lr=1.0, milestones=(1.0,), until=1.0, seed=3, out=Path("runs/x"))
    assert loose == exact
    assert loose.to_json() == exact.to_json()


def test_nesterov_is_of_no_concern_to_adam() -> None:
    assert gse.TrainConfig(optimizer="adam", nesterov=True, momentum=0.0).nesterov


def test_backend_defaults_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSE_REF_BACKEND", "shadow")
    assert gse.TrainConfig().backend == "shadow"
    monkeypatch.setenv("GSE_REF_BACKEND", "shadov")
    with pytest.raises(InputError, match="did you mean 'shadow'"):
        gse.TrainConfig()


def test_until_defaults_to_sixty_percent() -> None:
    assert gse.TrainConfig(epochs=10).last_update(468) == 2808
    assert gse.TrainConfig(epochs=10, until=2.5).last_update(468) == 1170
    assert gse.TrainConfig(epochs=10, until=0.0).last_update(468) == 0


def test_public_names() -> None:
    assert {"TrainConfig", "train", "Topology", "backends", "RunResult"} <= set(dir(gse))
    with pytest.raises(AttributeError, match="trian"):
        gse.trian  # noqa: B018
