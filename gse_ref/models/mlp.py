"""Multi-layer perceptrons whose every layer is sparse."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..errors import InputError
from ..nn import Linear, Module, ReLU, Sequential


def mlp(n_in: int, hidden: Sequence[int], classes: int, dtype: np.dtype | type = np.float32) -> Module:
    """Return Linear–ReLU–…–Linear with sparse weights, without connections yet (see `nn.initialise`).

    Parameters
    ----------
    n_in : number of input features.
    hidden : width of each hidden layer, from input to output; empty for a linear classifier.
    classes : number of outputs.

    Raises
    ------
    InputError : a width below 1.
    """
    widths = [n_in, *hidden, classes]
    if any(width < 1 for width in widths):
        raise InputError(f"hidden widths must be at least 1, got {list(hidden)}")
    layers: list[Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [Linear(fan_in, fan_out, dtype=dtype), ReLU()]
    return Sequential(*layers[:-1])
