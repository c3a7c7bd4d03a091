"""Level training once more: masked dense parameters, PyTorch's layers, autograd and optimizer.

A weight that is not active is 0, its gradient is masked, and so are its momentum and decay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...backends import Geometry
from ..adapter import Adapter, NotCovered
from ..problems import (
    Batch,
    Normalisation,
    Pattern,
    Probe,
    Rewired,
    TrainedLayer,
    TrainingProblem,
    TrainingState,
    TrainingTrace,
)
from .torch_products import mask_of, scattered
from .torch_selection import alpha, csr
from .torch_update import Rules, Seen, moves

#: The window of the network "conv".
WINDOW = Geometry(3, 1, 1)
_MOMENTUM = "momentum_buffer"


class Network:
    """A network in training, made of the state that a problem starts from.

    Attributes
    ----------
    thetas, masks : of each sparse layer, (n_out, n_in).
    biases : of each layer, None where it has none.
    scale, shift, moments : of the normalisation, None or () without one.
    """

    def __init__(self, problem: TrainingProblem) -> None:
        self.problem, state = problem, problem.state
        layers, norm = state.layers, state.normalisation
        self.masks = [mask_of(layer.weights) for layer in layers]
        self.thetas = [self._dense(layer, layer.weights.values).requires_grad_() for layer in layers]
        self.biases = [
            None if layer.bias is None else torch.tensor(layer.bias, requires_grad=True) for layer in layers
        ]
        self.scale = None if norm is None else torch.tensor(norm.gamma, requires_grad=True)
        self.shift = None if norm is None else torch.tensor(norm.beta, requires_grad=True)
        self.moments = (
            () if norm is None else (torch.tensor(norm.running_mean), torch.tensor(norm.running_variance))
        )
        plain = [p for p in (*self.biases, self.scale, self.shift) if p is not None]
        self.optimizer = torch.optim.SGD(
            [{"params": self.thetas}, {"params": plain, "weight_decay": 0.0}],
            lr=problem.rate,
            momentum=problem.momentum,
            weight_decay=problem.weight_decay,
        )
        momenta = [torch.tensor(layer.bias_momentum) for layer in layers if layer.bias is not None]
        if norm is not None:
            momenta += [torch.tensor(norm.gamma_momentum), torch.tensor(norm.beta_momentum)]
        dense = [self._dense(layer, layer.momentum) for layer in layers]
        for parameter, buffer in zip([*self.thetas, *plain], [*dense, *momenta], strict=True):
            self.optimizer.state[parameter][_MOMENTUM] = buffer

    @staticmethod
    def _dense(layer: TrainedLayer, values: np.ndarray) -> Tensor:
        return scattered(layer.weights, torch.tensor(values))

    def loss(self, batch: Batch, probe: bool = False) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return the mean loss, and input and output of each layer; a probe moves no running moments."""
        x = torch.tensor(batch.x, dtype=self.thetas[0].dtype)
        inputs, outputs = [], []
        for number, (theta, mask, bias) in enumerate(zip(self.thetas, self.masks, self.biases, strict=True)):
            inputs.append(x)
            if x.ndim == 4:
                taps = (theta * mask).view(len(theta), x.shape[1], WINDOW.kernel, WINDOW.kernel)
                outputs.append(F.conv2d(x, taps, padding=WINDOW.padding))
                mean, variance = (moment.clone() if probe else moment for moment in self.moments)
                y = F.batch_norm(outputs[-1], mean, variance, self.scale, self.shift, training=True)
                x = F.relu(y).mean((2, 3))
            else:
                outputs.append(F.linear(x, theta * mask, bias))
                x = F.relu(outputs[-1]) if number < len(self.thetas) - 1 else outputs[-1]
        labels = torch.tensor(batch.labels, dtype=torch.int64)
        return F.cross_entropy(x, labels), inputs, outputs

    def rewire(self, probe: Probe) -> tuple[Pattern, ...]:
        """Do the update before a step; return the patterns after it."""
        problem = self.problem
        loss, inputs, outputs = self.loss(probe.batch, probe=True)
        deltas = torch.autograd.grad(loss, outputs)
        draws = probe.draws or (None,) * len(inputs)
        seen = [
            Seen(theta.detach(), mask, x.detach().double(), delta.double(), WINDOW if x.ndim == 4 else None, own)
            for theta, mask, x, delta, own in zip(self.thetas, self.masks, inputs, deltas, draws, strict=True)
        ]
        fraction = alpha("cosine", problem.fraction, probe.step, problem.end)
        generator = torch.Generator().manual_seed(problem.seed * 2**20 + probe.step)
        found = moves(seen, Rules(problem.method, fraction, problem.scope, problem.subset_factor), generator)
        with torch.no_grad():
            for theta, mask, moved in zip(self.thetas, self.masks, found, strict=True):
                for change, active in ((moved.pruned, False), (moved.grown, True)):
                    mask.view(-1)[change] = active
                    theta.view(-1)[change] = 0
                    self.optimizer.state[theta][_MOMENTUM].view(-1)[change] = 0
        return tuple(csr(_edges(mask), _edges(mask), tuple(mask.shape)).pattern for mask in self.masks)

    def step(self, batch: Batch) -> float:
        """Take one SGD step; return the loss before it."""
        self.optimizer.zero_grad()
        loss = self.loss(batch)[0]
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _momentum(self, parameter: Tensor) -> np.ndarray:
        return self.optimizer.state[parameter][_MOMENTUM].numpy()

    def state(self) -> TrainingState:
        """Return where training has come to."""
        layers = []
        for theta, mask, bias in zip(self.thetas, self.masks, self.biases, strict=True):
            edges = _edges(mask)
            weights = csr(edges, theta.detach().view(-1)[edges], tuple(mask.shape))
            momentum = self.optimizer.state[theta][_MOMENTUM].view(-1)[edges].numpy()
            own = (None, None) if bias is None else (bias.detach().numpy(), self._momentum(bias))
            layers.append(TrainedLayer(weights, momentum, *own))
        if self.scale is None or self.shift is None:
            return TrainingState(tuple(layers), None)
        learned = self.scale.detach().numpy(), self.shift.detach().numpy()
        momenta = self._momentum(self.scale), self._momentum(self.shift)
        return TrainingState(tuple(layers), Normalisation(*learned, *momenta, *(m.numpy() for m in self.moments)))


def _edges(mask: Tensor) -> Tensor:
    return torch.nonzero(mask.view(-1))[:, 0]


class TorchTraining(Adapter):
    """Training of masked dense networks."""

    networks = ("mlp", "conv")

    def train(self, problem: TrainingProblem) -> TrainingTrace:
        """Return what happened in these steps."""
        if problem.method not in self.methods or problem.network not in self.networks:
            raise NotCovered(f"no method {problem.method!r} or no network {problem.network!r}")
        network, probes = Network(problem), {probe.step: probe for probe in problem.probes}
        losses: list[float] = []
        updates: list[Rewired] = []
        for step, batch in enumerate(problem.batches, problem.done + 1):
            if step in range(problem.interval, problem.end + 1, problem.interval):
                updates.append(Rewired(step, network.rewire(probes[step])))
            losses.append(network.step(batch))
        return TrainingTrace(_floats(losses, problem.state.layers), tuple(updates), network.state())


def _floats(losses: Sequence[float], layers: Sequence[TrainedLayer]) -> np.ndarray:
    return np.array(losses, layers[0].weights.values.dtype)
