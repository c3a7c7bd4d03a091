"""From a configuration to the objects of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import data, optim
from ..autodiff import Tensor, no_grad
from ..backends import active
from ..backends.arrays import library_of, to_device
from ..counts import rounded
from ..data import Augmentation, Dataset
from ..errors import InputError, ShapeError
from ..explore import Method, Timing, method
from ..models import ModelSpec, build_model
from ..nn import Module, dropping, initialise, probing
from .config import TrainConfig
from .room import require_room


@dataclass(frozen=True)
class Parts:
    """What the loop works with.

    Attributes
    ----------
    per_epoch : SGD steps in an epoch.
    timing : when the topology may change.
    densities : density of each round, for a method that trains several times; else empty.
    probe_samples : batch of a probe, None where it is drawn by class.
    augment : how training samples are varied, None for not at all.
    rate : step → learning rate, steps from 1.
    """

    dataset: Dataset
    model: Module
    optimizer: optim.SGD | optim.Adam
    rate: optim.Rate
    method: Method
    dtype: np.dtype
    per_epoch: int
    timing: Timing
    densities: tuple[float, ...]
    probe_samples: int | None
    augment: Augmentation | None

    @property
    def last_update(self) -> int:
        """T_end in steps."""
        return self.timing.last

    @property
    def total_steps(self) -> int:
        """SGD steps of all rounds together."""
        return max(1, len(self.densities)) * self.timing.round_steps


def _optimizer(config: TrainConfig) -> optim.SGD | optim.Adam:
    if config.optimizer == "sgd":
        return optim.SGD(config.momentum, config.nesterov, config.weight_decay)
    return optim.Adam(weight_decay=config.weight_decay, decoupled=config.optimizer == "adamw")


def _rate(config: TrainConfig, per_epoch: int) -> optim.Rate:
    milestones = [rounded(epoch, per_epoch) for epoch in config.milestones]
    if len({0, *milestones}) <= len(milestones):
        raise InputError(
            f"milestones {list(config.milestones)} fall on steps {milestones} of {per_epoch} an epoch: put them at "
            "least a step apart"
        )
    rate = optim.multi_step(config.lr, milestones) if milestones else optim.constant(config.lr)
    return optim.warmup(rate, rounded(config.warmup, per_epoch))


def _dataset(config: TrainConfig) -> Dataset:
    name, folder = config.data, config.data_dir
    dataset = data.load(name, folder, config.seed, workers=config.workers, unreadable=config.unreadable)
    dataset = dataset if config.image_size is None else data.padded(dataset, config.image_size)
    if config.augment and dataset.image_shape is None:
        raise InputError(f"{config.data} has flat features, not images: leave --augment out")
    return dataset


def _probe_samples(config: TrainConfig, dataset: Dataset) -> int | None:
    if config.probe_per_class is not None:
        scarcest = int(np.unique_counts(dataset.train.labels).counts.min())
        if scarcest < config.probe_per_class:
            raise InputError(
                f"probe_per_class is {config.probe_per_class}, but one class has only {scarcest} training samples"
            )
        return None
    probe = config.batch_size if config.probe_samples is None else config.probe_samples
    if probe > dataset.train.samples:
        raise InputError(f"probe_samples is {probe}, but there are only {dataset.train.samples} training samples")
    return probe


def _try_one_sample(model: Module, dataset: Dataset, dtype: np.dtype) -> None:
    """Raise InputError now if the model cannot be trained on batches of one sample."""
    try:
        with no_grad(), dropping(0, 0), probing(lambda *_: None):
            model(Tensor(to_device(np.zeros((dataset.train.n_features, 1), dtype), library_of(active()))))
    except ShapeError as error:
        raise InputError(
            f"the model cannot be trained on batches of one sample ({error}): use batches and probes of at least 2 "
            "samples (--batch-size, --probe-samples), or larger images"
        ) from None


def build(config: TrainConfig) -> Parts:
    """Load the data and make model, optimizer and method; writes nothing.

    Raises
    ------
    InputError, DataError : whatever of the configuration does not fit the data.
    """
    dataset = _dataset(config)
    per_epoch = data.batches_per_epoch(dataset.train, config.batch_size)
    dtype = np.dtype(config.dtype)
    spec = ModelSpec(
        n_in=dataset.train.n_features,
        classes=dataset.classes,
        hidden=config.hidden,
        dtype=dtype,
        image_shape=dataset.image_shape,
        width=config.width,
        dropout=config.dropout,
    )
    model, way, optimizer = build_model(config.model, spec), method(config.method), _optimizer(config)
    require_room(config.method, way, model.sparse_parameters().values(), optimizer.slots)
    initialise(model, 1.0 if way.dense_start else config.density, config.budget, config.seed, config.pattern)
    probe = _probe_samples(config, dataset)
    if 1 in (config.batch_size, probe):
        _try_one_sample(model, dataset, dtype)
    return Parts(
        dataset=dataset,
        model=model,
        optimizer=optimizer,
        rate=_rate(config, per_epoch),
        method=way,
        dtype=dtype,
        per_epoch=per_epoch,
        timing=Timing(config.every, config.last_update(per_epoch), config.epochs * per_epoch),
        densities=() if way.rounds is None else way.rounds(config.density),
        probe_samples=probe,
        augment=Augmentation() if config.augment else None,
    )
