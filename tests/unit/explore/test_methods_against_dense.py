"""Whole runs of the competing methods, step by step, against their dense definitions in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gse_ref as gse
from gse_ref import data
from gse_ref.conformance.dense_training import DenseRun
from gse_ref.nn import SparseParameter
from gse_ref.training.loop import Trainer
from tests.bounds import assert_close
from tests.unit.explore import dense_methods as dense
from tests.unit.explore.dense_methods import DenseMethod, Setting

#: Case → what it changes of the configuration, and its dense definition.
CASES: dict[str, tuple[dict[str, Any], Callable[[Setting, DenseRun], DenseMethod]]] = {
    "snfs": ({"method": "snfs"}, lambda s, run: dense.DropAndGrow(s, "average")),
    "rigl, regrowing": (
        {"method": "rigl", "allow_regrow": True, "prune_fraction": 0.6},
        lambda s, run: dense.DropAndGrow(s, "gradient", allow_regrow=True),
    ),
    "rigl-sketch, regrowing": (
        {"method": "rigl-sketch", "allow_regrow": True, "prune_fraction": 0.6},
        lambda s, run: dense.DropAndGrow(s, "gradient", allow_regrow=True),
    ),
    **{
        f"set, {criterion}": (
            {"method": "set", "prune_criterion": criterion, "prune_fraction": 0.5},
            lambda s, run, criterion=criterion: dense.DropAndGrow(s, "random", criterion),
        )
        for criterion in ("magnitude", "signed", "saliency", "momentum")
    },
    **{
        f"gradual, {schedule}": (
            {"method": "gradual", "schedule": schedule},
            lambda s, run, schedule=schedule: dense.Gradual(s, schedule),
        )
        for schedule in ("cosine", "inverse_power")
    },
    "gradual that ends between updates": (
        {"method": "gradual", "every": 5, "until": 1.5},
        lambda s, run: dense.Gradual(s, "cosine"),
    ),
    "lottery": (
        {"method": "lottery", "epochs": 1, "warmup": 0.5, "milestones": (0.75,), "until": None},
        lambda s, run: dense.Lottery(s, run),
    ),
    "topkast": ({"method": "topkast"}, lambda s, run: dense.TopKast(s)),
    "topkast, γ 0.4": ({"method": "topkast", "subset_factor": 0.4}, lambda s, run: dense.TopKast(s)),
    "topkast-sparse": ({"method": "topkast-sparse"}, lambda s, run: dense.TopKastSparse(s)),
    **{
        name: ({"method": name, "epochs": 1}, lambda s, run, name=name: dense.SingleShot(s, name))
        for name in ("snip", "grasp", "synflow")
    },
}


def _config(scope: str, changes: dict[str, Any]) -> gse.TrainConfig:
    options = {"data": "synthetic:24:192:5", "hidden": (20, 16), "density": 0.2, "batch_size": 16, "epochs": 2}
    options |= {"every": 4, "until": 1.7, "dtype": "float64", "seed": 3, "weight_decay": 1e-2}
    return gse.TrainConfig(**options | {"scope": scope} | changes)


def _setting(trainer: Trainer) -> Setting:
    config, split = trainer.config, trainer.parts.dataset.train
    return Setting(
        density=config.density,
        every=config.every,
        last=trainer.parts.last_update,
        round_steps=config.epochs * trainer.parts.per_epoch,
        scope=config.scope,
        probe=lambda step: data.probe_batch(split, config.batch_size, config.seed, step, np.float64),
        seed=config.seed,
        gamma=config.subset_factor,
        alpha=config.prune_fraction,
    )


def _matrix(parameter: SparseParameter, values: np.ndarray) -> np.ndarray:
    return parameter.topology.to_scipy(values.astype(np.float64)).toarray()


def _forward(parameter: SparseParameter) -> np.ndarray:
    nothing = np.zeros(parameter.topology.nnz, bool)
    return _matrix(parameter, ~(nothing if parameter.silent is None else parameter.silent))


def _rate(config: gse.TrainConfig, step: int) -> float:
    """Return the rate of a step: linear warm-up from 1e-4 of it, a tenth after a milestone, anew in each round."""
    per_epoch = 12
    done = (step - 1) % (config.epochs * per_epoch)
    length = config.warmup * per_epoch
    rise = 1.0 if done >= length else 1e-4 + (1 - 1e-4) * done / length
    return config.lr * rise * 0.1 ** sum(done >= milestone * per_epoch for milestone in config.milestones)


def _compare(trainer: Trainer, run: DenseRun, step: int) -> None:
    for layer, (name, parameter) in enumerate(trainer.layers.items()):
        place = f"{name} at step {step}"
        learning = run.learning[layer]
        assert np.array_equal(_forward(parameter), run.masks[layer]), place
        assert np.array_equal(_matrix(parameter, np.ones(parameter.topology.nnz)), learning), place
        assert parameter.nnz == run.masks[layer].sum(), place
        velocity = _matrix(parameter, trainer.optimizer_state[name]["momentum"])
        weights = run.weights[layer] * learning
        for actual, expected in ((_matrix(parameter, parameter.data), weights), (velocity, run.velocity[layer])):
            assert_close(actual, expected, np.abs(expected).max(), 64 * (step + 1))
    biases = [p.data for n, p in trainer.parameters.items() if n not in trainer.layers]
    for actual, expected in zip(biases, run.biases, strict=True):
        assert_close(actual, expected, np.abs(expected).max(), 64 * (step + 1))


def _counted(before: list[np.ndarray], after: list[np.ndarray], rows: list[dict[str, Any]]) -> None:
    """Compare what was logged of an update with how the masks changed."""
    for old, new, row in zip(before, after, rows, strict=True):
        assert row["grown"] == np.sum(new > old)
        assert row["pruned"] == np.sum(new < old)
        assert row["nnz"] == new.sum()


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("case", CASES)
def test_run_equals_the_dense_definition(case: str, scope: str) -> None:
    changes, definition = CASES[case]
    log: list[dict[str, Any]] = []
    config = _config(scope, changes)
    trainer = Trainer(config, lambda name, row: log.append(row) if name == "topology.jsonl" else None)
    layers = list(trainer.layers.values())
    biases = [p.data.copy() for n, p in trainer.parameters.items() if n not in trainer.layers]
    weights = [_matrix(p, p.data) for p in layers]
    run = DenseRun(weights, [_forward(p) for p in layers], biases, weight_decay=config.weight_decay)
    method = definition(_setting(trainer), run)
    epochs = range(trainer.total_steps // trainer.parts.per_epoch)
    split = trainer.parts.dataset.train
    batches = [b for e in epochs for b in data.epoch_batches(split, 16, config.seed, e, np.float64)]
    updates = 0
    for step, (_, (x, labels)) in enumerate(zip(trainer.steps(), batches, strict=True), start=1):
        before = [mask.copy() for mask in run.masks]
        method.before(run, step, [_forward(p) for p in layers])
        if len(log) > updates:
            updates += 1
            _counted(before, run.masks, log[-1]["layers"])
        run.lr = _rate(config, step)
        run.sgd(x, labels)
        method.after(run)
        _compare(trainer, run, step)
    assert updates == trainer.progress.updates > 0
    assert trainer.nnz == round(config.density * sum(w.size for w in weights))
    if config.method == "topkast":
        for layer, (mask, master) in enumerate(zip(run.learning, trainer.rewiring.memory.values(), strict=True)):
            outside = run.weights[layer] * (1 - mask)
            actual = master.reshape(mask.shape) * (1 - mask)
            assert outside.any()
            assert_close(actual, outside, np.abs(outside).max(), 64 * step)
