"""Runs of networks for images: equal folders, what an update leaves alone, evaluation, divergence, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref import data
from gse_ref.errors import DivergenceError, InputError
from gse_ref.explore import METHODS, Method, Proposal, one_shot
from gse_ref.kernels import launch
from gse_ref.nn import BatchNorm2d
from gse_ref.training import Interrupted, loop
from gse_ref.training.checkpoint import load
from gse_ref.training.loop import Trainer
from gse_ref.training.record import SESSIONS
from tests.bounds import assert_close
from tests.methods import CONSTANT, GROWING, sessions_of, updates_of

CLASSES = 4
#: Model → side of its images and what it is made of; with dropout where it has any.
MODELS = {
    "resnet20": (8, {"width": 0.25}),
    "vgg11": (32, {"width": 0.25, "dropout": 0.3}),
}


def write_images(folder: Path, side: int, train: int = 48, test: int = 20) -> str:
    """Write noise in `CLASSES` classes, colour images (3, side, side) of bytes, and return the path."""
    draw, arrays = np.random.default_rng(side), {}
    for part, samples in (("train", train), ("test", test)):
        arrays[f"x_{part}"] = draw.integers(0, 256, (samples, 3, side, side), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(samples) % CLASSES
    np.savez(folder / f"images{side}.npz", **arrays)
    return str(folder / f"images{side}.npz")


def small(folder: Path, out: str | None = "run", model: str = "resnet20", **changes) -> gse.TrainConfig:
    """Return a run of 12 steps in 2 epochs with updates before the steps 4, 8 and 12, augmented."""
    side, made_of = MODELS.get(model, MODELS["resnet20"])
    options = {
        "data": write_images(folder, side),
        "model": model,
        **made_of,
        "augment": True,
        "density": 0.1,
        "batch_size": 8,
        "epochs": 2,
        "every": 4,
        "until": 2.0,
        "lr": 0.05,
        "out": None if out is None else folder / out,
        **changes,
    }
    return gse.TrainConfig(**options)


def contents(run: Path) -> dict[str, bytes]:
    """Return every file of a run but the one that tells of circumstances."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != SESSIONS}


def rows(run: Path, log: str) -> list[dict]:
    return [json.loads(line) for line in (run / log).read_text().splitlines()]


def running(trainer: Trainer) -> dict[str, bytes]:
    """Return the running statistics, which are the only buffers."""
    return {name: buffer.tobytes() for name, buffer in trainer.model.named_buffers().items()}


def everything(trainer: Trainer) -> dict[str, bytes]:
    """Return weights, topologies, running statistics and momenta."""
    state = {name: array.tobytes() for name, array in trainer.model.state_dict().items()}
    momenta = {f"{n}/{s}": a.tobytes() for n, slots in trainer.optimizer_state.items() for s, a in slots.items()}
    return state | momenta


def by_connection(trainer: Trainer) -> dict[str, dict[int, tuple[float, float]]]:
    """Return layer → edge id → (weight, momentum)."""
    found = {}
    for name, parameter in trainer.layers.items():
        topology, momentum = parameter.topology, trainer.optimizer_state[name]["momentum"]
        ids = topology.rows.astype(np.int64) * topology.n_in + topology.indices
        pairs = zip(parameter.data.tolist(), momentum.tolist(), strict=True)
        found[name] = dict(zip(ids.tolist(), pairs, strict=True))
    return found


@pytest.mark.parametrize("stop_at", [3, 7, 9])
@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_resumed_run_is_the_same_run(model: str, scope: str, stop_at: int, tmp_path: Path) -> None:
    """Stopped in mid-epoch, before and after updates: the running statistics go on where they were."""
    options = {"model": model, "scope": scope, "checkpoint_every": 3, "seed": 5}

    def stop(trainer: Trainer) -> None:
        if trainer.progress.step == stop_at:
            raise RuntimeError("killed")

    whole = gse.train(small(tmp_path, "whole", **options))
    with pytest.raises(RuntimeError):
        gse.train(small(tmp_path, "cut", **options), stop)
    resumed = gse.train(replace(gse.stored_config(tmp_path / "cut"), checkpoint_every=3))
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert (resumed.test_accuracy, resumed.nnz, resumed.updates) == (whole.test_accuracy, whole.nnz, 3)
    saved = load(tmp_path / "whole" / "checkpoint.npz").model
    moments = {name: array for name, array in saved.items() if "running_mean" in name}
    assert moments
    assert all(array.any() for array in moments.values()), "a mean that never moved was not restored either"


def test_the_way_on_names_the_circumstances() -> None:
    config = gse.TrainConfig(data_dir=Path("my images"), unreadable="skip")
    told = str(Interrupted(Path("a run"), 3, config))
    assert told.endswith("gse-ref train --resume 'a run' --data-dir 'my images' --unreadable skip")


def test_ctrl_c_saves_and_the_run_goes_on(tmp_path: Path) -> None:
    def press(trainer: Trainer) -> None:
        if trainer.progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with pytest.raises(Interrupted, match="interrupted at step 5"):
        gse.train(small(tmp_path, "cut", "vgg11"), press)
    gse.train(gse.stored_config(tmp_path / "cut"))
    gse.train(small(tmp_path, "whole", "vgg11"))
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_sigkill_costs_nothing_that_was_saved(tmp_path: Path) -> None:
    """A child is killed as soon as it has saved something; another one goes on."""
    options = {"epochs": 20, "checkpoint_every": 2}
    whole = small(tmp_path, "whole", **options)
    gse.train(whole)
    run, start = tmp_path / "cut", [sys.executable, "-m", "gse_ref", "train", "--threads", "1"]
    words = ["--data", whole.data, "--model", "resnet20", "--width", "0.25", "--augment", "--density", "0.1"]
    words += ["--batch-size", "8", "--epochs", "20", "--every", "4", "--until", "2", "--lr", "0.05"]
    with subprocess.Popen([*start, *words, "--checkpoint-every", "2", "--out", str(run)]) as child:
        while child.poll() is None and not (run / "checkpoint.npz").exists():
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    done = subprocess.run([*start, "--resume", str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(run) == contents(tmp_path / "whole")


@pytest.mark.parametrize(("model", "method"), [*(("resnet20", m) for m in sorted(METHODS)), ("vgg11", "gse")])
def test_folder_does_not_depend_on_threads(
    model: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "SERIAL", 0)  # else kernels this small run on one thread in any case
    monkeypatch.setattr(one_shot, "ROUNDS", 4)
    for threads in (1, 2):
        gse.train(small(tmp_path, str(threads), model, method=method, threads=threads))
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", [*GROWING, "snfs"])
def test_an_update_changes_connections_alone(method: str, scope: str, tmp_path: Path) -> None:
    """The log of an update is written between the update and the step: nothing else may have moved by then."""
    before, updates, moved = {}, [], 0

    def log(name: str, row: dict) -> None:
        if name == "topology.jsonl":
            updates.append(row)
            after = state()
            for part in ("running", "dense"):
                assert after[part] == before[part], part
            for layer, counts in zip(after["sparse"], row["layers"], strict=True):
                old, new = before["sparse"][layer], after["sparse"][layer]
                assert all(new[edge] == old[edge] for edge in old.keys() & new.keys())
                assert all(new[edge] == (0.0, 0.0) for edge in new.keys() - old.keys())
                assert len(new.keys() - old.keys()) == counts["grown"]
                assert len(old.keys() - new.keys()) == counts["pruned"]

    def state() -> dict:
        dense = {n: p.data.tobytes() for n, p in trainer.parameters.items() if n not in trainer.layers}
        return {"running": running(trainer), "dense": dense, "sparse": by_connection(trainer)}

    trainer = Trainer(small(tmp_path, method=method, scope=scope), log)
    for _ in trainer.steps():
        before = state()
    moved = sum(layer["grown"] for row in updates for layer in row["layers"])
    assert len(updates) == 3
    assert moved > 0


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_probe_changes_nothing(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that looks and proposes nothing makes the run of the method that does not look."""
    seen = []

    def look(layers, request):
        request.run_probe(lambda parameter, x, delta: seen.append(float(np.abs(delta).max())))
        empty = np.empty(0, np.int32)
        return [Proposal(empty, empty, np.empty(0), 0) for _ in layers]

    def trained(method: str) -> Trainer:
        trainer = Trainer(small(tmp_path, model=model, method=method), lambda *_: None)
        for _ in trainer.steps():
            pass
        return trainer

    monkeypatch.setitem(METHODS, "looking", Method("looks only", propose=look))
    looking, still = trained("looking"), trained("static")
    assert everything(looking) == everything(still)
    assert looking.progress.updates == 3
    assert len(seen) == 3 * len(looking.layers)
    assert max(seen) > 0


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", CONSTANT)
def test_connections_are_kept(method: str, scope: str, tmp_path: Path) -> None:
    config = small(tmp_path, method=method, scope=scope)
    fresh = Trainer(config, lambda *_: None)
    result = gse.train(config)
    topology = rows(tmp_path / "run", "topology.jsonl")
    assert {row["nnz"] for row in topology} == {result.nnz} == {result.nnz_initial}
    assert result.nnz == round(0.1 * sum(p.topology.size for p in fresh.layers.values()))
    assert len(topology) - 1 == result.updates == updates_of(method, (4, 8, 12), 0.1)
    kept = {tuple(layer["nnz"] for layer in row["layers"]) for row in topology}
    assert len(kept) == 1 or scope == "global"
    saved, first = load(tmp_path / "run" / "checkpoint.npz").model, fresh.model.state_dict()
    same = [np.array_equal(saved[f"{name}.indices"], first[f"{name}.indices"]) for name in fresh.layers]
    assert all(same) if method == "static" else not any(same)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_evaluation_changes_nothing_and_uses_the_running_moments(model: str, tmp_path: Path) -> None:
    """With those of the batch, what else is in the batch would change the answer for a sample."""
    trainer = Trainer(small(tmp_path, model=model), lambda *_: None)
    for _ in trainer.steps():
        pass
    before = everything(trainer)
    loss, accuracy = trainer.evaluate()
    assert everything(trainer) == before
    assert all(module.training for _, module in trainer.model.named_modules())
    assert (loss, accuracy) == (trainer.progress.test_loss, trainer.progress.test_accuracy)
    norms = [module for _, module in trainer.model.named_modules() if isinstance(module, BatchNorm2d)]
    for norm in norms:
        norm.running_mean = norm.running_mean + 3
    assert trainer.evaluate()[0] != loss
    for norm in norms:
        norm.running_mean = np.frombuffer(before[_name_of(trainer, norm)], np.float32)
    trainer.config = replace(trainer.config, batch_size=1)
    alone, accuracy_alone = trainer.evaluate()
    assert accuracy_alone == accuracy
    depth = sum(p.topology.n_in for p in trainer.layers.values())
    assert_close(np.float32([alone]), np.float32([loss]), max(1.0, loss), depth)


def _name_of(trainer: Trainer, norm: BatchNorm2d) -> str:
    names = {id(module): name for name, module in trainer.model.named_modules()}
    return f"{names[id(norm)]}.running_mean"


@pytest.mark.parametrize("model", sorted(MODELS))
def test_divergence_names_the_layer_and_the_diagnosis_moves_no_statistics(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments, diagnose = {}, loop.first_non_finite

    def watched(network, x: np.ndarray) -> str:
        moments.update({name: buffer.copy() for name, buffer in network.named_buffers().items()})
        return diagnose(network, x)

    monkeypatch.setattr(loop, "first_non_finite", watched)
    with pytest.raises(DivergenceError, match=r"at step 2: .*layers\.\d.* is not finite.*diverged\.npz"):
        gse.train(small(tmp_path, model=model, lr=1e30))
    [event] = rows(tmp_path / "run", "events.jsonl")
    assert (event["step"], event["event"]) == (2, "diverged")
    state = load(tmp_path / "run" / "diverged.npz").model
    assert moments
    for name, buffer in moments.items():
        assert state[name].tobytes() == buffer.tobytes(), name


@pytest.mark.parametrize("lr", [1e5, 1e20])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_divergence_in_evaluation_names_the_layer(model: str, lr: float, tmp_path: Path) -> None:
    """One enormous step ends the epoch: the running moments are still those of small weights."""
    with pytest.raises(DivergenceError, match=r"test loss is .* after step 1: the output of layers\.\d"):
        gse.train(small(tmp_path, model=model, lr=lr, batch_size=48, epochs=1, momentum=0.0))
    [event] = rows(tmp_path / "run", "events.jsonl")
    assert event["step"] == 1
    moments = [a for n, a in load(tmp_path / "run" / "diverged.npz").model.items() if "running" in n]
    assert all(np.isfinite(moment).all() for moment in moments)


def test_divergence_on_a_single_test_sample(tmp_path: Path) -> None:
    """One value per channel is enough to evaluate, and so to say what went wrong."""
    options = {"data": write_images(tmp_path, 4, test=1), "batch_size": 48, "epochs": 1, "augment": False}
    with pytest.raises(DivergenceError, match=r"test loss is .* after step 1: the output of layers\.\d"):
        gse.train(small(tmp_path, lr=1e20, momentum=0.0, **options))


def test_a_probe_by_class_holds_as_many_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, probe_batch = [], data.probe_batch

    def watched(*args, **kwargs):
        x, labels = probe_batch(*args, **kwargs)
        drawn.append(labels.tolist())
        return x, labels

    monkeypatch.setattr(data, "probe_batch", watched)
    gse.train(small(tmp_path, probe_per_class=3))
    assert drawn[-3:] == [[label for label in range(CLASSES) for _ in range(3)]] * 3
    gse.train(small(tmp_path, "other", probe_samples=12))
    assert [len(labels) for labels in drawn[-3:]] == [12] * 3
    logs = [(tmp_path / run / "topology.jsonl").read_bytes() for run in ("run", "other")]
    assert logs[0] != logs[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "mlp", "augment": False}, "width 0.25 means nothing to mlp; it is a setting of resnet20"),
        ({"dropout": 0.5}, r"dropout 0\.5 means nothing to resnet20; it is a setting of vgg11, vgg13"),
        ({"data": "synthetic:64:96:3"}, "has flat features, not images: leave --augment out"),
        ({"data": "synthetic:64:96:3", "augment": False}, "resnet20 needs images.*choose --model mlp"),
        ({"data": "synthetic:64:96:3", "augment": False, "image_size": 8}, "flat features cannot be padded"),
        ({"image_size": 7}, "images of 8×8 do not fit into 7×7; choose at least 8"),
        ({"image_size": 5000}, "must be 1 to 4096, got 5000"),
        ({"data": "fashion-mini", "model": "vgg11"}, r"VGG-11.*28×28 pixels.*at least 32 \(--image-size\)"),
        ({"model": "resnet18"}, r"ResNet-18.*8×8 pixels.*at least 32 \(--image-size\)"),
        ({"probe_samples": 8, "probe_per_class": 2}, "probe_samples or probe_per_class, not both"),
        ({"probe_samples": 49}, "probe_samples is 49, but there are only 48"),
        ({"probe_per_class": 13}, "only 12"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1"),
        ({"width": 0.0}, "width must be positive"),
        ({"workers": 0}, "workers must be a whole number, at least 1, got 0"),
        ({"unreadable": "skp"}, "did you mean 'skip'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    changes: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        gse.train(small(tmp_path, **changes))
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"], "something but the images was written"


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_call_of_a_run_agrees_with_the_definition(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_shot, "ROUNDS", 2)
    options = {"width": 0.0625, "batch_size": 3, "density": 0.3, "epochs": 1, "every": 2, "method": method}
    options |= {"data": write_images(tmp_path, 4, train=7, test=4), "until": 1.0}
    expected = gse.train(small(tmp_path, "cpu", **options))
    actual = gse.train(small(tmp_path, "shadow", backend="shadow", **options))
    rounds = sessions_of(method, 0.3)
    assert (actual.steps, actual.updates) == (2 * rounds, updates_of(method, (2,), 0.3))
    assert actual.test_accuracy == expected.test_accuracy
    logs = [(tmp_path / run / "topology.jsonl").read_bytes() for run in ("shadow", "cpu")]
    assert logs[0] == logs[1]
