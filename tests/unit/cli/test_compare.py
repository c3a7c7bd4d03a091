"""``gse-ref compare`` as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gse_ref.cli import compare, main
from tests.unit.studies.in_process import InProcess

SMALL = ["--data", "synthetic:16:512:3", "--hidden", "16", "--density", "0.2", "--epochs", "2", "--every", "2"]
TWO = ["--methods", "gse", "static", "--seeds", "0", "1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "in_processes", lambda workers: InProcess())


def test_json_is_one_object_the_rest_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *SMALL, *TWO, "--densities", "0.2", "0.1", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    folder = Path("runs/compare-synthetic-16-512-3-mlp")
    assert told["folder"] == str(folder)
    assert told == json.loads((folder / "summary.json").read_text())
    settings = [(row["setting"]["method"], row["setting"]["density"]) for row in told["settings"]]
    assert settings == [("gse", 0.2), ("static", 0.2), ("gse", 0.1), ("static", 0.1)]
    for row in told["settings"]:
        assert row["seeds"] == [0, 1]
        assert (row["difference"] is None) == (row["setting"]["method"] == "gse")
    assert told["settings"][1]["difference"]["pairs"] == 2
    assert err.splitlines()[0] == "8 runs to make, 0 found ended"
    assert err.count("seed 1: ") == 4


def test_the_table_and_a_second_time_nothing_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", *SMALL, *TWO, "--vary", "prune-fraction=0.1,0.3", "hidden=8:8,16", "until=null"]
    assert main(words) == 0
    first = capsys.readouterr()
    assert "8 runs" not in first.err
    assert "16 runs to make" in first.err
    lines = first.out.splitlines()
    assert lines[0].split("|")[1:7] == [
        *(" method ", " density ", " prune_fraction ", " hidden ", " until   ", " test accuracy, % ")
    ]
    assert len(lines[2:10]) == sum(line.startswith("| gse") or line.startswith("| static") for line in lines)
    assert main(words) == 0
    again = capsys.readouterr()
    assert "0 runs to make, 16 found ended" in again.err
    assert again.out == first.out


def test_a_preset_is_a_base_whose_method_is_not_the_only_one(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--preset", "paper-cifar10-resnet56", *SMALL, "--model", "mlp", "--no-augment", "--seeds", "0"]
    words += ["--probe-samples", "64", "--warmup", "0", "--milestones", "--methods", "gse", "set", "--out", "all"]
    assert main(["compare", *words]) == 0
    base = json.loads(Path("all/base.json").read_text())
    assert (base["until"], base["probe_samples"], base["probe_per_class"]) == (120.0, 64, None)


def test_a_run_that_diverges_makes_the_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", *SMALL, *TWO, "--vary", "lr=0.1,1e30", "--subset-factors", "0.5", "--schedules", "linear"]
    assert main([*words, "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["unfinished"] == 4
    assert told["settings"][0]["setting"]["subset_factor"] == 0.5
    assert [row["diverged"] for row in told["settings"]] == [0, 0, 2, 2]
    assert told["settings"][2]["test_accuracy_mean"] is None
    assert "4 of 8 runs did not finish" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "rigl", "set"], "the baseline 'gse' is not among the methods rigl, set"),
        (["--methods", "gse", "gsee"], "unknown method 'gsee'"),
        (["--methods", "gse", "gse"], "method lists a value twice"),
        (["--densities", "0.1", "2"], "density must be in (0, 1], got 2.0"),
        (["--seeds"], "give one seed or more"),
        (["--seeds", "1", "1"], "give one seed or more, each once"),
        (["--vary", "every"], "--vary takes words such as every=50,100; got 'every'"),
        (["--vary", "every="], "--vary takes words"),
        (["--vary", "evry=2,3"], "unknown setting 'evry': did you mean 'every'"),
        (["--vary", "every=2.5"], "every must be a whole number, got 2.5"),
        (["--vary", "every=2", "every=3"], "--vary every comes twice"),
        (["--vary", "lr=fast"], "lr must be a number, got 'fast'"),
        (["--vary", "density=0.1"], "density is varied by --densities"),
        (["--vary", "out=a,b"], "out does not change the numbers of a run"),
        (["--schedules", "linear", "--vary", "schedule=cosine"], "schedule is varied twice"),
        (["--data", "missing.npz"], "missing.npz"),
        (["--batch-size", "5000"], "batch size 5000 does not fit"),
        (["--out", "full"], "full is not empty and holds no comparison"),
        (["--preset", "paper"], "unknown preset 'paper'"),
    ],
)
def test_bad_input_is_one_clear_message(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert main(["compare", *SMALL, *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["full"], "something was written"


def test_a_setting_of_some_methods_is_part_of_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *SMALL, *TWO, "--subset-factor", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["setting"]["subset_factor"] for row in told["settings"]] == [2.0, 2.0]
    rows = [json.loads(line) for line in Path(told["folder"], "results.jsonl").read_text().splitlines()]
    assert [(row["method"], row["subset_factor"]) for row in rows[:2]] == [("gse", 2.0), ("static", None)]


@pytest.mark.parametrize("option", ["--method", "--seed", "--threads", "--resume"])
def test_settings_that_the_command_decides_are_not_taken(option: str) -> None:
    with pytest.raises(SystemExit) as done:
        main(["compare", option, "1"])
    assert done.value.code == 2


def _command(*words: str) -> dict[str, Any]:
    path = os.pathsep.join(p for p in sys.path if p)
    return {
        "args": [sys.executable, "-m", "gse_ref", "compare", *words],
        "env": {**os.environ, "PYTHONPATH": path},
        "text": True,
    }


def test_ctrl_c_saves_exits_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = [*SMALL, "--epochs", "60", "--methods", "gse", "--seeds", "0", "--out", "all"]
    child = subprocess.Popen(**_command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while child.poll() is None and not list(tmp_path.glob("all/runs/*/checkpoint.npz")):
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "interrupted with 0 of 1 runs ended, all saved in all" in err
    assert "Traceback" not in err
    assert out == ""
    (note,) = [path.read_text() for path in tmp_path.glob("all/runs/*/sessions.jsonl")]
    assert '"interrupted"' in note
    done = subprocess.run(**_command(*words, "--json"), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [row["setting"]["method"] for row in json.loads(done.stdout)["settings"]] == ["gse"]
    rows = [json.loads(line) for line in (tmp_path / "all" / "results.jsonl").read_text().splitlines()]
    assert [row["steps"] for row in rows] == [240]
