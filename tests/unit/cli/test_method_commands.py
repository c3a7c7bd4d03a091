"""The competing methods as a user meets them: what is made dense, what is refused, and what info tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gse_ref.cli import main
from gse_ref.explore import CRITERIA, DENSE, METHODS
from gse_ref.training import room

FAST = ["train", "--data", "synthetic:24:96:5", "--hidden", "20", "16", "--density", "0.2", "--epochs", "1"]
FAST += ["--batch-size", "16", "--every", "2", "--until", "1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("method", ["gse", "rigl", "topkast", "snip", "dense"])
def test_a_run_says_what_it_makes_dense(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FAST, "--method", method]) == 0
    [line] = [row for row in capsys.readouterr().out.splitlines() if row.startswith("makes dense")]
    assert line.split("makes dense")[1].strip() == DENSE[METHODS[method].densifies]
    assert main([*FAST, "--method", method, "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["densifies"] == METHODS[method].densifies
    assert told["nnz"] == (880 if method == "dense" else 176)
    assert err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "gradual", "--every", "50"], "none is due: the first would precede step 50, the last 6"),
        (["--method", "gradual", "--schedule", "constant"], "schedule constant never reaches the density 0.2"),
        (["--method", "snip", "--density", "1e-4"], "leaves none: raise the density"),
        (["--method", "lottery", "--density", "0.01", "--min-nnz", "5"], "lower min_nnz or raise the density"),
        (["--method", "snip", "--prune-criterion", "momentum"], "prune_criterion momentum means nothing to snip"),
        (["--method", "gradual", "--prune-criterion", "signed"], "gradual replaces nothing: use magnitude"),
        (["--method", "set", "--allow-regrow"], "it is a setting of rigl, rigl-sketch"),
        (["--prune-criterion", "momentum", "--momentum", "0"], "needs momentum above 0, or adam or adamw"),
        (["--prune-criterion", "saliencies"], "did you mean 'saliency'"),
        (["--method", "top-kast"], "did you mean 'topkast'"),
        (
            ["--method", "dense", "--hidden", "500000", "500000"],
            "dense makes something dense (the weights, always)",
        ),
        (
            ["--method", "snfs", "--hidden", "500000", "500000", "--density", "1e-7"],
            "GB are free: lower the widths",
        ),
    ],
)
def test_bad_input_is_one_message_and_writes_nothing(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FAST, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gse-ref: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused_with_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available_memory", lambda: 2**30)
    words = ["--hidden", "20000", "20000", "--density", "0.0001"]
    assert main([*FAST, *words, "--method", "topkast"]) == 2
    err = capsys.readouterr().err
    assert "topkast makes something dense (the weights, always), which takes at least" in err
    assert "1.1 GB are free" in err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_memory_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FAST, "--method", "snfs", "--out", "run"]) == 0
    path = tmp_path / "run" / "checkpoint.npz"
    path.write_bytes(path.read_bytes().replace(b"memory/layers.0.weight", b"memory/layers.9.weight"))
    capsys.readouterr()
    assert main(["train", "--resume", "run"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "of 'layers.0.weight', snfs keeps float32(20, 24)" in err


def test_info_lists_methods_with_their_settings_and_criteria(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert list(facts["methods"]) == list(METHODS)
    assert facts["methods"]["rigl"]["options"] == ["allow_regrow", "prune_criterion"]
    assert facts["methods"]["topkast"] == {
        "summary": METHODS["topkast"].summary,
        "densifies": "weights",
        "options": ["subset_factor"],
    }
    assert list(facts["criteria"]) == list(CRITERIA)
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    [line] = [row for row in out.splitlines() if row.startswith("  rigl-sketch ")]
    assert line.endswith("makes dense: gradient; --allow-regrow, --prune-criterion")
    assert all(f"  {name}" in out for name in [*METHODS, *CRITERIA])
