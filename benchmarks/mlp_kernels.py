"""The kernels of one training step of a sparse MLP, on arrays that are already there: the least it can cost."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from gse_ref.backends import empty
from gse_ref.data import Split
from gse_ref.kernels import elementwise, gather, sddmm, spmm
from gse_ref.nn import Linear, Module
from gse_ref.training import TrainConfig

#: Different batches to gather, so that their pixels come from memory as in training.
ORDERS = 64


class BareLayer:
    """Arrays of one sparse linear layer and of its optimizer.

    Attributes
    ----------
    x : (n_in, batch) its input, from the layer below; y, dy : (n_out, batch); dx : (n_in, batch).
    sparse, bias : (weights, gradient, momentum, scratch) of the values and of the bias.
    """

    def __init__(self, layer: Linear, x: np.ndarray, batch: int) -> None:
        topology, kind = layer.weight.topology, layer.weight.dtype
        self.topology, self.plan, self.x = topology, topology.transpose, x
        self.sparse, self.bias = (
            (np.array(parameter.data), *(np.zeros_like(parameter.data) for _ in range(3)))
            for parameter in (layer.weight, layer.bias)
        )
        self.moved, self.moved_gradient = np.empty_like(self.sparse[0]), np.empty_like(self.sparse[0])
        self.y, self.dy = empty((topology.n_out, batch), kind), empty((topology.n_out, batch), kind)
        self.dx = empty((topology.n_in, batch), kind)

    def forward(self) -> None:
        """y = θx + bias"""
        topology = self.topology
        spmm.spmm(topology.indptr, topology.indices, self.sparse[0], self.x, self.bias[0], self.y, 0)

    def backward(self) -> None:
        """Both gradients, fused: into transposed order, the kernel, and back."""
        plan = self.plan
        spmm.permute(self.sparse[0], plan.slots, self.moved)
        spmm.spmm_backward(plan.indptr, plan.rows, self.moved, self.x, self.dy, self.dx, self.moved_gradient, 0)
        spmm.permute(self.moved_gradient, plan.places, self.sparse[1])

    def weight_gradient(self) -> None:
        """The gradient on the pattern alone, for the first layer, whose input needs none."""
        sddmm.sddmm(self.topology.indptr, self.topology.indices, self.dy, self.x, self.sparse[1])

    def bias_gradient(self) -> None:
        """Sum of dy over the batch."""
        np.einsum("ib->i", self.dy, out=self.bias[1])

    def update(self, rate: float, momentum: float, decay: float) -> None:
        """SGD of weights and bias."""
        for (w, g, v, scratch), share in ((self.sparse, decay), (self.bias, 0.0)):
            if share:
                g = np.add(np.multiply(w, share, out=scratch), g, out=scratch)
            v *= momentum
            v += g
            w -= np.multiply(v, rate, out=scratch)


def _rectify(below: BareLayer, hidden: np.ndarray) -> None:
    np.maximum(below.y, 0, out=hidden)


def _rectify_gradient(below: BareLayer, layer: BareLayer) -> None:
    elementwise.relu_backward(layer.x.reshape(-1), layer.dx.reshape(-1), below.dy.reshape(-1))


def _cross_entropy(last: BareLayer, labels: np.ndarray) -> Callable[[], float]:
    """Return a function that writes the gradient of the mean cross-entropy to `last.dy` and returns the loss."""
    samples, total = np.arange(len(labels)), np.empty(len(labels), last.y.dtype)
    share = last.y.dtype.type(1 / len(labels))

    def run() -> float:
        p = np.subtract(last.y, np.maximum.reduce(last.y, axis=0, out=total), out=last.dy)
        target = p[labels, samples]
        np.exp(p, out=p)
        np.add.reduce(p, axis=0, out=total)
        p /= total
        p[labels, samples] -= 1
        p *= share
        return float(np.mean(np.log(total) - target))

    return run


def bare_step(model: Module, split: Split, config: TrainConfig) -> dict[str, Callable[[], Any]]:
    """Return name → call of every kernel of one step, in an order that makes a step of training.

    gather; for three layers: product with bias, and between them ReLU; cross-entropy with its gradient as one;
    from the top: sums of dy for the bias, fused backward of two layers, ReLU backward of two, gradient on the
    pattern of the first layer; SGD of three weights and three biases.
    """
    batch, random = config.batch_size, np.random.default_rng(0)
    modules = [module for _, module in model.named_modules() if isinstance(module, Linear)]
    x = empty((split.n_features, batch), modules[0].weight.dtype)
    layers: list[BareLayer] = []
    for module in modules:
        layers.append(BareLayer(module, x, batch))
        x = empty((layers[-1].topology.n_out, batch), x.dtype)
    table = (np.arange(256) * np.float64(split.scale) + split.shift).astype(x.dtype)
    orders = itertools.cycle([random.integers(0, split.samples, batch) for _ in range(ORDERS)])
    first, last = layers[0], layers[-1]
    calls: dict[str, Callable[[], Any]] = {
        "gather": lambda: gather.gather_lookup(split.features, next(orders), table, first.x)
    }
    for number, layer in enumerate(layers):
        calls[f"forward {number}"] = layer.forward
        if layer is not last:
            calls[f"relu {number}"] = lambda a=layer, b=layers[number + 1]: _rectify(a, b.x)
    calls["cross-entropy"] = _cross_entropy(last, random.integers(0, last.topology.n_out, batch))
    for number, layer in reversed(list(enumerate(layers))):
        calls[f"bias sum {number}"] = layer.bias_gradient
        calls[f"backward {number}"] = layer.weight_gradient if layer is first else layer.backward
        if layer is not first:
            calls[f"relu backward {number - 1}"] = lambda a=layers[number - 1], b=layer: _rectify_gradient(a, b)
    for number, layer in enumerate(layers):
        calls[f"sgd {number}"] = lambda a=layer: a.update(config.lr, config.momentum, config.weight_decay)
    return calls
