"""The baseline: a dense layer by NumPy's matrix products, whose step costs O(n²)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..backends import empty
from ..rng import stream
from .layer import RATE, Activations
from .sizes import Sizes
from .subject import QUADRATIC, STREAM, Counts, Phase, Work

TRAINING = {name: Phase(QUADRATIC, STREAM) for name in ("forward", "backward", "optimizer", "step")}

_MOMENTUM, _DECAY = np.float32(0.9), np.float32(1e-4)
_ITEM = 4


class DenseLayer:
    """y = Wx with W (n, n) float32, its gradients, and SGD with momentum and weight decay in place."""

    def __init__(self, sizes: Sizes, activations: Activations, seed: int) -> None:
        self.x, self.delta = activations.of(sizes)
        self.weight = empty((sizes.n, sizes.n), np.float32)
        stream(seed, "weights").standard_normal(out=self.weight, dtype=np.float32)
        self.gradient, self.momentum = np.zeros_like(self.weight), np.zeros_like(self.weight)

    def forward(self) -> np.ndarray:
        """Return y = Wx."""
        return self.weight @ self.x

    def backward(self) -> np.ndarray:
        """Return ∂X = Wᵀδ; ∂W = δxᵀ is left in `gradient`."""
        np.matmul(self.delta, self.x.T, out=self.gradient)
        return self.weight.T @ self.delta

    def optimize(self) -> None:
        """v ← 0.9 v + g + 1e-4 w; w ← w - rate · v, a row at a time, so that no second array of n² is made."""
        for weight, gradient, momentum in zip(self.weight, self.gradient, self.momentum, strict=True):
            momentum *= _MOMENTUM
            momentum += gradient + _DECAY * weight
            weight -= np.float32(RATE) * momentum

    def step(self) -> None:
        """Take one whole training step."""
        self.forward()
        self.backward()
        self.optimize()

    def training(self) -> dict[str, Callable[[], Any]]:
        """Return a call for each phase of `TRAINING`."""
        return {
            "forward": self.forward,
            "backward": self.backward,
            "optimizer": self.optimize,
            "step": self.step,
        }


def counts(sizes: Sizes) -> Mapping[str, Counts]:
    """Return the exact counts of each phase; n² batch multiply-adds a product, 4 n² in the optimizer.

    Each operand of a product is counted as read once, each result as written once.
    """
    n, _, batch = sizes
    weight, rows = _ITEM * n * n, _ITEM * n * batch
    forward = {"multiply_adds": n * n * batch, "bytes_read": weight + rows, "bytes_written": rows}
    backward = {
        "multiply_adds": 2 * n * n * batch,
        "bytes_read": weight + 3 * rows,
        "bytes_written": weight + rows,
    }
    optimizer = {"multiply_adds": 4 * n * n, "bytes_read": 3 * weight, "bytes_written": 2 * weight}
    parts = {"forward": forward, "backward": backward, "optimizer": optimizer}
    step = {name: sum(part[name] for part in parts.values()) for name in forward}
    return {**parts, "step": step}


def work(sizes: Sizes, activations: Activations, seed: int) -> Work:
    """Return the dense layer of this width as work; nnz plays no part."""
    return Work(DenseLayer(sizes, activations, seed).training(), lambda: counts(sizes))
