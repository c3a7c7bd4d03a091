"""From a configuration to the objects of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import data, optim
from ..counts import rounded
from ..data import Dataset
from ..errors import InputError
from ..explore import Method, method
from ..models import ModelSpec, build_model
from ..nn import Module, initialise
from .config import TrainConfig


@dataclass(frozen=True)
class Parts:
    """What the loop works with.

    Attributes
    ----------
    per_epoch : SGD steps in an epoch; last_update : T_end in steps; probe_samples : batch of a probe.
    rate : step → learning rate, steps from 1.
    """

    dataset: Dataset
    model: Module
    optimizer: optim.SGD | optim.Adam
    rate: optim.Rate
    method: Method
    dtype: np.dtype
    per_epoch: int
    last_update: int
    probe_samples: int


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


def build(config: TrainConfig) -> Parts:
    """Load the data and make model, optimizer and method; writes nothing.

    Raises
    ------
    InputError, DataError : whatever of the configuration does not fit the data.
    """
    dataset = data.load(config.data, config.data_dir, config.seed)
    per_epoch = data.batches_per_epoch(dataset.train, config.batch_size)
    probe = config.batch_size if config.probe_samples is None else config.probe_samples
    if probe > dataset.train.samples:
        raise InputError(f"probe_samples is {probe}, but there are only {dataset.train.samples} training samples")
    dtype = np.dtype(config.dtype)
    spec = ModelSpec(dataset.train.n_features, dataset.classes, config.hidden, dtype)
    model = build_model(config.model, spec)
    initialise(model, config.density, config.budget, config.seed)
    return Parts(
        dataset=dataset,
        model=model,
        optimizer=_optimizer(config),
        rate=_rate(config, per_epoch),
        method=method(config.method),
        dtype=dtype,
        per_epoch=per_epoch,
        last_update=config.last_update(per_epoch),
        probe_samples=probe,
    )
