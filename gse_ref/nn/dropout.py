"""Dropout, whose masks come from the counter-based stream of the training step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from ..autodiff import Tensor, apply
from ..autodiff.elementwise import MASK
from ..backends.arrays import namespace, to_device
from ..errors import InputError
from ..rng import stream
from .module import Module


@dataclass
class _Pass:
    """One forward pass: its seed and step, and how many dropout layers it has met."""

    seed: int
    step: int
    layers: int = 0


_pass: ContextVar[_Pass | None] = ContextVar("gse_ref_dropout", default=None)


@contextmanager
def dropping(seed: int, step: int) -> Iterator[None]:
    """Let the dropout layers of one forward pass draw from the streams ("dropout", layer, step) of `seed`.

    Layers are numbered in the order in which the pass meets them: enter anew for each pass.
    """
    token = _pass.set(_Pass(seed, step))
    try:
        yield
    finally:
        _pass.reset(token)


class Dropout(Module):
    """In training, set each element to 0 with probability `p` and divide the others by 1 - p.

    Parameters
    ----------
    p : in [0, 1).

    Raises
    ------
    InputError : p out of range; in `forward`, training outside of `dropping`.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise InputError(f"dropout needs a probability in [0, 1), got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        state = _pass.get()
        if state is None:
            raise InputError(
                "dropout has no random stream: run the forward pass inside dropping(seed, step), or call eval()"
            )
        generator = stream(state.seed, "dropout", state.layers, state.step)
        state.layers += 1
        kept = generator.random(x.shape, np.float32) >= self.p
        mask = kept * np.dtype(x.dtype).type(1 / (1 - self.p))
        return apply(MASK, x, condition=to_device(mask, namespace(x.data)))
