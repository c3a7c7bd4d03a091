"""Activations as modules."""

from __future__ import annotations

from collections.abc import Callable

from ..autodiff import Tensor, gelu, relu, sigmoid, tanh
from ..errors import unknown
from .module import Module

#: Name → function, each elementwise.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu, "tanh": tanh, "sigmoid": sigmoid}


class Activation(Module):
    """One elementwise function by its name in `ACTIVATIONS`."""

    def __init__(self, name: str = "relu") -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            raise unknown("activation", name, ACTIVATIONS)
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x)


class ReLU(Activation):
    """max(x, 0)"""

    def __init__(self) -> None:
        super().__init__("relu")
