"""The table of models, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import unknown
from ..nn import Module
from .mlp import mlp


@dataclass(frozen=True)
class ModelSpec:
    """What a model is built for.

    Attributes
    ----------
    n_in : number of input features; classes : number of outputs.
    hidden : widths of the hidden layers, for models that take them.
    dtype : float32 or float64.
    """

    n_in: int
    classes: int
    hidden: Sequence[int]
    dtype: np.dtype


MODELS: dict[str, Callable[[ModelSpec], Module]] = {
    "mlp": lambda spec: mlp(spec.n_in, spec.hidden, spec.classes, spec.dtype),
}


def build_model(name: str, spec: ModelSpec) -> Module:
    """Return the model `name` without connections yet.

    Raises
    ------
    InputError : the name is not in `MODELS`, or the model cannot be built to this spec.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name](spec)
