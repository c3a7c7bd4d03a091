"""What the machine does: a fixed control kernel, and three yardsticks whose work is linear by construction.

The control never changes, so what moves it is the machine. The yardsticks take the arrays of the layer under study
(nnz numbers; n rows of the batch) in the three ways a phase may take them, so their time for a byte says what the
cache levels of this machine cost at that size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rng import stream
from .layer import Activations
from .sizes import Sizes
from .subject import ELEMENTS, ROWS, STREAM, Phase, Subject, Work

NAME, CONTROL = "machine", "control"

_SIDE, _LONG = 128, 1 << 16


class _Control:
    """4 MFLOP of matrix product and 768 kB of streaming: less than a tenth of a millisecond."""

    def __init__(self, seed: int) -> None:
        generator = stream(seed, "synthetic", 2)
        self.a, self.b = (generator.random((_SIDE, _SIDE), np.float32) for _ in range(2))
        self.product = np.empty_like(self.a)
        self.x, self.y = (generator.random(_LONG, np.float32) for _ in range(2))
        self.sum = np.empty_like(self.x)

    def __call__(self) -> None:
        np.matmul(self.a, self.b, out=self.product)
        np.add(self.x, self.y, out=self.sum)


def touched(sizes: Sizes) -> dict[str, int]:
    """Return how many bytes each yardstick takes up and puts down (indices, which come in order, apart)."""
    return {STREAM: 12 * sizes.nnz, ROWS: 8 * sizes.n * sizes.batch, ELEMENTS: 8 * sizes.nnz}


def machine(activations: Activations, seed: int) -> Subject:
    """Return the machine as a subject: the control and the yardsticks at each size."""
    control = _Control(seed)

    def build(sizes: Sizes) -> Work:
        generator = stream(seed, "synthetic", 3)
        order = generator.permutation(sizes.nnz).astype(np.int64)
        rows = generator.permutation(sizes.n).astype(np.int64)
        values, other = (generator.random(sizes.nnz, np.float32) for _ in range(2))
        result = np.empty_like(values)
        x, _ = activations.of(sizes)
        gathered = np.empty_like(x)
        phases: dict[str, Callable[[], Any]] = {
            CONTROL: control,
            STREAM: lambda: np.add(values, other, out=result),
            ROWS: lambda: np.take(x, rows, axis=0, out=gathered, mode="clip"),
            ELEMENTS: lambda: np.take(values, order, out=result, mode="clip"),
        }
        return Work(phases)

    return Subject(NAME, {name: Phase() for name in (CONTROL, STREAM, ROWS, ELEMENTS)}, build)
