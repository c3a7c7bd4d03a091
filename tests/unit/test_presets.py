"""Presets: each builds a configuration, and the paper's are those of ALGORITHM section 7."""

from __future__ import annotations

import dataclasses

import pytest

import gse_ref as gse
from gse_ref.errors import InputError
from gse_ref.models import MODELS
from gse_ref.presets import PRESETS, preset

FIELDS = {field.name for field in dataclasses.fields(gse.TrainConfig)}
#: ALGORITHM section 7, sentence by sentence: what all networks of the paper share.
SHARED = {
    "method": "gse",
    "budget": "erdos_renyi",
    "optimizer": "sgd",
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "batch_size": 128,
    "lr": 0.1,
    "warmup": 5.0,
    "prune_fraction": 0.2,
    "schedule": "cosine",
    "every": 1000,
    "scope": "global",
    "min_nnz": 0,
    "augment": True,
    "width": 1.0,
    "dropout": 0.0,
    "image_size": None,
    "probe_samples": None,
}
CIFAR = {
    "epochs": 200,
    "milestones": (80.0, 120.0),
    "until": 120.0,
    "subset_factor": 1.0,
    "label_smoothing": 0.0,
    "probe_per_class": 10,
    "density": 0.02,
}
IMAGENET = {
    "data": "image-folder:224",
    "model": "resnet50",
    "epochs": 100,
    "milestones": (40.0, 60.0),
    "until": 60.0,
    "subset_factor": 2.0,
    "label_smoothing": 0.1,
    "density": 0.1,
}


def built(name: str) -> gse.TrainConfig:
    return gse.TrainConfig(**preset(name))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_configuration(name: str) -> None:
    config = built(name)
    assert set(preset(name)) <= FIELDS - {"resume", "out", "data_dir", "seed", "threads"}
    assert config.model in MODELS
    assert gse.TrainConfig.from_json(config.to_json()) == config
    assert config.milestones == () or config.milestones[-1] < config.epochs
    assert config.until is None or config.until <= config.epochs


@pytest.mark.parametrize("data", ["cifar10", "cifar100"])
@pytest.mark.parametrize("model", ["resnet56", "vgg16"])
def test_cifar_is_trained_as_in_the_paper(data: str, model: str) -> None:
    config = dataclasses.asdict(built(f"paper-{data}-{model}"))
    wanted = SHARED | CIFAR | {"data": data, "model": model}
    assert {name: config[name] for name in wanted} == wanted
    assert built(f"paper-{data}-{model}").last_update(390) == 46_800


def test_imagenet_is_trained_as_in_the_paper() -> None:
    config = dataclasses.asdict(built("paper-imagenet-resnet50"))
    wanted = SHARED | IMAGENET
    assert {name: config[name] for name in wanted} == wanted


def test_what_is_changed_afterwards_is_not_in_the_table() -> None:
    preset("fashion-resnet20")["epochs"] = 1
    assert preset("fashion-resnet20")["epochs"] == 3


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(InputError, match="'paper-cifar10-resnet65': did you mean 'paper-cifar10-resnet56'"):
        preset("paper-cifar10-resnet65")
