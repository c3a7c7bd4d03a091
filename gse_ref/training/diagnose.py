"""Where a number stopped being finite."""

from __future__ import annotations

import numpy as np

from ..autodiff import Tensor, no_grad
from ..backends.arrays import all_finite
from ..nn import Module, probing, watching


def first_non_finite(model: Module, x: np.ndarray) -> str:
    """Return the name of the first parameter that is not finite, else of the first module whose output is not.

    Parameters
    ----------
    x : the batch (n_in, batch) at which the loss was not finite.
    """
    for name, parameter in model.named_parameters().items():
        if not all_finite(parameter.data):
            return name
    if not all_finite(x):
        return "the input"
    bad: list[str] = []

    def look(name: str, module: Module, output: Tensor) -> None:
        if not all_finite(output.data):
            bad.append(name or "model")

    # As a probe pass: running statistics stay as they are.
    with no_grad(), probing(lambda *_: None), watching(model, look):
        model(Tensor(x))
    return f"the output of {bad[0]}" if bad else "the loss"
