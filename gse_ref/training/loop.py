"""The only training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np

from .. import data, optim
from ..autodiff import Tensor, cross_entropy, no_grad
from ..backends import use
from ..backends.arrays import all_finite, namespace, to_host
from ..data import Skipped
from ..errors import CheckpointError, DivergenceError
from ..explore import TopologyUpdate
from ..nn import dropping, showing
from .build import Parts, build
from .checkpoint import Checkpoint
from .config import TrainConfig
from .diagnose import first_non_finite
from .record import LOGS, Log
from .rewiring import Rewiring


@dataclass
class Progress:
    """Counters and sums that a checkpoint carries.

    Attributes
    ----------
    step : SGD steps taken; updates : topology updates made.
    nnz_initial : active connections before the first step.
    loss_sum, loss_count : batch losses of the epoch under way.
    train_loss, test_loss, test_accuracy : of the last finished epoch, NaN before.
    log_bytes : length of each log at the checkpoint.
    """

    step: int = 0
    updates: int = 0
    nnz_initial: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    train_loss: float = math.nan
    test_loss: float = math.nan
    test_accuracy: float = math.nan
    log_bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LOGS, 0))

    @classmethod
    def restored(cls, saved: object, total_steps: int) -> Progress:
        """Return the progress that a checkpoint holds.

        Raises
        ------
        CheckpointError : fields or types that no progress has, or a step beyond the run.
        """
        fresh = asdict(cls())
        if not isinstance(saved, dict) or {k: type(v) for k, v in saved.items()} != {
            k: type(v) for k, v in fresh.items()
        }:
            raise CheckpointError(f"the checkpoint's progress cannot be read: {saved!r}")
        lengths = saved["log_bytes"]
        sane = set(lengths) == set(LOGS) and all(type(n) is int and n >= 0 for n in lengths.values())
        if not sane or not 0 <= saved["step"] <= total_steps:
            raise CheckpointError(f"the checkpoint's progress is not that of this run: {saved!r}")
        return cls(**saved)


class Trainer:
    """One run in memory: steps one batch at a time, writes to no file but through `log`.

    Parameters
    ----------
    config : the run.
    log : receives (log name, row) for metrics, topology, events and exploration.
    state : a checkpoint to go on from.

    Raises
    ------
    InputError : whatever of the configuration does not fit. CheckpointError : a state of another model.
    """

    def __init__(self, config: TrainConfig, log: Log, state: Checkpoint | None = None) -> None:
        self.config, self.log = config, log
        with use(config.backend):
            self.parts: Parts = build(config)
        self.model = self.parts.model
        self.parameters = self.model.named_parameters()
        self.layers = self.model.sparse_parameters()
        self.progress = Progress()
        self.total_steps = self.parts.total_steps
        self.rewiring = Rewiring(config, self.parts, self.layers, self._loss, log)
        self._initial = self._weights_and_buffers() if self.parts.densities else {}
        if state is not None:
            if state.data != self.parts.dataset.digest:
                raise CheckpointError(f"{config.data} holds other data than the run was trained on")
            self.model.load_state_dict(state.model)
            self.progress = Progress.restored(state.progress, self.total_steps)
        else:
            self.progress.nnz_initial = self.nnz
        self.optimizer_state = self.parts.optimizer.init(self.parameters)
        if state is not None:
            optim.restore(self.optimizer_state, state.optimizer)
            self.rewiring.restore(state.memory)

    @property
    def nnz(self) -> int:
        """Active connections of all sparse layers."""
        return sum(parameter.nnz for parameter in self.layers.values())

    @property
    def unreadable(self) -> list[Skipped]:
        """Image files that were replaced so far because they could not be read."""
        return [*self.parts.dataset.train.skipped, *self.parts.dataset.test.skipped]

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return self.progress.step // self.parts.per_epoch

    def checkpoint(self, log_bytes: dict[str, int]) -> Checkpoint:
        """Return the state of the run; `log_bytes` are the lengths of its logs now."""
        self.progress.log_bytes = log_bytes
        return Checkpoint(
            config=self.config.to_json(),
            data=self.parts.dataset.digest,
            progress=asdict(self.progress),
            model=self.model.state_dict(),
            optimizer=self.optimizer_state,
            memory=self.rewiring.state(),
        )

    def log_initial_topology(self) -> None:
        """Log the topology before the first step."""
        layers = [{"name": name, "nnz": p.nnz} for name, p in self.layers.items()]
        self.log("topology.jsonl", {"step": 0, "nnz": self.nnz, "layers": layers})
        self.rewiring.log_first()

    def steps(self) -> Iterator[bool]:
        """Take the remaining SGD steps; yield after each, True where it ended an epoch.

        Raises
        ------
        DivergenceError : a number that is not finite, with step and layer.
        """
        while self.progress.step < self.total_steps:
            start = self.progress.step % self.parts.per_epoch
            args = (self.parts.dataset.train, self.config.batch_size, self.config.seed, self.epoch)
            batches = data.epoch_batches(*args, self.parts.dtype, start=start, augment=self.parts.augment)
            for _ in range(start, self.parts.per_epoch):
                # Not across the yield: until the next step the backend in use is the caller's, whatever steps next.
                with use(self.config.backend), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                    self._step(*next(batches))
                    ended = self.progress.step % self.parts.per_epoch == 0
                    if ended:
                        self._end_epoch()
                yield ended

    def _step(self, x: np.ndarray, labels: np.ndarray) -> None:
        step = self.progress.step + 1
        self._update_topology(step)
        for parameter in self.parameters.values():
            parameter.grad = None
        loss = self._loss(x, labels, step)
        value = loss.item()
        if not np.isfinite(value):
            with dropping(self.config.seed, step):
                where = first_non_finite(self.model, x)
            raise DivergenceError(
                f"the loss is {value} at step {step}: {where} is not finite; lower --lr, or add --warmup", step
            )
        with showing(self.rewiring.follower()):
            loss.backward()
        del loss  # and with it the activations, before the optimizer takes its scratch
        self.parts.optimizer.update(self.parameters, self.optimizer_state, self._rate(step))
        self.progress.step = step
        self.progress.loss_sum += value
        self.progress.loss_count += 1

    def _loss(self, x: np.ndarray, labels: np.ndarray, step: int) -> Tensor:
        """Return the loss of a batch in training; a probe drops the same units as the step that it precedes."""
        with dropping(self.config.seed, step):
            logits = self.model(Tensor(x))
        return cross_entropy(logits, labels, self.config.label_smoothing)

    def _rate(self, step: int) -> float:
        """Return the learning rate of a step; every round of training begins its schedule anew."""
        return self.parts.rate((step - 1) % self.parts.timing.round_steps + 1)

    def _update_topology(self, step: int) -> None:
        momenta = {name: optim.momentum_of(self.optimizer_state, name) for name in self.layers}
        with dropping(self.config.seed, step):
            change = self.rewiring.before(step, {name: m for name, m in momenta.items() if m is not None})
        if change is None:
            return
        for name, layer in change.layers.items():
            self.layers[name].rewire(layer.topology, layer.slot_map, layer.values, layer.silent, layer.decay)
        if change.rewind:
            self._rewind()
        else:
            self.optimizer_state = optim.remap(self.optimizer_state, change.slot_maps)
        self.rewiring.memory.update(change.memory)
        self.progress.updates += 1
        self._log_update(change)

    def _weights_and_buffers(self) -> dict[str, np.ndarray]:
        weights = {name: parameter.data for name, parameter in self.parameters.items()}
        return {name: array.copy() for name, array in (weights | self.model.named_buffers()).items()}

    def _rewind(self) -> None:
        """Give what is left of the network its initial weights, bit for bit, and start the optimizer anew."""
        left = {name: self._initial[name][layer.topology.edge_ids] for name, layer in self.layers.items()}
        self.model.load_state_dict(self.model.state_dict() | self._initial | left)
        self.optimizer_state = self.parts.optimizer.init(self.parameters)

    def _log_update(self, change: TopologyUpdate) -> None:
        rows = []
        for name, layer in change.layers.items():
            rows.append(
                {
                    "name": name,
                    "nnz": self.layers[name].nnz,
                    "pruned": layer.pruned,
                    "grown": layer.grown,
                    "candidates": layer.candidates,
                    "smallest_grown_score": layer.smallest_grown_score,
                    "largest_pruned_magnitude": layer.largest_pruned_magnitude,
                    "visited": layer.visited,
                }
            )
            for side in layer.fallbacks:
                event = {"step": change.step, "event": "uniform fallback", "layer": name, "side": side}
                self.log("events.jsonl", event)
        row = {"step": change.step, "fraction": change.fraction, "nnz": self.nnz, "layers": rows}
        self.log("topology.jsonl", row)

    def evaluate(self) -> tuple[float, float]:
        """Return mean loss and accuracy in [0, 1] on the test split."""
        test, losses, right = self.parts.dataset.test, 0.0, 0
        self.model.eval()
        with no_grad():
            for x, labels in data.ordered_batches(test, self.config.batch_size, self.parts.dtype):
                logits = self.model(Tensor(x))
                losses += cross_entropy(logits, labels).item() * len(labels)
                guessed = to_host(namespace(logits.data).argmax(logits.data, axis=0))
                right += int(np.sum(guessed == labels))
        self.model.train()
        return losses / test.samples, right / test.samples

    def _diverged_in_evaluation(self) -> DivergenceError:
        """Return the error that names the first layer that is not finite on a test batch."""
        self.model.eval()
        with no_grad():
            for x, _ in data.ordered_batches(self.parts.dataset.test, self.config.batch_size, self.parts.dtype):
                if not all_finite(self.model(Tensor(x)).data):
                    break
        where = first_non_finite(self.model, x)
        self.model.train()
        loss, step = self.progress.test_loss, self.progress.step
        return DivergenceError(
            f"the test loss is {loss} after step {step}: {where} is not finite; lower --lr, or add --warmup", step
        )

    def _end_epoch(self) -> None:
        progress = self.progress
        progress.train_loss = progress.loss_sum / progress.loss_count
        progress.loss_sum, progress.loss_count = 0.0, 0
        progress.test_loss, progress.test_accuracy = self.evaluate()
        if not np.isfinite(progress.test_loss):
            raise self._diverged_in_evaluation()
        self.log(
            "metrics.jsonl",
            {
                "epoch": self.epoch,
                "step": progress.step,
                "learning_rate": self._rate(progress.step),
                "train_loss": progress.train_loss,
                "test_loss": progress.test_loss,
                "test_accuracy": progress.test_accuracy,
                "nnz": self.nnz,
            },
        )
