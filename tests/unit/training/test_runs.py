"""Runs as a whole: equal folders for equal runs, interruption, resumption, divergence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.backends import active, use
from gse_ref.errors import CheckpointError, DataError, DivergenceError, InputError
from gse_ref.explore import METHODS, one_shot
from gse_ref.kernels import launch
from gse_ref.sparse import PATTERNS
from gse_ref.training import Interrupted
from gse_ref.training.checkpoint import load
from gse_ref.training.loop import Trainer
from gse_ref.training.record import SESSIONS
from tests.methods import CONSTANT, updates_of

SMALL = {"hidden": (64, 32), "density": 0.05, "epochs": 3, "every": 7, "data": "fashion-mini", "batch_size": 256}


def small(out: Path | None = None, **changes) -> gse.TrainConfig:
    return gse.TrainConfig(**{**SMALL, "out": out, **changes})


def epochs_of(method: str) -> int:
    """Return few epochs for a method that goes through them in each of its rounds."""
    return 1 if METHODS[method].rounds else 3


def contents(run: Path) -> dict[str, bytes]:
    """Return every file of a run but the one that tells of circumstances."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != SESSIONS}


def rows(run: Path, log: str) -> list[dict]:
    return [json.loads(line) for line in (run / log).read_text().splitlines()]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_folder_does_not_depend_on_threads(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SERIAL", 0)  # else kernels this small run on one thread in any case
    monkeypatch.setattr(one_shot, "ROUNDS", 4)
    for threads in (1, 2):
        gse.train(small(tmp_path / str(threads), method=method, threads=threads, epochs=epochs_of(method)))
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


@pytest.mark.parametrize("pattern", sorted(set(PATTERNS) - {"full"}))
def test_every_pattern_is_a_start(pattern: str, tmp_path: Path) -> None:
    result = gse.train(small(tmp_path / pattern, pattern=pattern, epochs=1, until=1.0, every=3))
    exact = round(0.05 * (784 * 64 + 64 * 32 + 32 * 10))
    assert result.nnz == result.nnz_initial
    assert result.nnz == exact or (pattern == "bernoulli" and abs(result.nnz - exact) < 6 * exact**0.5)
    first = rows(tmp_path / pattern, "topology.jsonl")[0]
    assert result.updates > 0
    assert first["nnz"] == result.nnz


def test_a_full_start_is_dense(tmp_path: Path) -> None:
    result = gse.train(small(tmp_path / "run", pattern="full", density=1.0, epochs=1, method="static"))
    assert result.nnz == 784 * 64 + 64 * 32 + 32 * 10
    with pytest.raises(InputError, match="set the density to 1 or choose another pattern"):
        gse.train(small(tmp_path / "other", pattern="full"))


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", CONSTANT)
def test_connections_are_kept(method: str, scope: str, tmp_path: Path) -> None:
    result = gse.train(small(tmp_path / "run", method=method, scope=scope))
    topology = rows(tmp_path / "run", "topology.jsonl")
    assert {row["nnz"] for row in topology} == {result.nnz} == {result.nnz_initial}
    assert result.nnz == round(0.05 * (784 * 64 + 64 * 32 + 32 * 10))
    assert len(topology) - 1 == result.updates == updates_of(method, (7, 14), 0.05)  # T_end = 20
    if scope == "layer":
        assert len({tuple(layer["nnz"] for layer in row["layers"]) for row in topology}) == 1
    assert [row["epoch"] for row in rows(tmp_path / "run", "metrics.jsonl")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("method", "optimizer", "stop_at"),
    [
        *product(["gse-graest"], ["sgd"], [1, 9, 16, 29]),
        *product(["set"], ["adam"], [1, 9, 16, 29]),
        *product(["rigl"], ["adamw"], [1, 9, 16, 29]),
        *product(
            ["snfs", "topkast", "topkast-sparse", "gradual"], ["sgd"], [9, 16]
        ),  # after the first update, the last
        *product(["lottery"], ["adam"], [11, 14]),  # 11 steps a round: the next step rewinds; in the second round
        ("synflow", "sgd", 9),
    ],
)
def test_resumed_run_is_the_same_run(
    method: str, optimizer: str, stop_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_shot, "ROUNDS", 4)
    options = {"method": method, "optimizer": optimizer, "lr": 0.01, "checkpoint_every": 4, "seed": 3}
    options |= {"epochs": epochs_of(method)}
    whole = gse.train(small(tmp_path / "whole", **options))

    def stop(trainer: Trainer) -> None:
        if trainer.progress.step == stop_at:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        gse.train(small(tmp_path / "cut", **options), stop)
    (tmp_path / "cut" / ".checkpoint.npz.part").write_bytes(b"half a checkpoint")
    resumed = gse.train(replace(gse.stored_config(tmp_path / "cut"), checkpoint_every=4))
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    for name in ("test_accuracy", "train_loss", "nnz", "nnz_initial", "updates", "steps", "seed", "method"):
        assert getattr(resumed, name) == getattr(whole, name)


def test_sigkill_at_any_moment(tmp_path: Path) -> None:
    """Kill a child process again and again at moments of its own timing until the run is through."""
    options = {"epochs": 40, "checkpoint_every": 3}
    gse.train(small(tmp_path / "whole", **options))
    run = tmp_path / "cut"
    words = [
        sys.executable,
        "-m",
        "gse_ref",
        "train",
        "--hidden",
        "64",
        "32",
        "--density",
        "0.05",
        "--epochs",
        "40",
    ]
    words += ["--every", "7", "--batch-size", "256", "--checkpoint-every", "3", "--out", str(run)]
    kills = 0
    for wait in (0.0, 0.11, 0.23, None):
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while wait is not None and child.poll() is None and not (run / "checkpoint.npz").exists():
            time.sleep(0.01)
        if wait is not None:
            time.sleep(wait)
            child.send_signal(signal.SIGKILL)
        _, errors = child.communicate(timeout=120)
        assert child.returncode in (0, -signal.SIGKILL), errors
        kills += child.returncode == -signal.SIGKILL
        words = [sys.executable, "-m", "gse_ref", "train", "--resume", str(run), "--checkpoint-every", "3"]
    assert kills > 0
    assert contents(run) == contents(tmp_path / "whole")


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    def press(trainer: Trainer) -> None:
        if trainer.progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with pytest.raises(Interrupted, match=r"--resume"):
        gse.train(small(tmp_path / "run"), press)
    assert load(tmp_path / "run" / "checkpoint.npz").progress["step"] == 5
    gse.train(gse.stored_config(tmp_path / "run"))
    gse.train(small(tmp_path / "whole"))
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_finished_run_can_be_resumed_and_changes_nothing(tmp_path: Path) -> None:
    first = gse.train(small(tmp_path / "run"))
    before = contents(tmp_path / "run")
    again = gse.train(gse.stored_config(first.run))
    assert contents(tmp_path / "run") == before
    assert again.test_accuracy == first.test_accuracy


def test_divergence_names_step_and_layer_and_saves(tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match=r"step \d+: .*layers\.\d.* is not finite") as caught:
        gse.train(small(tmp_path / "run", lr=1e30))
    assert "diverged.npz" in str(caught.value)
    with np.load(tmp_path / "run" / "diverged.npz") as state:
        assert "model/layers.0.weight" in state.files
    [event] = rows(tmp_path / "run", "events.jsonl")
    assert event["event"] == "diverged"


def test_zero_mass_is_recorded(tmp_path: Path) -> None:
    """Constant features with zero mass: GraBo falls back to uniform on the input side and says so."""
    x = np.zeros((64, 30), np.float32)
    y = np.arange(64) % 3
    np.savez(tmp_path / "zeros.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    data = str(tmp_path / "zeros.npz")
    gse.train(small(tmp_path / "run", data=data, method="gse-grabo", batch_size=16, every=2, until=1.0, epochs=1))
    events = rows(tmp_path / "run", "events.jsonl")
    assert {"step": 2, "event": "uniform fallback", "layer": "layers.0.weight", "side": "input"} in events


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "checkpoint.npz").write_bytes(b"not a zip"), "damaged or not a checkpoint"),
        (lambda run: (run / "checkpoint.npz").write_bytes((run / "checkpoint.npz").read_bytes()[:-999]), "damaged"),
        (lambda run: np.savez(run / "checkpoint.npz", weights=np.ones(3)), "not a checkpoint of gse_ref"),
        (lambda run: (run / "config.json").unlink(), "not the folder of a run"),
        (lambda run: (run / "config.json").write_text("{}"), "missing or unknown fields"),
        (lambda run: (run / "config.json").write_text("{"), "not JSON"),
        (lambda run: (run / "config.json").write_bytes(b"\xff\xfe"), "not the folder of a run"),
        (lambda run: rehead(run, density="a"), "density must be a number"),
        (lambda run: rehead(run, "checkpoint.npz", progress={}), "progress cannot be read"),
        (lambda run: rehead(run, "checkpoint.npz", progress=7), "progress cannot be read"),
        (lambda run: rehead(run, "checkpoint.npz", format="gse_ref checkpoint 0"), "has format"),
        (lambda run: rehead(run, "checkpoint.npz", data="00000000"), "holds other data"),
        (lambda run: (run / "metrics.jsonl").write_text(""), "was changed"),
        (lambda run: (run / "topology.jsonl").unlink(), "was changed"),
    ],
)
def test_damaged_run_is_refused_and_left_alone(damage, message: str, tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", epochs=1))
    damage(tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(CheckpointError, match=message):
        gse.train(gse.stored_config(tmp_path / "run"))
    assert contents(tmp_path / "run") == before


def rehead(run: Path, file: str = "config.json", **changes) -> None:
    """Change the configuration, or the head of the checkpoint."""
    if file == "config.json":
        (run / file).write_text(json.dumps(json.loads((run / file).read_text()) | changes))
        return
    with np.load(run / file) as old:
        arrays = dict(old)
    head = json.loads(arrays["head"].tobytes()) | changes
    np.savez(run / file, **arrays | {"head": np.frombuffer(json.dumps(head).encode(), np.uint8)})


def test_any_damaged_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """One byte flipped anywhere: a clear error, or (in padding and names nobody reads) the same run."""
    run = tmp_path / "run"
    gse.train(small(run, epochs=1, hidden=(4,)))
    whole = (run / "checkpoint.npz").read_bytes()
    generator = np.random.default_rng(0)
    for position in generator.integers(0, len(whole), 300):
        broken = bytearray(whole)
        broken[position] ^= 1 << int(generator.integers(8))
        (run / "checkpoint.npz").write_bytes(broken)
        with contextlib.suppress(CheckpointError):
            load(run / "checkpoint.npz")


@pytest.mark.parametrize("left", [["config.json"], ["config.json", "metrics.jsonl"], ["config.json", ".x.part"]])
def test_killed_before_the_logs_were_made(left: list[str], tmp_path: Path) -> None:
    gse.train(small(tmp_path / "whole", epochs=1))
    (tmp_path / "run").mkdir()
    for name in left:
        source = tmp_path / "whole" / name
        (tmp_path / "run" / name).write_bytes(source.read_bytes() if source.exists() else b"half")
    gse.train(gse.stored_config(tmp_path / "run"))
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_killed_while_the_configuration_was_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".config.json.part").write_text("{")
    gse.train(small(tmp_path / "run", epochs=1))
    gse.train(small(tmp_path / "whole", epochs=1))
    assert contents(tmp_path / "run").keys() >= contents(tmp_path / "whole").keys()


def test_a_run_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    def intrude(trainer: Trainer) -> None:
        with pytest.raises(InputError, match="in use by another process"):
            gse.train(gse.stored_config(tmp_path / "run"))

    gse.train(small(tmp_path / "run", epochs=1), intrude)
    gse.train(small(tmp_path / "whole", epochs=1))
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_data_that_moved_are_asked_for(tmp_path: Path) -> None:
    x, y = np.ones((64, 30), np.float32), np.arange(64) % 3
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    config = small(tmp_path / "run", data=str(tmp_path / "mine.npz"), batch_size=16, epochs=1)
    gse.train(config)
    (tmp_path / "mine.npz").unlink()
    with pytest.raises(DataError, match=r"mine\.npz.*give the --data-dir it was started with"):
        gse.train(gse.stored_config(tmp_path / "run"))
    np.savez(tmp_path / "mine.npz", x_train=2 * x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(CheckpointError, match="other data than the run was trained on"):
        gse.train(gse.stored_config(tmp_path / "run"))


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(InputError, match="wants a TrainConfig, got dict"):
        gse.train({"density": 0.1})


def test_an_ignored_ctrl_c_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        gse.train(small(tmp_path / "run", epochs=1), lambda trainer: os.kill(os.getpid(), signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(rows(tmp_path / "run", "metrics.jsonl")) == 1


def test_divergence_in_evaluation_names_step_and_layer(tmp_path: Path) -> None:
    config = small(tmp_path / "run", lr=1e38, batch_size=3000, momentum=0.0, epochs=1, method="static")
    with pytest.raises(DivergenceError, match=r"test loss is .* after step 1: .*layers\.\d"):
        gse.train(config)
    [event] = rows(tmp_path / "run", "events.jsonl")
    assert event["step"] == 1


def test_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    gse.train(small(tmp_path / "a", epochs=1))
    gse.train(small(tmp_path / "b", epochs=1, hidden=(32,)))
    (tmp_path / "a" / "checkpoint.npz").write_bytes((tmp_path / "b" / "checkpoint.npz").read_bytes())
    with pytest.raises(CheckpointError, match="belongs to another run"):
        gse.train(gse.stored_config(tmp_path / "a"))


def test_resume_with_another_configuration_is_refused(tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", epochs=1))
    other = small(None, epochs=1, lr=0.5, resume=tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"lr 0\.5 instead of 0\.1"):
        gse.train(other)
    assert gse.stored_config(tmp_path / "run").lr == 0.1


def test_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        gse.train(small(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_failed_start_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch size"):
        gse.train(small(tmp_path / "run", batch_size=4000))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("backend", ["naive", "shadow"])
def test_slow_backends_make_the_same_run(backend: str, tmp_path: Path) -> None:
    """The definition, and the kernels checked by it, take the same topological decisions as the kernels."""
    options = {"data": "synthetic:16:64:3", "hidden": (8,), "density": 0.3, "batch_size": 16, "dtype": "float64"}
    options |= {"epochs": 1, "every": 2, "until": 1.0}
    gse.train(small(tmp_path / "cpu", **options))
    gse.train(small(tmp_path / backend, backend=backend, **options))
    actual, expected = (rows(tmp_path / b, "topology.jsonl") for b in (backend, "cpu"))
    keys = ("name", "nnz", "pruned", "grown", "candidates")
    assert [[[layer.get(k) for k in keys] for layer in row["layers"]] for row in actual] == [
        [[layer.get(k) for k in keys] for layer in row["layers"]] for row in expected
    ]


def test_runs_stepped_in_turn_do_not_meet() -> None:
    """Each step computes with the backend of its own run, and leaves the caller's in use."""
    options = {"data": "synthetic:16:64:3", "hidden": (8,), "batch_size": 16, "epochs": 1, "every": 2, "until": 1.0}
    configs = [small(None, backend=backend, **options) for backend in ("cpu", "naive")]
    alone = [Trainer(config, lambda name, row: None) for config in configs]
    for trainer in alone:
        assert sum(1 for _ in trainer.steps()) == trainer.total_steps
    together = [Trainer(config, lambda name, row: None) for config in configs]
    with use("shadow"):
        own = active()
        for _ in zip(*(trainer.steps() for trainer in together), strict=True):
            assert active() is own
    for one, other in zip(alone, together, strict=True):
        for name, array in one.model.state_dict().items():
            np.testing.assert_array_equal(other.model.state_dict()[name], array, err_msg=name)
