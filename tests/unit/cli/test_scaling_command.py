"""``gse-ref scaling``: what it prints and writes, and its exit codes; the clock is a planted one."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from pathlib import Path

import pytest

from gse_ref import scaling
from gse_ref.cli import main
from gse_ref.scaling import memory
from gse_ref.scaling.clock import Reading

SIZES = ["--widths", "128", "256", "512", "1024", "--per-unit", "2", "--nnz-width", "512", "--nnz-per-unit"]
SIZES += ["1", "2", "4", "8", "--batch-width", "256", "--batches", "16", "32", "64", "128", "--rounds", "3"]
ONE = ["--widths", "128", "256", "512", "1024", "--per-unit", "2", "--nnz-per-unit", "--batches", "--rounds", "3"]

TARGETS = '''
import numpy as np

class Dense:
    """A dense layer: its gradient is an array of n · n."""

    def __init__(self, n, nnz, batch):
        self.x, self.delta = np.ones((2, n, batch), np.float32)
        self.weight = np.ones((n, n), np.float32)

    def step(self):
        y = self.weight @ self.x
        self.weight -= 1e-9 * (self.delta @ self.x.T)
        return y, self.weight.T @ self.delta

class Counted:
    def __init__(self, n, nnz, batch):
        self.size = n, nnz, batch

    def step(self):
        print("talkative")

    def update(self):
        pass

    def counts(self):
        n, nnz, batch = self.size
        return {"step": {"multiply_adds": 3 * nnz * batch}, "update": {"moves": n * nnz}}

def number(n, nnz, batch):
    return 1
'''


class Ticking:
    """A clock on which every call takes a millisecond."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def now(self) -> Reading:
        return Reading(1e-3 * next(self._ticks), 0.0)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "planted_layers.py").write_text(TARGETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(scaling, "SystemClock", Ticking)


@pytest.fixture
def _fresh_targets():
    yield
    sys.modules.pop("planted_layers", None)


def test_json_is_one_object_and_the_folder_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["scaling", *SIZES, "--methods", "gse", "rigl", "dense", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["good"] is True
    assert "round 3 of 3" in err
    folder = Path("runs/scaling-small-000")
    assert json.loads((folder / "scaling.json").read_text()) == found
    subjects = {row["subject"] for row in found["verdicts"]}
    assert subjects == {"sparse step", "gse", "rigl", "dense"}
    exponents = {(row["subject"], row["phase"]): row["count_exponents"] for row in found["verdicts"]}
    forward = exponents["sparse step", "forward"]["multiply_adds"]
    assert {sweep: round(value, 9) for sweep, value in forward.items()} == {"width": 1, "nnz": 1, "batch": 1}
    assert round(exponents["rigl", "scores"]["multiply_adds"]["width"], 9) == 2
    outcomes = {(row["subject"], row["phase"]): row["outcome"] for row in found["verdicts"]}
    assert outcomes["gse", "scores"] == "linear"
    assert outcomes["rigl", "scores"] == outcomes["dense", "step"] == "quadratic as expected"
    page = (folder / "report.html").read_text()
    for text in ("gse / candidates", "sparse step / forward", "quadratic as expected", "--per-unit 2"):
        assert text in page
    assert page.count("<figure>") >= 9


def test_the_summary_says_what_was_found_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scaling", *ONE, "--methods", "set", "--no-report", "--out", "here"]) == 0
    out = capsys.readouterr().out
    assert "set / merge\n  linear: moves grow as n^1.00" in out
    assert out.endswith("written to here\n")
    assert [path.name for path in Path("here").iterdir()] == ["scaling.json"]


def test_what_is_left_out_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_kilobytes", lambda field: None)  # resident memory depends on earlier tests
    assert main(["scaling", *ONE, "--methods", "dense", "--no-report", "--limit-gb", "0.008"]) == 0
    out = capsys.readouterr().out
    assert "dense\n  not measured from n = 1024, nnz = 2048: would need about 0.0" in out
    assert "dense / step\n  not judged: only 3 widths could be measured within the limits" in out


@pytest.mark.usefixtures("_fresh_targets")
def test_a_dense_target_is_not_linear(capsys: pytest.CaptureFixture[str]) -> None:
    """On a clock that shows no growth at all: the gradient of n · n numbers shows in memory."""
    assert main(["scaling", *ONE, "--target", "planted_layers:Dense", "--no-report", "--json"]) == 1
    out, err = capsys.readouterr()
    [row] = json.loads(out)["verdicts"]
    assert row["subject"] == "planted_layers:Dense"
    assert row["outcome"] == "not linear"
    assert row["memory_exponents"]["traced"]["width"] > 1.7
    assert "should be linear and is not: planted_layers:Dense step" in err


@pytest.mark.usefixtures("_fresh_targets")
def test_a_targets_counts_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scaling", *SIZES, "--target", "planted_layers:Counted", "--no-report", "--json"]) == 1
    out, err = capsys.readouterr()
    good = {row["phase"]: row["good"] for row in json.loads(out)["verdicts"]}
    assert "talkative" in err
    assert good == {"step": True, "update": False}


@pytest.mark.usefixtures("_fresh_targets")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "planted_layers:number"], "must return a callable"),
        (["--target", "planted_layers:missing"], "has no 'missing'"),
        (["--methods", "gsee"], "unknown method 'gsee': did you mean 'gse'"),
        (["--methods"], "nothing to measure"),
        (["--rounds", "1"], "rounds must be at least 3"),
        (["--limit-gb", "-1"], "limit_gb must be positive"),
        (["--per-unit", "100"], "sparse enough"),
        (["--out", "full"], "full is not empty"),
        (["--out", "file/here"], "cannot write to file/here"),
    ],
)
def test_bad_input_is_one_clear_message(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("full").mkdir()
    Path("full/mine").write_text("mine")
    Path("file").write_text("mine")
    assert main(["scaling", *ONE, "--no-report", "--out", "new", *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(path.name for path in Path().iterdir()) == ["file", "full", "planted_layers.py"], (
        "nothing is left"
    )


def test_without_matplotlib_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["scaling", *ONE]) == 3
    out, err = capsys.readouterr()
    assert 'pip install "gse_ref[plot]"' in err
    assert "--no-report" in err
    assert out == ""
    assert not Path("runs").exists()
