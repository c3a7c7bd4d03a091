"""Stochastic gradient descent with momentum and weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..backends.arrays import namespace
from ..errors import InputError
from .state import State, Trainable, blocks, check_number, decay_of, gradient_of, is_decayed, slots_of


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: v ← momentum·v + g + weight_decay·w, w ← w - rate·v.

    Parameters
    ----------
    momentum : in [0, 1).
    nesterov : step along g + weight_decay·w + momentum·v instead of v (v after its update).
    weight_decay : not negative; applies to parameters whose `decay` is True, or times their own factors.

    Notes
    -----
    PyTorch's convention: the rate multiplies v, so a change of the rate acts at once.
    State: ``{"momentum": v}`` of the parameter's shape and dtype, nothing without momentum. A grown weight
    starts with v = 0.

    Raises
    ------
    InputError : a number out of range, nesterov without momentum.
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_number("momentum", self.momentum, below=1)
        check_number("weight_decay", self.weight_decay)
        if self.nesterov and not self.momentum:
            raise InputError("nesterov needs momentum: give momentum > 0 or leave nesterov out")

    @property
    def slots(self) -> int:
        """Numbers kept for each weight."""
        return 1 if self.momentum else 0

    def init(self, parameters: Mapping[str, Trainable]) -> State:
        """Return the state before the first step."""
        if not self.momentum:
            return {name: {} for name in parameters}
        return {name: {"momentum": namespace(p.data).zeros_like(p.data)} for name, p in parameters.items()}

    def update(self, parameters: Mapping[str, Trainable], state: State, rate: float) -> None:
        """Change the parameters' `data` and `state` in place by one step; those without gradient stay.

        Raises
        ------
        InputError : a parameter that `state` does not know. ShapeError : a gradient or state of another shape.
        """
        rate = float(rate)
        momentum = float(self.momentum)
        for name, parameter in parameters.items():
            gradient = gradient_of(name, parameter)
            if gradient is None:
                continue
            decay = decay_of(name, parameter, self.weight_decay)
            slots = slots_of(state, name, parameter)
            if momentum:
                for w, g, v, d in blocks(parameter.data, gradient, slots["momentum"], decay):
                    _momentum_step(w, g, v, rate, momentum, d, self.nesterov)
            else:
                for w, g, d in blocks(parameter.data, gradient, decay):
                    w -= rate * (g + d * w if is_decayed(d) else g)


def _momentum_step(
    w: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    rate: float,
    momentum: float,
    decay: float | np.ndarray,
    nesterov: bool,
) -> None:
    """Change `w` and `v` in place."""
    xp = namespace(w)
    scratch = xp.empty_like(w)
    if is_decayed(decay):
        xp.multiply(w, decay, out=scratch)
        g = xp.add(scratch, g, out=scratch)
    v *= momentum
    v += g
    w -= xp.multiply(g + momentum * v if nesterov else v, rate, out=scratch)
