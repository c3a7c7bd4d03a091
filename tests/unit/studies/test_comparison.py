"""A comparison from its first run to its table: tidy results, nothing run twice, nothing lost, nothing mixed."""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import json
from pathlib import Path

import pytest

import gse_ref as gse
from gse_ref.errors import CheckpointError, DataError, InputError
from gse_ref.explore import METHODS
from gse_ref.studies import Job, Stopped, against, summarise, table
from gse_ref.studies.worker import run_once
from gse_ref.training.loop import Trainer
from tests.unit.studies.in_process import InProcess, compared, small

METHOD = {"method": ["gse", "static"]}


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_results_are_tidy_and_equal_to_runs_made_alone(tmp_path: Path) -> None:
    results = compared(tmp_path / "all", {"hidden": [(8,), (8, 8)], **METHOD}, (0, 1))
    rows = _rows(tmp_path / "all")
    assert list(rows[0])[:4] == ["hidden", "method", "seed", "outcome"]
    assert [(r["hidden"], r["method"], r["seed"]) for r in rows] == [
        (hidden, method, seed) for seed in "01" for hidden in ("8", "8 8") for method in ("gse", "static")
    ]
    alone = gse.train(small(hidden=(8, 8), method="static", seed=1, out=tmp_path / "alone"))
    last = rows[-1]
    assert (float(last["test_accuracy"]), int(last["nnz"])) == (alone.test_accuracy, alone.nnz)
    assert (float(last["test_loss"]), float(last["density_reached"])) == (alone.test_loss, alone.density)
    assert int(last["steps"]) == alone.steps
    assert (last["diverged"], last["outcome"], last["why"]) == ("False", "finished", "")
    assert float(last["seconds"]) > 0 < int(last["peak_memory_bytes"])
    lines = [json.loads(line) for line in (tmp_path / "all" / "results.jsonl").read_text().splitlines()]
    assert [line["run"] for line in lines] == [row["run"] for row in rows] == [r.point.key for r in results]
    assert lines[-1]["hidden"] == [8, 8]


def test_only_what_is_missing_is_run(tmp_path: Path) -> None:
    first, more, again = InProcess(), InProcess(), InProcess()
    compared(tmp_path / "all", METHOD, (0,), first)
    compared(tmp_path / "all", {"every": [2, 3], **METHOD}, (0, 1), more)
    assert len(first.ran) == 2
    assert len(more.ran) == 6
    assert not set(first.ran) & set(more.ran)
    results = compared(tmp_path / "all", METHOD, (0, 1), again)
    assert again.ran == []
    assert len(results) == len(_rows(tmp_path / "all")) == 4


def test_ctrl_c_saves_what_ended_and_the_same_command_goes_on(tmp_path: Path) -> None:
    def press(job: Job) -> None:
        if job.config.method == "static":
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match="interrupted with 1 of 2 runs ended"):
        compared(tmp_path / "all", METHOD, execute=InProcess(press))
    assert [row["method"] for row in _rows(tmp_path / "all")] == ["gse"]
    rest = InProcess()
    assert len(compared(tmp_path / "all", METHOD, execute=rest)) == 2
    assert [key.split("-")[0] for key in rest.ran] == ["static"]


def test_a_run_killed_on_its_way_is_gone_on_with(tmp_path: Path) -> None:
    config = small(epochs=3, checkpoint_every=2)

    def die(trainer: Trainer) -> None:
        if trainer.progress.step == 5:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        gse.train(dataclasses.replace(config, out=tmp_path / "cut"), die)
    steps = []
    run_once(tmp_path / "cut", config, lambda news: steps.append(news["step"]))
    assert steps[0] == 5, "it went on from the checkpoint at step 4"
    run_once(tmp_path / "whole", config)
    names = ["metrics.jsonl", "topology.jsonl", "checkpoint.npz", "config.json"]
    for name in names:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_time_and_memory_are_those_of_all_sessions(tmp_path: Path) -> None:
    run = tmp_path / "run"
    gse.train(small(out=run))
    (run / "sessions.jsonl").write_text(
        '{"event": "start", "seconds": 0.5}\n{"event": "epoch", "seconds": 2.0, "peak_memory_bytes": 70}\n'
        '{"event": "start", "seconds": 0.25}\n{"event": "interrupted", "seconds": 3.0}\n'
    )
    outcome = run_once(run, small())
    fresh = [json.loads(line) for line in (run / "sessions.jsonl").read_text().splitlines()][-1]
    assert outcome["seconds"] == round(5.0 + fresh["seconds"], 3)
    assert outcome["peak_memory_bytes"] == fresh["peak_memory_bytes"] > 70


def test_a_run_that_diverges_is_told_and_stops_no_other(tmp_path: Path) -> None:
    axes = {"lr": [1e30, 0.1], **METHOD}
    results = compared(tmp_path / "all", axes)
    assert [r.outcome["outcome"] for r in results] == ["diverged", "diverged", "finished", "finished"]
    rows = _rows(tmp_path / "all")
    assert [row["diverged"] for row in rows] == ["True", "True", "False", "False"]
    assert rows[0]["test_accuracy"] == ""
    assert "is not finite" in rows[0]["why"]
    again = InProcess()
    compared(tmp_path / "all", axes, execute=again)
    assert again.ran == [], "it would diverge again"
    text = table(summarise(results, against("gse")), "gse")
    assert "0, 1 diverged" in text
    assert "too good by that" in text


def test_a_run_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    def spoil(job: Job) -> None:
        if job.config.method == "static":
            job.folder.parent.mkdir(parents=True, exist_ok=True)
            job.folder.write_text("a file where the run should be")

    results = compared(tmp_path / "all", METHOD, execute=InProcess(spoil))
    assert [r.outcome["outcome"] for r in results] == ["finished", "failed"]
    assert _rows(tmp_path / "all")[1]["outcome"] == "failed"
    next((tmp_path / "all" / "runs").glob("static*")).unlink()
    again = InProcess()
    assert compared(tmp_path / "all", METHOD, execute=again)[1].finished
    assert len(again.ran) == 1


def test_a_shared_run_is_one_row_and_stands_in_every_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "static", dataclasses.replace(METHODS["static"], fixed_density=1.0))
    results = compared(tmp_path / "all", {"density": [0.2, 0.1], **METHOD})
    rows = _rows(tmp_path / "all")
    assert [(r["method"], r["density"]) for r in rows] == [("gse", "0.2"), ("static", "1.0"), ("gse", "0.1")]
    summary = summarise(results, against("gse"))
    accuracy = {(r["method"], r["density"]): float(r["test_accuracy"]) for r in rows}
    gaps = {row.setting["density"]: row.difference for row in summary if row.setting["method"] == "static"}
    for density in (0.2, 0.1):
        gap = gaps[density]
        assert gap is not None
        assert gap.mean == accuracy["static", "1.0"] - accuracy["gse", str(density)]
    assert "Whatever the density asked for, static has one of its own: its rows share its runs" in table(
        summary, "gse"
    )


def test_summary_pairs_over_seeds(tmp_path: Path) -> None:
    results = compared(tmp_path / "all", METHOD, (0, 1, 2))
    found = {(r.point.config.method, r.point.config.seed): r.outcome["test_accuracy"] for r in results}
    ours, other = summarise(results, against("gse"))
    assert ours.difference is None
    assert other.difference is not None
    gaps = [found["static", seed] - found["gse", seed] for seed in (0, 1, 2)]
    assert other.difference.mean == sum(gaps) / 3
    text = table([ours, other], "gse")
    assert f"{100 * other.difference.mean:+.2f} [{100 * other.difference.low:+.2f}" in text
    assert "Student's t, pairs − 1 degrees of freedom" in text
    assert "one seed" not in text
    assert "makes dense" in text.splitlines()[0]
    assert "Runs differ in length" not in text
    alone = table(summarise(compared(tmp_path / "all", METHOD, (0,)), against("gse")), "gse")
    assert "one seed: no interval" in alone
    assert "[" not in alone
    assert "±" not in alone.splitlines()[2]


def test_every_method_can_be_compared(tmp_path: Path) -> None:
    results = compared(tmp_path / "all", {"method": sorted(METHODS)})
    assert all(result.finished for result in results)
    text = table(summarise(results, against("gse")), "gse")
    cells = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("|")]
    assert {row[1]: row[-2] for row in cells[2:]} == {name: m.densifies for name, m in METHODS.items()}
    longest = max(result.outcome["steps"] for result in results)
    assert f"Runs differ in length: 8 to {longest} SGD steps" in text


def test_a_folder_of_other_base_settings_is_refused(tmp_path: Path) -> None:
    compared(tmp_path / "all", METHOD)
    with pytest.raises(InputError, match=r"other base settings \(epochs 3 instead of 2, lr 0.5 instead of 0.1\)"):
        compared(tmp_path / "all", METHOD, epochs=3, lr=0.5)
    compared(tmp_path / "all", METHOD, seed=7, density=0.5, method="set")  # varied in any case


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no comparison"):
        compared(tmp_path / "mine", METHOD)
    with pytest.raises(InputError, match="cannot write to"):
        compared(tmp_path / "mine" / "notes.txt" / "inside", METHOD)
    compared(tmp_path / "all", METHOD)
    with (tmp_path / "all" / "base.json").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="in use by another process"):
            compared(tmp_path / "all", METHOD, (1,))
    (tmp_path / "all" / "base.json").write_text("{}")
    with pytest.raises(CheckpointError, match="was not written by this version"):
        compared(tmp_path / "all", METHOD)


def test_what_would_fail_in_every_run_is_refused_before_the_first(tmp_path: Path) -> None:
    execute = InProcess()
    with pytest.raises(DataError):
        compared(tmp_path / "all", METHOD, execute=execute, data="missing.npz")
    assert execute.ran == []
    assert list(tmp_path.iterdir()) == []
