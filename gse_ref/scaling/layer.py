"""One sparse linear layer with what a training step and a topology update need, and the phases of its step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import Tensor
from ..backends import active, empty
from ..nn import Observation, Observer, SparseParameter, probing, sparse_matmul
from ..optim import SGD
from ..rng import stream
from ..sparse import LayerShape, erdos_renyi
from .sizes import Sizes
from .subject import ROWS, STREAM, Phase

#: The same work as any other rate, but the weights stay where they are up to rounding.
RATE = 1e-12
#: The paper's optimizer (ALGORITHM section 7).
OPTIMIZER = SGD(momentum=0.9, weight_decay=1e-4)
#: The layer's name in everything that takes parameters by name.
NAME = "layer"

TRAINING = {
    "forward": Phase(access=ROWS),
    "backward": Phase(access=ROWS),
    "optimizer": Phase(access=STREAM),
    "probe": Phase(access=ROWS),
    "step": Phase(access=ROWS),
}


class Activations:
    """X and δ of every size, cut from two arrays of the largest, so that a study holds them once.

    Parameters
    ----------
    elements : n · batch of the largest size.
    seed : of the normal numbers that fill them; X is rectified, as hidden activations are.
    """

    def __init__(self, elements: int, seed: int) -> None:
        self._pools = []
        for number in range(2):
            pool = empty((elements,), np.float32)
            stream(seed, "synthetic", number).standard_normal(out=pool, dtype=np.float32)
            self._pools.append(pool)
        np.maximum(self._pools[0], 0, out=self._pools[0])

    def of(self, sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
        """Return x and delta, (n, batch) float32, C-ordered and aligned; views."""
        x, delta = (pool[: sizes.n * sizes.batch].reshape(sizes.n, sizes.batch) for pool in self._pools)
        return x, delta


class SparseLayer:
    """An n × n layer of nnz connections drawn uniformly, without bias.

    Attributes
    ----------
    parameter : its weights on an Erdős–Rényi topology.
    x, delta : (n, batch) float32, what a probe shows.
    state : of `OPTIMIZER`.
    gradient : (nnz,) float32, one gradient of the weights, for the optimizer on its own.
    """

    def __init__(self, sizes: Sizes, activations: Activations, seed: int) -> None:
        n, nnz, _ = sizes
        self.x, self.delta = activations.of(sizes)
        self.topology = erdos_renyi((n, n), nnz, stream(seed, "topology"))
        _ = self.topology.transpose  # an update makes that of its new topology, and counts it
        self.values = empty((nnz,), np.float32)
        stream(seed, "weights").standard_normal(out=self.values, dtype=np.float32)
        self.parameter = SparseParameter(LayerShape(n, n))
        self.parameter.place(self.topology, self.values)
        self.state = OPTIMIZER.init({NAME: self.parameter})
        self.gradient = np.full(nnz, 1e-3, np.float32)

    @property
    def seen(self) -> Observation:
        """What an exploration takes from a probe."""
        return Observation(self.parameter, self.x, self.delta)

    def forward(self) -> np.ndarray:
        """Return y = θx."""
        return active().spmm(self.topology.indptr, self.topology.indices, self.values, self.x)

    def backward(self) -> tuple[np.ndarray, np.ndarray]:
        """Return ∂X and ∂θ."""
        return active().spmm_backward(self.topology.transpose, self.values, self.x, self.delta)

    def optimize(self) -> None:
        """Take the optimizer's step along `gradient`."""
        self.parameter.grad = Tensor(self.gradient)
        OPTIMIZER.update({NAME: self.parameter}, self.state, RATE)

    def probe(self, observe: Observer) -> None:
        """Run the pass that shows X and δ to `observe`, and makes the δ of the layer below."""
        x, delta = Tensor(self.x, requires_grad=True), Tensor(self.delta)
        y = sparse_matmul(self.parameter, self.parameter.topology, x, owner=self.parameter)
        with probing(observe):
            y.backward(delta)

    def step(self) -> None:
        """Take one whole training step, through automatic differentiation."""
        x, delta = Tensor(self.x, requires_grad=True), Tensor(self.delta)
        self.parameter.grad = None
        sparse_matmul(self.parameter, self.parameter.topology, x).backward(delta)
        OPTIMIZER.update({NAME: self.parameter}, self.state, RATE)

    def restore(self) -> None:
        """Put the layer back as it was before an update."""
        self.parameter.place(self.topology, self.values)

    def training(self) -> dict[str, Callable[[], Any]]:
        """Return a call for each phase of `TRAINING`."""
        return {
            "forward": self.forward,
            "backward": self.backward,
            "optimizer": self.optimize,
            "probe": lambda: self.probe(lambda parameter, x, delta: None),
            "step": self.step,
        }
