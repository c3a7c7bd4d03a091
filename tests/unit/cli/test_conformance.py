"""``gse-ref conformance``: what it prints and writes, and its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gse_ref.cli import conformance, main
from gse_ref.conformance.faults import Fault
from tests.unit.conformance import bad

RUN = ["conformance", "run"]
WHERE = "tests.unit.conformance.bad"
FEW = ["--only", "forward", "--effort", "0.1"]
ADAPTERS = """
from gse_ref.conformance import Adapter
from scipy.sparse import csr_matrix

class WrongBias(Adapter):
    def forward(self, weights, x, bias):
        y = csr_matrix((weights.values, weights.indices, weights.indptr), weights.shape) @ x
        return y if bias is None else y + 2 * bias[:, None]

class Nothing(Adapter):
    name = "<script>"
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_adapters.py").write_text(ADAPTERS)
    monkeypatch.setattr(sys, "path", [str(Path(place).resolve()) for place in sys.path])
    monkeypatch.chdir(tmp_path)


def test_a_right_adapter_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, f"{WHERE}:RIGHT", *FEW, "--level", "kernels"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        "level    passed  failed  not covered\nkernels       1       0            0\n\nAll 1 checks"
    )
    assert err.splitlines()[0].split()[:3] == ["passed", "kernels", "forward"]


def test_json_is_one_object_and_the_page_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "my_adapters:WrongBias", *FEW[:2], "--seed", "5", "--json", "--report", "page.html"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["adapter"], found["seed"], found["good"]) == ("my_adapters:WrongBias", 5, False)
    [row] = found["results"]
    assert row["failure"]["kind"] == "wrong"
    assert "hypothesis" in found["machine"]["packages"]
    assert found["command"] == "gse-ref conformance run my_adapters:WrongBias --only forward --seed 5"
    assert "gse-ref: my_adapters:WrongBias: 1 of 1 checks failed, 0 not covered." in err
    page = Path("page.html").read_text()
    for text in (
        "Failed: forward",
        "✗ failed",
        "exceeds the bound",
        "from my_adapters import WrongBias",
        "Expected",
    ):
        assert text in page
    assert found["command"] in page


def test_a_failure_is_told_in_full_with_the_command_that_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "my_adapters:WrongBias", *FEW[:2], "--repeat", "2"]) == 1
    out, err = capsys.readouterr()
    for text in ("wrong: y[", "expected: array(", "docs/algorithm.md, section 2", "print(adapter.forward(Weights("):
        assert text in out
    assert "failed with 2 of 2 seeds" in out
    assert "again: gse-ref conformance run my_adapters:WrongBias --only forward\n" in out
    assert "1 of 1 checks failed with 2 seeds, 0 not covered." in out
    assert "seed 1" in err


def test_nothing_judged_is_not_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "my_adapters:Nothing", *FEW, "--report", "page.html"]) == 1
    out, err = capsys.readouterr()
    assert "not covered:\n  forward: the adapter has no forward\n" in out
    assert "nothing was judged" in err
    page = Path("page.html").read_text()
    assert "the adapter has no forward" in page
    assert "Failed:" not in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere:X"], "importing nowhere fails: ModuleNotFoundError"),
        (["my_adapters:WrongBia"], "did you mean 'WrongBias'"),
        (["my_adapters"], "write your own as package.module:Name"),
        (["cpu", "--level", "kernel"], "unknown level 'kernel': did you mean 'kernels'"),
        (["cpu", "--only", "foward"], "unknown check 'foward': did you mean 'forward'"),
        (["cpu", "--repeat", "0"], "repeat must be at least 1"),
        (["cpu", "--seed", "-1"], "seed must be at least 0"),
        (["cpu", "--effort", "nan"], "effort must be positive"),
        (["cpu", "--limit", "0"], "limit must be positive"),
        (["cpu", "--report", "nowhere/page.html"], "cannot write to nowhere/page.html"),
        (["cpu", "--report", "."], "cannot write to ."),
    ],
)
def test_bad_input_is_one_clear_message(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""


def test_without_hypothesis_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gse_ref.conformance import catalogue

    catalogue.checks.cache_clear()
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert main([*RUN, "cpu"]) == 3
    assert "pip install gse_ref[conformance]" in capsys.readouterr().err


def test_faults_are_killed_or_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Fault("one-too-many", "adds one", "forward", bad.spoilt(lambda y: y + 1))
    right = Fault("no-fault", "is right", "forward", bad.Right)
    monkeypatch.setattr(conformance, "FAULTS", (wrong,))
    assert main(["conformance", "faults", "--level", "kernels"]) == 0
    assert "one-too-many  forward    killed   adds one\n\n1 of 1 killed" in capsys.readouterr().out
    monkeypatch.setattr(conformance, "FAULTS", (wrong, right))
    assert main(["conformance", "faults", "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [(row["fault"], row["verdict"]) for row in found["faults"]] == [
        ("one-too-many", "killed"),
        ("no-fault", "survived"),
    ]
    assert not found["good"]
    assert "not found: no-fault" in err


def test_checks_and_adapters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "checks", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "forward" in [row["name"] for row in found["checks"]]
    assert {"naive", "cpu"} <= set(found["adapters"])
    assert main(["conformance", "checks", "--level", "kernels"]) == 0
    assert "y = θx + b" in capsys.readouterr().out
