"""Named settings, above all those of the paper (ALGORITHM section 7), as changes of the defaults."""

from __future__ import annotations

from typing import Any

from .errors import unknown

#: CIFAR: 200 epochs of 50,000 images, an update every 1000 steps until epoch 120, 10 probe samples a class.
_PAPER: dict[str, Any] = {
    "method": "gse",
    "density": 0.02,
    "budget": "erdos_renyi",
    "augment": True,
    "epochs": 200,
    "batch_size": 128,
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "milestones": (80.0, 120.0),
    "warmup": 5.0,
    "subset_factor": 1.0,
    "prune_fraction": 0.2,
    "schedule": "cosine",
    "every": 1000,
    "until": 120.0,
    "scope": "global",
    "probe_per_class": 10,
}
#: ImageNet: half as many epochs, so the milestones and the last update come after half as many, too.
_IMAGENET: dict[str, Any] = _PAPER | {
    "data": "image-folder:224",
    "model": "resnet50",
    "density": 0.1,
    "epochs": 100,
    "milestones": (40.0, 60.0),
    "until": 60.0,
    "label_smoothing": 0.1,
    "subset_factor": 2.0,
    "probe_per_class": None,
}

#: Name → fields of a training configuration.
PRESETS: dict[str, dict[str, Any]] = {
    **{
        f"paper-{data}-{model}": _PAPER | {"data": data, "model": model}
        for data in ("cifar10", "cifar100")
        for model in ("resnet56", "vgg16")
    },
    "paper-imagenet-resnet50": _IMAGENET,
    "fashion-resnet20": {
        "data": "fashion-mnist",
        "image_size": 32,
        "model": "resnet20",
        "augment": False,
        "density": 0.05,
        "epochs": 3,
        "every": 100,
        "milestones": (2.0,),
        "warmup": 0.2,
    },
}


def preset(name: str) -> dict[str, Any]:
    """Return the settings `name`.

    Raises
    ------
    InputError : the name is not in `PRESETS`; the message names the nearest.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return dict(PRESETS[name])
