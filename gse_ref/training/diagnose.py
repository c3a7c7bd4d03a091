"""Where a number stopped being finite."""

from __future__ import annotations

import numpy as np

from ..autodiff import Tensor, no_grad
from ..nn import Module, probing


def first_non_finite(model: Module, x: np.ndarray) -> str:
    """Return the name of the first parameter that is not finite, else of the first module whose output is not.

    Parameters
    ----------
    x : the batch (n_in, batch) at which the loss was not finite.
    """
    for name, parameter in model.named_parameters().items():
        if not np.isfinite(parameter.data).all():
            return name
    if not np.isfinite(x).all():
        return "the input"
    bad: list[str] = []

    def watched(name: str, module: Module) -> None:
        plain = module.forward

        def forward(*inputs: Tensor) -> Tensor:
            result = plain(*inputs)
            if not np.isfinite(result.data).all():
                bad.append(name or "model")
            return result

        module.forward = forward  # type: ignore[method-assign, assignment]

    modules = list(model.named_modules())
    for name, module in modules:
        watched(name, module)
    try:
        # As a probe pass: running statistics stay as they are.
        with no_grad(), probing(lambda *_: None):
            model(Tensor(x))
    finally:
        for _, module in modules:
            del module.forward
    return f"the output of {bad[0]}" if bad else "the loss"
