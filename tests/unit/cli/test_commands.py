"""The command line as a user meets it: output, exit codes, one clear message for each bad input."""

from __future__ import annotations

import gzip
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gse_ref.cli import main

FAST = ["--hidden", "32", "--density", "0.05", "--epochs", "2", "--every", "5", "--batch-size", "256"]
TOLD = {"test_accuracy", "train_loss", "nnz", "nnz_initial", "density", "updates", "steps"}
TOLD |= {"seconds", "peak_memory_bytes", "seed", "run"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *FAST, "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert set(told) >= TOLD
    assert err == ""
    assert told["nnz"] == told["nnz_initial"] == round(0.05 * (784 * 32 + 320))
    assert told["run"] == "runs/fashion-mini-mlp-gse-d0.05-s0-000"
    assert told["test_accuracy"] > 0.3, "ten classes: chance is 0.1"


def test_summary_names_what_matters_and_a_second_run_gets_a_folder_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", *FAST]) == 0
    out = capsys.readouterr().out
    for word in ("test accuracy", "connections", "time", "peak memory", "runs/fashion-mini-mlp-gse-d0.05-s0-000"):
        assert word in out
    assert main(["train", *FAST]) == 0
    assert "s0-001" in capsys.readouterr().out


def test_resume_takes_the_configuration_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *FAST, "--out", "a", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["train", "--resume", "a", "--threads", "1", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    for key in ("test_accuracy", "nnz", "nnz_initial", "updates", "steps", "run"):
        assert again[key] == first[key]
    assert main(["train", "--resume", "a", "--epochs", "30"]) == 2, "the default, said aloud, is not the run's"
    assert "epochs 30 instead of 2" in capsys.readouterr().err
    assert main(["train", "--resume=a", "--lr", "0.5"]) == 2
    assert "lr 0.5 instead of 0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--density", "0"], 2, "density must be in (0, 1], got 0.0"),
        (["--density", "1.5"], 2, "density must be in (0, 1], got 1.5"),
        (["--density", "nan"], 2, "density must be in (0, 1], got nan"),
        (["--density", "1e-9"], 2, "raise the density"),
        (["--method", "gsee"], 2, "unknown method 'gsee': did you mean 'gse'"),
        (["--model", "resnt"], 2, "unknown model 'resnt'"),
        (["--data", "fashion-mny"], 2, "did you mean 'fashion-mini'"),
        (["--data", "fashion-mnist", "--data-dir", "nowhere"], 2, "no train images in nowhere"),
        (["--data", "missing.npz"], 2, "missing.npz"),
        (["--data", "synthetic:-3"], 2, "synthetic"),
        (["--data", "synthetic:" + "9" * 20], 2, "below 10**9"),
        (["--hidden", "9" * 23], 2, "hidden must list widths"),
        (["--until", "1e308"], 2, "until must be"),
        (["--subset-factor", "1e306"], 2, "subset_factor must be"),
        (["--milestones", "0.001", "0.0011"], 2, "at least a step apart"),
        (["--data", "full/mine.npz"], 2, "mine.npz"),
        (["--seed", "-1"], 2, "seed must be a whole number, at least 0, got -1"),
        (["--epochs", "0"], 2, "epochs must be a whole number, at least 1, got 0"),
        (["--batch-size", "5000"], 2, "batch size 5000 does not fit 3000 training samples"),
        (["--probe-samples", "5000"], 2, "probe_samples is 5000"),
        (["--threads", "999"], 2, "threads must lie in 1 to"),
        (["--out", "file/run"], 2, "cannot write a run to file/run"),
        (["--out", "full"], 2, "full is not empty"),
        (["--resume", "nowhere"], 2, "nowhere is not the folder of a run"),
        (["--resume", "full"], 2, "full is not the folder of a run"),
        (["--lr", "1e30"], 1, "is not finite"),
        (["--dense-city", "1"], 2, "--dense-city"),
        (["--epochs", "many"], 2, "--epochs"),
    ],
)
def test_bad_input_is_one_clear_message(
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "file").write_text("a file, not a folder")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    try:
        returned = main(["train", *FAST[:2], *words])
    except SystemExit as left:  # how the parser of the command line ends it
        returned = left.code
    out, err = capsys.readouterr()
    assert returned == code, err
    assert message in err
    assert out == ""
    assert code == 1 or sorted(p.name for p in tmp_path.iterdir()) == ["file", "full"], "something was written"


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--density", "0"], 2), (["--epochs", "many"], 2), (["--lr", "1e30"], 1)],
    ids=["refused", "not parsed", "diverged"],
)
def test_a_process_ends_without_a_traceback(words: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gse_ref", "train", *FAST[:2], *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == code, done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def _idx(path: Path, array: np.ndarray, keep: int | None = None) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress((head + array.astype(np.uint8).tobytes())[:keep]))


@pytest.mark.parametrize(
    ("labels", "keep", "message"),
    [(np.arange(20) % 10, 500, "train-images"), (np.full(20, 77), None, "77")],
    ids=["truncated", "label out of range"],
)
def test_bad_idx_files(
    labels: np.ndarray, keep: int | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.zeros((20, 28, 28))
    for part, cut in (("train", keep), ("t10k", None)):
        _idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images, cut)
        _idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", labels)
    assert main(["train", *FAST, "--data", "mnist", "--data-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_exits_130_and_the_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", *FAST[:4], "--epochs", "2000", "--out", "run"]
    child = subprocess.Popen(
        [sys.executable, "-m", "gse_ref", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while child.poll() is None and not (tmp_path / "run" / "checkpoint.npz").exists():
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "--resume run" in err
    assert "Traceback" not in err
    assert out == ""
    assert (tmp_path / "run" / "checkpoint.npz").exists()


def test_info_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"gse", "gse-grabo", "gse-graest", "set", "rigl", "static"} <= set(facts["methods"])
    assert facts["methods"]["rigl"]["densifies"] == "gradient"
    assert main(["info"]) == 0
    assert "gse-graest" in capsys.readouterr().out
    assert main(["data", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["data"]]
    assert names[0] == "fashion-mini"
    assert main(["data"]) == 0
    assert "MIT" in capsys.readouterr().out


def test_help_and_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--help"], ["train", "--help"]):
        with pytest.raises(SystemExit) as done:
            main(words)
        assert done.value.code == 0
        assert "gse-ref" in capsys.readouterr().out
    with pytest.raises(SystemExit) as done:
        main(["trian"])
    assert done.value.code == 2
    assert "train" in capsys.readouterr().err
