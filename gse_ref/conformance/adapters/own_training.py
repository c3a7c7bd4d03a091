"""The operation of level training by one of the project's own backends: its modules, optimizer and exploration."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autodiff import Tensor, cross_entropy
from ...backends import Backend, use
from ...explore import Numbers, Request, TopologyUpdate, is_due, method, prune_fraction
from ...nn import (
    BatchNorm2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    Module,
    Observer,
    ReLU,
    Sequential,
    SparseParameter,
    probe,
)
from ...optim import SGD, remap
from ...sparse import Topology
from ..adapter import Adapter, Array, NotCovered
from ..problems import (
    Batch,
    Normalisation,
    Rewired,
    TrainedLayer,
    TrainingProblem,
    TrainingState,
    TrainingTrace,
    Weights,
)
from ..problems import Probe as Look

KERNEL = 3


def _mlp(state: TrainingState, dtype: np.dtype) -> Sequential:
    modules: list[Module] = []
    for layer in state.layers:
        n_out, n_in = layer.weights.shape
        modules += [Linear(n_in, n_out, dtype=dtype), ReLU()]
    return Sequential(*modules[:-1])


def _conv(state: TrainingState, dtype: np.dtype) -> Sequential:
    (channels, n_in), (classes, _) = (layer.weights.shape for layer in state.layers)
    return Sequential(
        Conv2d(n_in // KERNEL**2, channels, KERNEL, dtype=dtype),
        BatchNorm2d(channels, relu=True, dtype=dtype),
        GlobalAvgPool(),
        Linear(channels, classes, dtype=dtype),
    )


class OwnRun:
    """One run by the project's modules, optimizer and exploration.

    Attributes
    ----------
    model : its parameters and running statistics. sparse : the module of each sparse layer. norm : the batch
    normalisation, if there is any. optimizer, state : SGD and the momenta by the name of the parameter.
    """

    def __init__(self, problem: TrainingProblem) -> None:
        self.problem, start = problem, problem.state
        build = _mlp if problem.network == "mlp" else _conv
        self.model = build(start, start.layers[0].weights.values.dtype)
        self.sparse: list[Any] = [m for m in self.model.layers if isinstance(m, (Linear, Conv2d))]
        self.norm = next((m for m in self.model.layers if isinstance(m, BatchNorm2d)), None)
        self.optimizer = SGD(problem.momentum, weight_decay=problem.weight_decay)
        for module, layer in zip(self.sparse, start.layers, strict=True):
            indptr, indices, values, shape = layer.weights
            module.weight.place(Topology(indptr, indices, shape), values.copy())
            if layer.bias is not None:
                module.bias.data = layer.bias.copy()
        if self.norm is not None and start.normalisation is not None:
            copies = (array.copy() for array in start.normalisation)
            self.norm.weight.data, self.norm.bias.data, *momenta, mean, variance = copies
            self.norm.running_mean, self.norm.running_variance = mean, variance
        self.state = self.optimizer.init(self.model.named_parameters())
        for module, layer in zip(self.sparse, start.layers, strict=True):
            self.set_momentum(module.weight, layer.momentum)
            if layer.bias_momentum is not None:
                self.set_momentum(module.bias, layer.bias_momentum)
        if self.norm is not None:
            self.set_momentum(self.norm.weight, momenta[0])
            self.set_momentum(self.norm.bias, momenta[1])

    def name(self, parameter: Tensor) -> str:
        """Return the name of a parameter."""
        return next(name for name, own in self.model.named_parameters().items() if own is parameter)

    def momentum(self, parameter: Tensor) -> Array:
        """Return the momentum of a parameter."""
        return self.state[self.name(parameter)]["momentum"]

    def set_momentum(self, parameter: Tensor, momentum: Array) -> None:
        """Give a parameter its momentum, copied."""
        self.state[self.name(parameter)]["momentum"] = momentum.copy()

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch."""
        return cross_entropy(self.model(Tensor(batch.x)), batch.labels)

    def due(self, step: int) -> bool:
        """Return whether an update precedes a step."""
        return is_due(step, self.problem.interval, self.problem.end)

    def fraction(self, step: int) -> float:
        """Return α_t."""
        return prune_fraction("cosine", self.problem.fraction, step, self.problem.end)

    def look(self, step: int) -> Look:
        """Return what the update before a step looks at and draws with."""
        return next(found for found in self.problem.probes if found.step == step)

    def numbers(self, look: Look) -> dict[str, Numbers]:
        """Return the given random numbers by layer."""
        given = zip(self.layers(), look.draws, strict=False)  # methods that draw nothing are given nothing
        return {name: Numbers(np.stack([d.inputs, d.outputs]), d.signs.reshape(-1)) for name, d in given}

    def run_probe(self, look: Look, observer: Observer) -> None:
        """Show the layers to an update in a pass over its own batch."""
        probe(lambda: self.loss(look.batch), self.layers().values(), observer)

    def layers(self) -> dict[str, SparseParameter]:
        """Return the weights of the sparse layers by name."""
        return self.model.sparse_parameters()

    def change(self, step: int) -> TopologyUpdate:
        """Return the update that precedes a step; nothing is changed yet."""
        problem, look = self.problem, self.look(step)
        request = Request(
            seed=problem.seed,
            step=step,
            fraction=self.fraction(step),
            scope=problem.scope,
            subset_factor=problem.subset_factor,
            run_probe=lambda observer: self.run_probe(look, observer),
            numbers=self.numbers(look),
        )
        changes = method(problem.method).changes
        if changes is None:
            raise NotCovered(f"{problem.method} never changes a topology")
        return changes(self.layers(), request)

    def rewire(self, change: TopologyUpdate) -> None:
        """Move weights and momenta to the new topologies."""
        for name, parameter in self.layers().items():
            parameter.rewire(change.layers[name].topology, change.layers[name].slot_map)
        self.state = remap(self.state, change.slot_maps)

    def descend(self, batch: Batch) -> float:
        """Take one SGD step and return the loss before it."""
        parameters = self.model.named_parameters()
        for parameter in parameters.values():
            parameter.grad = None
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.update(parameters, self.state, self.problem.rate)
        return loss.item()

    def step(self, step: int, batch: Batch) -> tuple[float, Rewired | None]:
        """Take SGD step `step` and the update that precedes it, if any is due."""
        rewired = None
        if self.due(step):
            self.rewire(self.change(step))
            rewired = Rewired(step, tuple(self.weights(module).pattern for module in self.sparse))
        return self.descend(batch), rewired

    def weights(self, module: Any) -> Weights:
        """Return a layer's weights."""
        topology = module.weight.topology
        return Weights(topology.indptr, topology.indices, module.weight.data, topology.shape)

    def final(self) -> TrainingState:
        """Return everything that training changed."""
        layers = []
        for module in self.sparse:
            bias = module.bias
            more = (None, None) if bias is None else (bias.data, self.momentum(bias))
            layers.append(TrainedLayer(self.weights(module), self.momentum(module.weight), *more))
        norm = self.norm
        if norm is None:
            return TrainingState(tuple(layers), None)
        momenta = self.momentum(norm.weight), self.momentum(norm.bias)
        moments = norm.running_mean, norm.running_variance
        return TrainingState(tuple(layers), Normalisation(norm.weight.data, norm.bias.data, *momenta, *moments))

    def trace(self) -> TrainingTrace:
        """Run, and return what happened."""
        losses, updates = [], []
        for step, batch in enumerate(self.problem.batches, start=self.problem.done + 1):
            loss, rewired = self.step(step, batch)
            losses.append(loss)
            updates += [] if rewired is None else [rewired]
        return TrainingTrace(np.array(losses), tuple(updates), self.final())


class OwnTraining(Adapter):
    """Training by a backend of this project.

    Attributes
    ----------
    run_class : how a run is made.
    """

    backend: Backend
    run_class: type[OwnRun] = OwnRun

    def train(self, problem: TrainingProblem) -> TrainingTrace:
        """Return what happened in the run."""
        with use(self.backend):
            return self.run_class(problem).trace()
