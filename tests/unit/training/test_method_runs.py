"""Runs of every method on a small network: exact connections, rewinding, schedules, what is reported."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.explore import METHODS, one_shot
from gse_ref.explore.shrink import LEVELS, rounds
from gse_ref.nn import SparseParameter
from gse_ref.training.loop import Trainer
from tests.methods import sessions_of, updates_of
from tests.unit.training.test_image_runs import small as small_images

scopes = pytest.mark.parametrize("scope", ["global", "layer"])
every_method = pytest.mark.parametrize("method", sorted(METHODS))


def small(**changes: Any) -> gse.TrainConfig:
    """Return a run of 12 steps in 2 epochs with updates before the steps 4 and 8."""
    options = {"data": "synthetic:24:96:5", "hidden": (20, 16), "density": 0.2, "batch_size": 16, "epochs": 2}
    return gse.TrainConfig(**options | {"every": 4, "until": 1.5, "seed": 3} | changes)


def trained(config: gse.TrainConfig) -> tuple[Trainer, list[dict[str, Any]]]:
    """Return the trainer after its last step, and its log of topologies."""
    log: list[dict[str, Any]] = []
    trainer = Trainer(config, lambda name, row: log.append(row) if name == "topology.jsonl" else None)
    trainer.log_initial_topology()
    for _ in trainer.steps():
        pass
    return trainer, log


def forward_slots(parameter: SparseParameter) -> int:
    """Count the connections that take part, from the arrays alone."""
    return len(parameter.topology.indices) if parameter.silent is None else int((~parameter.silent).sum())


@scopes
@pytest.mark.parametrize("density", [0.011, 0.1, 1 / 3, 0.9, 1.0])
@every_method
def test_the_density_is_met_exactly_and_reported_alike(
    method: str, density: float, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_shot, "ROUNDS", 4)  # the counts of a round are those of a hundred
    trainer, log = trained(small(method=method, density=density, scope=scope, epochs=1))
    size = sum(p.topology.size for p in trainer.layers.values())
    wanted = size if method == "dense" else round(density * size)
    counts = [forward_slots(p) for p in trainer.layers.values()]
    assert sum(counts) == trainer.nnz == wanted
    last = log[-1]
    assert last["nnz"] == wanted
    assert [layer["nnz"] for layer in last["layers"]] == counts
    assert [p.nnz for p in trainer.layers.values()] == counts
    first = log[0]
    assert first["nnz"] == trainer.progress.nnz_initial == (size if METHODS[method].dense_start else wanted)
    for before, row in pairwise(log):
        pairs = zip(before["layers"], row["layers"], strict=True)
        assert all(new["nnz"] == old["nnz"] + new["grown"] - new["pruned"] for old, new in pairs)


@every_method
def test_updates_are_due_when_the_method_says(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot, "ROUNDS", 2)
    trainer, log = trained(small(method=method))
    count = sessions_of(method, trainer.config.density)
    assert trainer.progress.step == trainer.total_steps == 12 * count
    assert len(log) - 1 == trainer.progress.updates == updates_of(method, (4, 8), trainer.config.density)


@pytest.mark.parametrize("model", ["mlp", "resnet20"])
def test_the_lottery_rewinds_bit_for_bit(model: str, tmp_path: Path) -> None:
    """Weights that are left, biases, γ and β, running statistics; momenta are 0 in every place."""
    changes: dict[str, Any] = {"method": "lottery", "density": 0.3, "epochs": 1, "until": None, "optimizer": "adam"}
    config = small(**changes) if model == "mlp" else small_images(tmp_path, None, **changes)
    rewound: list[dict[str, bytes]] = []
    kept: list[dict[str, np.ndarray]] = []

    def log(name: str, row: dict[str, Any]) -> None:
        if name != "topology.jsonl":
            return
        everything = {n: p.data for n, p in trainer.parameters.items()} | trainer.model.named_buffers()
        rewound.append({n: array.tobytes() for n, array in everything.items()})
        kept.append({n: p.topology.edge_ids for n, p in trainer.layers.items()})
        assert not any(a.any() for slots in trainer.optimizer_state.values() for a in slots.values())
        assert {n: s["mean"].shape for n, s in trainer.optimizer_state.items()} == {
            n: p.shape for n, p in trainer.parameters.items()
        }

    trainer = Trainer(config, log)
    parts = {n: p.data for n, p in trainer.parameters.items()} | trainer.model.named_buffers()
    initial = {name: array.copy() for name, array in parts.items()}
    for _ in trainer.steps():
        pass
    assert len(rewound) == 2, "from 1 to 0.5 to 0.3"
    for state, ids in zip(rewound, kept, strict=True):
        for name, data in state.items():
            array = initial[name]
            assert data == (array[ids[name]] if name in ids else array).tobytes(), name
    for name, array in ({n: p.data for n, p in trainer.parameters.items()} | trainer.model.named_buffers()).items():
        if name not in trainer.layers:
            assert array.tobytes() != rewound[-1][name], f"{name} never moved: rewinding it shows nothing"
    assert all(set(kept[1][name]) <= set(kept[0][name]) for name in trainer.layers)


def test_rounds_of_the_lottery() -> None:
    assert [1 - level for level in LEVELS] == pytest.approx([0, 0.5, 0.75, 0.9, 0.95, 0.98])
    assert rounds(0.02) == (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)
    assert rounds(0.01) == (1.0, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01)
    assert rounds(0.3) == (1.0, 0.5, 0.3)
    assert rounds(1.0) == (1.0,)


def test_gradual_falls_at_every_update_and_then_stays() -> None:
    _, log = trained(small(method="gradual", every=2, until=1.8))
    counts = [row["nnz"] for row in log]
    assert counts[0] == 880
    assert all(b < a for a, b in pairwise(counts))
    assert [row["step"] for row in log] == [0, 2, 4, 6, 8, 10]
    assert counts[-1] == 176


@pytest.mark.parametrize("method", ["gradual", "topkast", "topkast-sparse"])
def test_what_ends_with_the_last_update_ends_within_the_training(method: str) -> None:
    """T_end lies beyond the 12 steps: the last update that comes is the last one."""
    trainer, log = trained(small(method=method, every=5, until=7.0))
    assert [row["step"] for row in log][-2:] == [5, 10]
    assert trainer.nnz == 176
    assert all(p.silent is None for p in trainer.layers.values())


@pytest.mark.parametrize("method", ["gradual", "lottery", "snip", "grasp", "synflow"])
def test_the_guard_of_methods_that_thin_out(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At one connection in twenty some layers of the network would lose nearly all."""
    monkeypatch.setattr(one_shot, "ROUNDS", 4)
    least = {}
    for guard in (0, 9):
        config = small_images(
            tmp_path, None, method=method, density=0.05, min_nnz=guard, width=0.125, epochs=1, until=1.0
        )
        trainer, _ = trained(config)
        sizes = {name: p.topology.size for name, p in trainer.layers.items()}
        least[guard] = min(p.nnz - min(9, sizes[name]) for name, p in trainer.layers.items())
        assert trainer.nnz == round(0.05 * sum(sizes.values()))
    assert least[9] >= 0 > least[0]


def test_what_a_run_makes_dense_is_in_its_result(tmp_path: Path) -> None:
    for method in ("gse", "rigl", "topkast", "gradual"):
        result = gse.train(small(method=method, epochs=1, until=1.0, out=tmp_path / method))
        assert result.densifies == METHODS[method].densifies
        assert json.loads(json.dumps(result.to_dict()))["densifies"] == METHODS[method].densifies


def test_the_share_of_the_gradient_that_was_computed_is_logged() -> None:
    for method in sorted(METHODS):
        _, log = trained(small(method=method, epochs=1, until=1.0))
        shares = [layer["visited"] for row in log[1:] for layer in row["layers"]]
        if method == "rigl-sketch":
            assert shares
            assert all(0 < share <= 1 for share in shares)
        else:
            assert set(shares) <= {None}
