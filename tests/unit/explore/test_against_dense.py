"""A whole run, step by step, against the dense-mask model in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gse_ref as gse
from gse_ref import data
from gse_ref.conformance.dense_growth import count, gse_candidates, topology_update
from gse_ref.conformance.dense_training import DenseRun
from gse_ref.rng import stream
from gse_ref.training.loop import Trainer
from tests.bounds import assert_close

STEPS, EVERY = 24, 4


def _dense(parameter) -> np.ndarray:
    return parameter.topology.to_scipy(parameter.data).toarray()


def _mask(parameter) -> np.ndarray:
    return parameter.topology.to_scipy(np.ones(parameter.topology.nnz)).toarray()


def _config(method: str, scope: str) -> gse.TrainConfig:
    return gse.TrainConfig(
        data="synthetic:24:192:5",
        hidden=(20, 16),
        method=method,
        density=0.2,
        batch_size=16,
        epochs=2,
        every=EVERY,
        until=2.0,
        scope=scope,
        dtype="float64",
        seed=3,
    )


def _dense_update(run: DenseRun, config: gse.TrainConfig, trainer: Trainer, step: int):
    x, labels = data.probe_batch(trainer.parts.dataset.train, config.batch_size, config.seed, step, np.float64)
    inputs, deltas, _ = run.passes(x, labels)
    scores = [np.abs(d @ x_l.T) for d, x_l in zip(deltas, inputs, strict=True)]
    candidates = []
    for layer, mask in enumerate(run.masks):
        if config.method == "rigl":
            candidates.append([int(e) for e in np.flatnonzero(mask == 0)])
        else:
            distribution = {"gse": "uniform", "gse-grabo": "grabo", "gse-graest": "graest"}[config.method]
            signs = 2.0 * stream(config.seed, "signs", layer, step).integers(0, 2, x.shape[1]) - 1
            uniforms = stream(config.seed, "draw", layer, step).random((2, count(1.0, mask.sum())))
            seen = inputs[layer], deltas[layer]
            candidates.append(gse_candidates(distribution, mask, *seen, 1.0, uniforms, signs))
    fraction = 0.2 * 0.5 * (1 + math.cos(math.pi * step / trainer.parts.last_update))
    grown, pruned = topology_update(run.weights, run.masks, candidates, scores, fraction, config.scope)
    run.apply(grown, pruned)
    return candidates, grown, pruned, scores


def _compare(trainer: Trainer, run: DenseRun) -> None:
    for layer, (name, parameter) in enumerate(trainer.layers.items()):
        assert np.array_equal(_mask(parameter), run.masks[layer]), f"{name} at step {trainer.progress.step}"
        velocity = parameter.topology.to_scipy(trainer.optimizer_state[name]["momentum"]).toarray()
        for actual, expected in ((_dense(parameter), run.weights[layer]), (velocity, run.velocity[layer])):
            assert_close(actual, expected, np.abs(expected).max(), 64 * (trainer.progress.step + 1))


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", ["gse", "gse-grabo", "gse-graest", "rigl"])
def test_run_equals_dense_masks(method: str, scope: str) -> None:
    config, rows = _config(method, scope), []
    trainer = Trainer(config, lambda log, row: rows.append(row))
    layers = list(trainer.layers.values())
    biases = [p.data.copy() for n, p in trainer.parameters.items() if n.endswith("bias")]
    run = DenseRun([_dense(p) for p in layers], [_mask(p) for p in layers], biases)
    batches = [
        b for epoch in (0, 1) for b in data.epoch_batches(trainer.parts.dataset.train, 16, 3, epoch, np.float64)
    ]
    total, moved, losses = trainer.nnz, 0, []
    for step, (_, (x, labels)) in enumerate(zip(trainer.steps(), batches, strict=True), start=1):
        if step % EVERY == 0:
            candidates, grown, pruned, scores = _dense_update(run, config, trainer, step)
            logged = next(row for row in rows if row.get("step") == step and "layers" in row)["layers"]
            assert [row["grown"] for row in logged] == [len(g) for g in grown]
            assert [row["pruned"] for row in logged] == [len(p) for p in pruned]
            assert [row["candidates"] for row in logged] == [len(c) for c in candidates]
            moved += sum(map(len, grown))
            for row, ids, score in zip(logged, grown, scores, strict=True):
                if ids:
                    expected = np.array([min(score.flat[e] for e in ids)])
                    assert_close(np.array([row["smallest_grown_score"]]), expected, score.max(), 64 * step)
        losses.append(run.sgd(x, labels))
        _compare(trainer, run)
    assert step == STEPS
    means = [row["train_loss"] for row in rows if "train_loss" in row]
    expected = np.array([np.mean(losses[:12]), np.mean(losses[12:])])
    assert_close(np.array(means), expected, expected.max(), 64 * STEPS)
    assert moved > 0
    assert trainer.nnz == total
