"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..backends.arrays import namespace
from .state import State, Trainable, blocks, check_number, decay_of, gradient_of, is_decayed, slots_of


@dataclass(frozen=True)
class Adam:
    """Adam: steps along the mean gradient over the root of the mean squared gradient.

    m ← β1·m + (1-β1)·g, v ← β2·v + (1-β2)·g², w ← w - rate/(1-β1ᵗ) · m / (√v/√(1-β2ᵗ) + eps).

    Parameters
    ----------
    beta1, beta2 : in [0, 1). eps : not negative.
    weight_decay : not negative; applies to parameters whose `decay` is True, or times their own factors.
    decoupled : True is AdamW: w ← w·(1 - rate·weight_decay) before the step. False adds weight_decay·w to g.

    Notes
    -----
    State: ``{"step": t, "mean": m, "square": v}``, t a 0-d int64 array, one for the whole parameter. A grown
    weight starts with m = v = 0 under the parameter's t: its bias correction is that of an old weight, so while
    t is large and the weight young, its steps are (1-β1ᵏ)/√(1-β2ᵏ) times the rate after k equal gradients. With
    the usual β that is 3.2 at k = 1, at most 6.6 (k = 12), and falls to 1 over about 1/(1-β2) steps.

    Raises
    ------
    InputError : a number out of range.

    References
    ----------
    Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        check_number("beta1", self.beta1, below=1)
        check_number("beta2", self.beta2, below=1)
        check_number("eps", self.eps)
        check_number("weight_decay", self.weight_decay)

    @property
    def slots(self) -> int:
        """Numbers kept for each weight."""
        return 2

    def init(self, parameters: Mapping[str, Trainable]) -> State:
        """Return the state before the first step."""
        return {
            name: {
                "step": np.zeros((), np.int64),
                "mean": namespace(p.data).zeros_like(p.data),
                "square": namespace(p.data).zeros_like(p.data),
            }
            for name, p in parameters.items()
        }

    def update(self, parameters: Mapping[str, Trainable], state: State, rate: float) -> None:
        """Change the parameters' `data` and `state` in place by one step; those without gradient stay.

        Raises
        ------
        InputError : a parameter that `state` does not know. ShapeError : a gradient or state of another shape.
        """
        rate = float(rate)
        for name, parameter in parameters.items():
            gradient = gradient_of(name, parameter)
            if gradient is None:
                continue
            slots = slots_of(state, name, parameter)
            slots["step"] += 1
            decay = decay_of(name, parameter, self.weight_decay)
            for w, g, m, v, d in blocks(parameter.data, gradient, slots["mean"], slots["square"], decay):
                self._step(w, g, m, v, int(slots["step"]), rate, d)

    def _step(
        self,
        w: np.ndarray,
        g: np.ndarray,
        m: np.ndarray,
        v: np.ndarray,
        step: int,
        rate: float,
        decay: float | np.ndarray,
    ) -> None:
        """Change `w`, `m`, `v` in place."""
        beta1, beta2 = float(self.beta1), float(self.beta2)
        if is_decayed(decay) and self.decoupled:
            w *= 1 - rate * decay
        elif is_decayed(decay):
            g = g + decay * w
        xp = namespace(w)
        scratch = xp.empty_like(w)
        xp.multiply(g, 1 - beta1, out=scratch)
        m *= beta1
        m += scratch
        xp.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        v *= beta2
        v += scratch
        xp.sqrt(v, out=scratch)
        scratch /= math.sqrt(1 - beta2**step)
        scratch += float(self.eps)
        xp.divide(m, scratch, out=scratch)
        scratch *= rate / (1 - beta1**step)
        w -= scratch
