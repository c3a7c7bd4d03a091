"""The table of models, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ..errors import InputError, unknown
from ..nn import Module
from .mlp import mlp
from .resnet import large_resnet, small_resnet
from .vgg import small_vgg


@dataclass(frozen=True)
class ModelSpec:
    """What a model is built for.

    Attributes
    ----------
    n_in : number of input features; classes : number of outputs.
    hidden : widths of the hidden layers, for models that take them.
    dtype : float32 or float64.
    image_shape : (channels, height, width), or None for flat features.
    width : factor of the widths of networks for images.
    dropout : share of the hidden units of the classifier dropped in training, for models that have dropout.
    """

    n_in: int
    classes: int
    hidden: Sequence[int]
    dtype: np.dtype
    image_shape: tuple[int, int, int] | None = None
    width: float = 1.0
    dropout: float = 0.0


class Samples(NamedTuple):
    """Samples a model is usually built for: images of `channels` and `side` pixels a side, of `classes` classes."""

    channels: int
    side: int
    classes: int


_GREY, _SMALL, _LARGE = Samples(1, 28, 10), Samples(3, 32, 10), Samples(3, 224, 1000)


@dataclass(frozen=True)
class ModelEntry:
    """One row of the table.

    Attributes
    ----------
    build : makes the model.
    summary : one line for people.
    options : settings of the command line that mean something to this model alone.
    usual : the samples it is usually built for (Fashion-MNIST, CIFAR-10 or ImageNet).
    """

    build: Callable[[ModelSpec], Module]
    summary: str
    options: frozenset[str] = frozenset({"width"})
    usual: Samples = _SMALL


def _small_resnet(depth: int, spec: ModelSpec) -> Module:
    return small_resnet(depth, _image_shape(spec, f"resnet{depth}"), spec.classes, spec.width, spec.dtype)


def _large_resnet(depth: int, spec: ModelSpec) -> Module:
    return large_resnet(depth, _image_shape(spec, f"resnet{depth}"), spec.classes, spec.width, spec.dtype)


def _vgg(depth: int, spec: ModelSpec) -> Module:
    shape = _image_shape(spec, f"vgg{depth}")
    return small_vgg(depth, shape, spec.classes, spec.width, spec.dropout, spec.dtype)


def _image_shape(spec: ModelSpec, name: str) -> tuple[int, int, int]:
    if spec.image_shape is None:
        raise InputError(f"{name} needs images, the data have {spec.n_in} flat features: choose --model mlp")
    return spec.image_shape


MODELS: dict[str, ModelEntry] = {
    "mlp": ModelEntry(
        lambda spec: mlp(spec.n_in, spec.hidden, spec.classes, spec.dtype),
        "multi-layer perceptron, widths by --hidden",
        options=frozenset({"hidden"}),
        usual=_GREY,
    ),
    **{
        f"resnet{depth}": ModelEntry(partial(_small_resnet, depth), f"ResNet-{depth} for small images")
        for depth in (20, 32, 44, 56, 110)
    },
    **{
        f"vgg{depth}": ModelEntry(
            partial(_vgg, depth),
            f"VGG-{depth} for small images, a quarter as wide",
            options=frozenset({"width", "dropout"}),
        )
        for depth in (11, 13, 16, 19)
    },
    **{
        f"resnet{depth}": ModelEntry(
            partial(_large_resnet, depth), f"ResNet-{depth} for large images", usual=_LARGE
        )
        for depth in (18, 34, 50)
    },
}


def build_model(name: str, spec: ModelSpec) -> Module:
    """Return the model `name` without connections yet.

    Raises
    ------
    InputError : the name is not in `MODELS`, or the model cannot be built to this spec.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name].build(spec)
