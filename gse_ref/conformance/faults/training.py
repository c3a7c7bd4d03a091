"""Faults that level training must find."""

from __future__ import annotations

import numpy as np

from ...explore import TopologyUpdate, is_due, prune_fraction
from ...nn import Observer
from ..adapters.own import Naive
from ..adapters.own_training import OwnRun
from ..problems import Batch, Probe, Rewired, TrainingProblem, TrainingTrace
from .fault import Fault


def faulty(run: type[OwnRun]) -> type[Naive]:
    """Return the adapter that trains by such runs and is right in everything else."""
    return type(run.__name__, (Naive,), {"run_class": run, "__doc__": run.__doc__, "__module__": __name__})


class _StatisticsMovedByProbe(OwnRun):
    """The probe is a forward pass in training mode like any other."""

    def run_probe(self, look: Probe, observer: Observer) -> None:
        """Show the layers, then let the running statistics follow the batch."""
        super().run_probe(look, observer)
        self.loss(look.batch)


class _UpdateAfterEnd(OwnRun):
    """T_end is forgotten."""

    def due(self, step: int) -> bool:
        """Return whether the step is a multiple of T."""
        return step % self.problem.interval == 0

    def fraction(self, step: int) -> float:
        """Return α_t, and the last of them for ever."""
        return super().fraction(min(step, self.problem.end - 1)) if self.problem.end > 1 else 1.0


class _StepsFromZero(OwnRun):
    """Steps count from 0, so that the first update comes one step late."""

    def due(self, step: int) -> bool:
        """Return whether an update precedes a step."""
        return step > 1 and is_due(step - 1, self.problem.interval, self.problem.end)

    def look(self, step: int) -> Probe:
        """Return what the update a step ago should have looked at."""
        return super().look(step - 1)


class _FractionOfNextStep(OwnRun):
    """α is taken one step too late."""

    def fraction(self, step: int) -> float:
        """Return α_(t+1)."""
        return prune_fraction("cosine", self.problem.fraction, min(step + 1, self.problem.end), self.problem.end)


class _StaleMomentum(OwnRun):
    """Momenta stay in their slots, so that a grown connection goes on with that of a pruned one."""

    def rewire(self, change: TopologyUpdate) -> None:
        """Give grown connections the momentum that the first pruned ones had."""
        stale = {
            name: self.momentum(layer)[change.layers[name].slot_map.target < 0]
            for name, layer in self.layers().items()
        }
        super().rewire(change)
        for name, layer in self.layers().items():
            slots = change.layers[name].slot_map.target
            grown = np.setdiff1d(np.arange(layer.topology.nnz), slots)
            count = min(len(grown), len(stale[name]))
            self.momentum(layer)[grown[:count]] = stale[name][:count]


class _MomentumCleared(OwnRun):
    """An update makes a new optimizer."""

    def rewire(self, change: TopologyUpdate) -> None:
        """Move weights, and forget all momenta."""
        super().rewire(change)
        for layer in self.layers().values():
            self.momentum(layer)[:] = 0


class _MomentumShuffled(OwnRun):
    """Momenta keep their slots while the connections move."""

    def rewire(self, change: TopologyUpdate) -> None:
        """Move weights, and leave each momentum in its slot as far as there are slots."""
        before = {name: self.momentum(layer).copy() for name, layer in self.layers().items()}
        super().rewire(change)
        for name, layer in self.layers().items():
            count = min(len(before[name]), layer.topology.nnz)
            self.momentum(layer)[:count] = before[name][:count]


class _PrunedWeightsDecay(OwnRun):
    """A dense weight matrix under a mask: pruned weights decay outside it, and come back when grown again."""

    def rewire(self, change: TopologyUpdate) -> None:
        """Move weights; a grown one takes what has been left of it."""
        if not hasattr(self, "outside"):
            self.outside = {name: np.zeros(p.topology.size, p.dtype) for name, p in self.layers().items()}
        for name, layer in self.layers().items():
            self.outside[name][layer.topology.edge_ids] = layer.data
        before = {name: layer.topology.edge_ids for name, layer in self.layers().items()}
        super().rewire(change)
        for name, layer in self.layers().items():
            grown = ~np.isin(layer.topology.edge_ids, before[name])
            layer.data[grown] = self.outside[name][layer.topology.edge_ids[grown]]

    def descend(self, batch: Batch) -> float:
        """Take a step, in which all weights decay."""
        if hasattr(self, "outside"):
            for weights in self.outside.values():
                weights *= 1 - self.problem.rate * self.problem.weight_decay
        return super().descend(batch)


class _StepSkipped(OwnRun):
    """An update takes the place of the SGD step."""

    def step(self, step: int, batch: Batch) -> tuple[float, Rewired | None]:
        """Return the loss of the step, but where there was an update do not descend."""
        before = self.problem.rate
        self.problem = self.problem._replace(rate=0.0 if self.due(step) else before)
        made = super().step(step, batch)
        self.problem = self.problem._replace(rate=before)
        return made


class _ProbeOnTrainingBatch(OwnRun):
    """The update looks at the batch of the step it precedes."""

    def look(self, step: int) -> Probe:
        """Return the training batch with the draws of the probe."""
        return super().look(step)._replace(batch=self.problem.batches[step - 1 - self.problem.done])


class _RateInMomentum(OwnRun):
    """The rate is a factor of the gradient when it enters the momentum, and of the momentum in the step."""

    def descend(self, batch: Batch) -> float:
        """Take a step with gradient and decay times the rate."""
        parameters = self.model.named_parameters()
        for parameter in parameters.values():
            parameter.grad = None
        loss = self.loss(batch)
        loss.backward()
        for name, parameter in parameters.items():
            decay = self.problem.weight_decay if parameter.decay is True else 0.0
            velocity = self.state[name]["momentum"]
            velocity *= self.problem.momentum
            velocity += self.problem.rate * (parameter.grad.data + decay * parameter.data)  # type: ignore[union-attr]
            parameter.data -= self.problem.rate * velocity
        return loss.item()


class _BiasPruned(OwnRun):
    """The smallest bias of each layer goes with the smallest weights."""

    def rewire(self, change: TopologyUpdate) -> None:
        """Move weights, and set one bias to 0."""
        super().rewire(change)
        for module in self.sparse:
            if module.bias is not None:
                module.bias.data[np.argmin(np.abs(module.bias.data))] = 0


class _BiasDecays(OwnRun):
    """Weight decay acts on biases, γ and β too."""

    def __init__(self, problem: TrainingProblem) -> None:
        super().__init__(problem)
        for parameter in self.model.named_parameters().values():
            parameter.decay = True


class _DecayTwice(OwnRun):
    """Weight decay is part of the loss and of the optimizer."""

    def descend(self, batch: Batch) -> float:
        """Take a step and decay once more."""
        loss = super().descend(batch)
        for layer in self.layers().values():
            layer.data *= 1 - self.problem.rate * self.problem.weight_decay
        return loss


class _LossAfterStep(OwnRun):
    """The loss is that of the batch after the step."""

    def descend(self, batch: Batch) -> float:
        """Take a step and return the loss after it."""
        super().descend(batch)
        return self.loss(batch).item()


class _MomentumNotGivenBack(OwnRun):
    """A checkpoint that holds no momenta."""

    def trace(self) -> TrainingTrace:
        """Run, and return a state with momenta of 0."""
        trace = super().trace()
        layers = tuple(layer._replace(momentum=np.zeros_like(layer.momentum)) for layer in trace.state.layers)
        return trace._replace(state=trace.state._replace(layers=layers))


class OtherSumsOnTwoThreads(Naive):
    """A gradient that is summed up thread by thread."""

    threads = 1

    def set_threads(self, count: int) -> None:
        """Use so many threads."""
        self.threads = count

    def train(self, problem: TrainingProblem) -> TrainingTrace:
        """Train; the last bit of each loss depends on the threads."""
        trace = super().train(problem)
        return trace if self.threads == 1 else trace._replace(losses=np.nextafter(trace.losses, 2.0))


class OtherEveryTime(Naive):
    """Sums by atomic additions, in whatever order."""

    turn = 0

    def train(self, problem: TrainingProblem) -> TrainingTrace:
        """Train; the last bit of each loss depends on the time of day."""
        self.turn += 1
        trace = super().train(problem)
        return trace if self.turn % 2 else trace._replace(losses=np.nextafter(trace.losses, 2.0))


_RUNS: tuple[tuple[str, str, str, type[OwnRun]], ...] = (
    (
        "statistics-moved-by-probe",
        "the probe moves running statistics, as the authors' public code does",
        "training_running_statistics",
        _StatisticsMovedByProbe,
    ),
    ("trained-update-after-end", "updates go on after T_end", "training_last_update", _UpdateAfterEnd),
    ("steps-from-zero", "steps count from 0: updates come one step late", "training_first_update", _StepsFromZero),
    ("fraction-of-next-step", "α off by one step", "training_fraction", _FractionOfNextStep),
    (
        "grown-momentum-stale",
        "a grown connection goes on with the momentum of a pruned one",
        "training_grown_momentum",
        _StaleMomentum,
    ),
    ("trained-momentum-cleared", "an update clears all momenta", "training_survivors_momentum", _MomentumCleared),
    (
        "trained-momentum-shuffled",
        "momenta stay in their slots while connections move, as in SparseLab 0.2.2",
        "training_survivors_momentum",
        _MomentumShuffled,
    ),
    (
        "pruned-weights-decay",
        "pruned weights live on outside the mask, decay, and come back when grown again",
        "training_regrown",
        _PrunedWeightsDecay,
    ),
    ("step-skipped-at-update", "an update takes the place of the step", "training_update_step", _StepSkipped),
    (
        "probe-on-training-batch",
        "the update looks at the batch of the step that it precedes",
        "training_topologies",
        _ProbeOnTrainingBatch,
    ),
    ("rate-in-momentum", "the rate is applied twice, in momentum and step", "training_losses", _RateInMomentum),
    ("bias-pruned", "an update prunes biases too", "training_biases", _BiasPruned),
    ("bias-decays", "weight decay acts on biases and normalisation", "training_biases", _BiasDecays),
    ("weights-decay-twice", "weight decay acts in loss and optimizer", "training_weight_decay", _DecayTwice),
    ("loss-after-step", "the loss is that after the step", "training_losses", _LossAfterStep),
    ("momentum-not-saved", "a resumed run starts from momentum 0", "training_resume", _MomentumNotGivenBack),
)
FAULTS = (
    *(Fault(name, what, check, faulty(run)) for name, what, check, run in _RUNS),
    Fault(
        "training-depends-on-threads",
        "results change with the number of threads",
        "training_threads",
        OtherSumsOnTwoThreads,
    ),
    Fault(
        "training-not-repeatable", "the same run differs in the last bit", "training_deterministic", OtherEveryTime
    ),
)
