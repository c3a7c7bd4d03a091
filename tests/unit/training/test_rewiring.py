"""What a method keeps and needs: memory in checkpoints, schedules and densities that cannot be reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.errors import CheckpointError, InputError
from gse_ref.explore import METHODS
from gse_ref.explore.topkast import topkast_sparse
from gse_ref.training.checkpoint import load, save
from gse_ref.training.loop import Trainer
from gse_ref.training.record import SESSIONS
from tests.unit.training.test_method_runs import small

NAME = "layers.0.weight"
DENSE = (20, 24)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"method": "gradual", "every": 100},
            r"gradual thins the network out at updates, and none is due: the first would precede step 100, the "
            r"last 9; lower --every or raise --until",
        ),
        ({"method": "gradual", "until": 0.0}, "none is due"),
        ({"method": "gradual", "schedule": "constant"}, r"schedule constant never reaches the density 0\.2"),
        *(
            ({"method": method, "density": 1e-4}, "leaves none: raise the density")
            for method in ("gradual", "lottery", "snip", "grasp", "synflow", "topkast", "gse")
        ),
        *(
            (
                {"method": method, "density": 0.005, "min_nnz": 3},
                r"min_nnz 3 keeps 9 connections in 3 layers, density 0\.005 leaves 4: lower min_nnz or raise",
            )
            for method in ("gradual", "lottery", "snip", "grasp", "synflow")
        ),
    ],
)
def test_what_cannot_be_reached_is_refused_before_anything_is_written(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        gse.train(small(**changes, out=tmp_path / "run"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "static", "prune_criterion": "saliency"}, "prune_criterion saliency means nothing to static"),
        ({"method": "snip", "prune_criterion": "signed"}, "prune_criterion signed means nothing to snip"),
        ({"method": "topkast", "prune_criterion": "momentum"}, "means nothing to topkast"),
        (
            {"method": "gse", "allow_regrow": True},
            r"allow_regrow True means nothing to gse; .* of rigl, rigl-sk",
        ),
        ({"method": "snfs", "allow_regrow": True}, "allow_regrow True means nothing to snfs"),
        ({"method": "gradual", "prune_criterion": "signed"}, "gradual replaces nothing: use magnitude"),
        ({"method": "lottery", "prune_criterion": "signed"}, "lottery replaces nothing"),
        ({"prune_criterion": "momentum", "momentum": 0.0}, "momentum needs momentum above 0, or adam or adamw"),
        ({"prune_criterion": "magnitud"}, "unknown prune_criterion 'magnitud': did you mean 'magnitude'"),
    ],
)
def test_settings_without_a_meaning_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(**changes)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_criterion_of_momentum_runs_on_every_optimizer_that_has_one(optimizer: str, tmp_path: Path) -> None:
    result = gse.train(small(prune_criterion="momentum", optimizer=optimizer, lr=0.01, out=tmp_path / "run"))
    assert result.updates == 2


def _stopped(method: str, run: Path) -> None:
    """Leave a run with a checkpoint after step 6, between two updates."""

    def stop(trainer: Trainer) -> None:
        if trainer.progress.step == 6:
            raise KeyError("killed")

    with pytest.raises(KeyError):
        gse.train(small(method=method, out=run, checkpoint_every=3), stop)


@pytest.mark.parametrize("method", ["snfs", "topkast"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda m: m.pop(NAME),
            rf"of '{NAME}', .* keeps float32\(.*\) from update to update, the checkpoint nothing",
        ),
        (lambda m: m.clear(), "the checkpoint nothing"),
        (lambda m: m.update(other=np.zeros(3, np.float32)), r"of 'other', .* keeps nothing .* float32\(3,\)"),
        (lambda m: m.update({NAME: m[NAME].ravel()[:-1]}), r"the checkpoint float32\(479,\)"),
        (lambda m: m.update({NAME: m[NAME].astype(np.float64)}), r"the checkpoint float64"),
        (lambda m: m.update({NAME: m[NAME].reshape(-1, 1)}), r"the checkpoint float32\(480, 1\)"),
    ],
)
def test_a_memory_that_does_not_fit_is_refused_and_left_alone(
    method: str, spoil: Any, message: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    _stopped(method, run)
    saved = load(run / "checkpoint.npz")
    assert saved.memory[NAME].size == DENSE[0] * DENSE[1]
    memory = dict(saved.memory)
    spoil(memory)
    save(run / "checkpoint.npz", replace(saved, memory=memory))
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.name != SESSIONS}
    with pytest.raises(CheckpointError, match=message):
        gse.train(gse.stored_config(run))
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.name != SESSIONS} == before


@pytest.mark.parametrize("method", ["gse", "lottery"])
def test_a_memory_that_the_method_does_not_have_is_refused(method: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _stopped(method, run)
    saved = load(run / "checkpoint.npz")
    assert saved.memory == {}
    save(run / "checkpoint.npz", replace(saved, memory={NAME: np.zeros(DENSE, np.float32)}))
    with pytest.raises(CheckpointError, match=rf"{method} keeps nothing from update to update"):
        gse.train(gse.stored_config(run))


def test_the_last_update_is_known_as_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    trainer = Trainer(small(method="topkast-sparse", every=5, until=2.0), lambda *_: None)
    method = METHODS["topkast-sparse"]

    def watched(layers: Any, request: Any) -> Any:
        asked.append((request.step, request.last))
        return topkast_sparse(layers, request)

    monkeypatch.setattr(trainer.rewiring, "_parts", replace(trainer.parts, method=replace(method, change=watched)))
    for _ in trainer.steps():
        pass
    assert asked == [(1, False), (5, False), (10, True)]
