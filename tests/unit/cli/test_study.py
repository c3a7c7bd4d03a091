"""``gse-ref study`` as a user meets it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from gse_ref.cli import main, study
from gse_ref.studies import STUDIES
from tests.unit.studies.in_process import InProcess

SMALL = ["--data", "synthetic:16:512:3", "--hidden", "16", "--density", "0.2", "--epochs", "2", "--every", "2"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "in_processes", lambda workers: InProcess())


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "extended", *SMALL, "--seeds", "0", "1", "--methods", "set", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    folder = Path("runs/study-extended-synthetic-16-512-3-mlp")
    assert (told["study"], told["folder"]) == ("extended", str(folder))
    assert told["figures"] == [str(folder / "figure.svg"), str(folder / "figure.png")]
    assert all(Path(name).stat().st_size for name in told["figures"])
    assert [row["setting"]["length"] for row in told["settings"]] == [1.0, 1.5, 2.0]
    assert told["finding"] == (folder / "finding.md").read_text()
    assert err.startswith("6 runs to make, 0 found ended\n")


def test_finding_and_table_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "extended", *SMALL, "--seeds", "0", "--methods", "set", "--out", "here"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"**{STUDIES['extended'].question}**")
    assert "| set    | 1.5    |" in out
    assert "which cannot be told from chance" in out
    assert out.endswith("Data, figure and finding in here\n")


def test_a_study_has_settings_of_its_own_that_options_override(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "study",
        "extended",
        "--data",
        "synthetic:16:512:3",
        "--epochs",
        "1",
        "--seeds",
        "0",
        "--methods",
        "set",
    ]
    assert main([*words, "--out", "own", "--density", "0.1"]) == 0
    base = json.loads(Path("own/base.json").read_text())
    assert base["milestones"] == list(STUDIES["extended"].base["milestones"])
    rows = [json.loads(line) for line in Path("own/results.jsonl").read_text().splitlines()]
    assert {round(row["density_reached"], 3) for row in rows} == {0.1}


def test_a_setting_of_some_methods_reaches_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["extended", *SMALL, "--seeds", "0", "--methods", "gse", "--subset-factor", "3", "--out", "own"]
    assert main(["study", *words]) == 0
    assert "subset_factor 3" in capsys.readouterr().out
    configs = [json.loads(path.read_text()) for path in Path("own/runs").glob("*/config.json")]
    assert [config["subset_factor"] for config in configs] == [3.0] * 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["widht"], "unknown study 'widht': did you mean 'width'"),
        (["--data", "fashion-mini"], "study wants a name first: gse-ref study NAME ...; available: subset-factor"),
        ([], "study wants a name first"),
        (["width", "--methods", "gsee"], "unknown method 'gsee'"),
        (["flops", "--methods"], "a study needs at least one method"),
        (["width", "--data", "missing.npz"], "missing.npz"),
        (["width", "--preset", "paper"], "unknown preset"),
        (["extended", "--epochs", "0"], "epochs must be a whole number"),
    ],
)
def test_bad_input_is_one_clear_message(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert list(Path().iterdir()) == []


def test_without_matplotlib_the_exit_code_is_3_before_any_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["study", "extended", *SMALL]) == 3
    assert "pip install 'gse_ref[plot]'" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_help_names_every_study(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["study", "--help"], ["study", "width", "--help"]):
        with pytest.raises(SystemExit) as done:
            main(words)
        assert done.value.code == 0
        out = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert all(name in out for name in STUDIES)
