"""How a method changes the topology of a run: when, by what request, and what it keeps in between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import data
from ..autodiff import Tensor
from ..backends.arrays import namespace, to_device
from ..errors import CheckpointError, InputError
from ..explore import SCHEDULES, Problem, Request, Target, TopologyUpdate, prune_fraction
from ..explore.keep import require_reachable
from ..explore.proposal import Layers
from ..nn import Observer, probe
from .build import Parts
from .config import TrainConfig
from .exploration import Exploration
from .record import Log

#: (x, labels, step) → loss of a batch in training.
Loss = Callable[[np.ndarray, np.ndarray, int], Tensor]
#: Begins the names under which a checkpoint keeps what `Exploration` has to know; no layer's name does.
_EXPLORATION = "exploration/"


def _kind(array: np.ndarray | None) -> str:
    """Return dtype and shape in words."""
    return "nothing" if array is None else f"{array.dtype}{array.shape}"


class Rewiring:
    """The method of a run at work.

    Parameters
    ----------
    layers : the sparse layers by name.
    loss : of a batch, for the probe.
    log : receives what is observed of the exploration.

    Attributes
    ----------
    memory : arrays that the method keeps from update to update, by layer.

    Raises
    ------
    InputError : a density that the method cannot reach, by this schedule or at all.
    """

    def __init__(self, config: TrainConfig, parts: Parts, layers: Layers, loss: Loss, log: Log) -> None:
        self._config, self._parts, self._layers, self._loss = config, parts, layers, loss
        remember = parts.method.remember
        self.memory: dict[str, np.ndarray] = {} if remember is None else remember(layers)
        observed = config.observe != "nothing"
        self._exploration = Exploration(config.observe, parts.method, layers, log) if observed else None
        self._require_an_end()

    def log_first(self) -> None:
        """Log what is observed of the first topology, if anything is."""
        if self._exploration is not None:
            self._exploration.log_first()

    def state(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint has to keep: the memory, and what was observed."""
        known = {} if self._exploration is None else self._exploration.state()
        return self.memory | {_EXPLORATION + name: array for name, array in known.items()}

    def _require_an_end(self) -> None:
        config, timing = self._config, self._parts.timing
        if self._parts.method.dense_start:
            target = Target(config.density, config.density, config.budget)
            require_reachable(self._layers, target, config.scope, config.min_nnz)
        if not self._parts.method.thins_out:
            return
        if not timing.last_due:
            raise InputError(
                f"{config.method} thins the network out at updates, and none is due: the first would precede step "
                f"{config.every}, the last {min(timing.last, timing.round_steps)}; lower --every or raise --until"
            )
        if SCHEDULES[config.schedule](1.0) != 0:
            raise InputError(
                f"schedule {config.schedule} never reaches the density {config.density}: choose cosine, linear or "
                "inverse_power (the cubic of gradual pruning)"
            )

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take what `state` returned before.

        Raises
        ------
        CheckpointError : arrays that are not those of this method and model.
        """
        memory = dict(state)
        if self._exploration is not None:
            seen = [name for name in state if name.startswith(_EXPLORATION)]
            self._exploration.restore({name.removeprefix(_EXPLORATION): memory.pop(name) for name in seen})
        for name in sorted({*self.memory, *memory}):
            own, other = (_kind(arrays.get(name)) for arrays in (self.memory, memory))
            if own != other:
                raise CheckpointError(
                    f"of {name!r}, {self._config.method} keeps {own} from update to update, the checkpoint {other}"
                )
        self.memory = {name: to_device(array, namespace(self.memory[name])) for name, array in memory.items()}

    def follower(self) -> Observer | None:
        """Return what the method wants to see of every training step, if anything."""
        follow = self._parts.method.follow
        return None if follow is None else follow(self._layers, self.memory)

    def before(self, step: int, momenta: dict[str, np.ndarray]) -> TopologyUpdate | None:
        """Return the change of topology that precedes SGD step `step`, if one is due; nothing is changed yet.

        Parameters
        ----------
        momenta : momentum of each sparse layer in the optimizer, (nnz,), if it has one.
        """
        method, timing = self._parts.method, self._parts.timing
        changes = method.changes
        if changes is None or not method.when(step, timing):
            return None
        config = self._config
        by_schedule = 0 < step <= timing.last
        schedule = (config.schedule, config.prune_fraction, step, timing.last)
        request = Request(
            seed=config.seed,
            step=step,
            fraction=prune_fraction(*schedule) if by_schedule else 0.0,
            scope=config.scope,
            subset_factor=config.subset_factor,
            run_probe=lambda observer: self._run_probe(step, observer),
            min_nnz=config.min_nnz,
            criterion=config.prune_criterion,
            momenta=momenta,
            allow_regrow=config.allow_regrow,
            last=step >= timing.last_due,
            target=self._target(step),
            problem=Problem(self._parts.model, lambda: self._batch(step)),
            memory=self.memory,
        )
        change = changes(self._layers, request)
        if self._exploration is not None:
            self._exploration.see(change, request)
        return change

    def _target(self, step: int) -> Target:
        config, timing = self._config, self._parts.timing
        if self._parts.densities:
            return Target(self._parts.densities[(step - 1) // timing.round_steps], config.density, config.budget)
        left = SCHEDULES[config.schedule](step / timing.last_due) if self._parts.method.thins_out else 0.0
        return Target(config.density + left * (1.0 - config.density), config.density, config.budget)

    def _batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        parts, config = self._parts, self._config
        args = (parts.dataset.train, parts.probe_samples, config.seed, step, parts.dtype)
        return data.probe_batch(*args, per_class=config.probe_per_class, augment=parts.augment)

    def _run_probe(self, step: int, observer: Observer) -> None:
        x, labels = self._batch(step)
        probe(lambda: self._loss(x, labels, step), self._layers.values(), observer)
