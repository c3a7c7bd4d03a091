"""``gse-ref selftest``: a backend is judged and timed, everything is on file, what is missing has its exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gse_ref.backends import get, select
from gse_ref.cli import main
from tests.device_array import device_backend

SMALL = ["--units", "64", "--rounds", "2", "--effort", "0.05"]
OPERATIONS = {"spmm", "spmm_backward", "sddmm_pairs", "abs_sums", "alias_table", "alias_draw", "candidates"}
OPERATIONS |= {"top_k", "merge", "transpose_index", "conv", "conv_backward", "conv_pairs", "batch_norm"}
OPERATIONS |= {"batch_norm_backward", "max_pool"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_file_holds_verdicts_times_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--backend", "cpu", "--level", "sampling", "selection", *SMALL, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(Path("selftest.json").read_text())
    assert set(told) == {"backend", "machine", "gpu", "conformance", "layer", "times"}
    assert set(told["times"]) == OPERATIONS
    assert told["layer"]["connections"] == 64 * 64
    assert told["layer"]["convolution"]["connections"] == 29 * 64
    assert all(0 < row["low_ms"] <= row["ms"] <= row["high_ms"] for row in told["times"].values())
    assert set(told["gpu"]) == {"cupy", "cuda", "devices", "kernels"}


def test_a_device_is_judged_through_its_doors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a device refuses every array of the host, and every implicit copy."""
    monkeypatch.setitem(select._loaded, "gpu", device_backend(get("cpu")))
    assert main(["selftest", "--level", "kernels", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "spmm_backward" in out
    assert "30 of 30 checks passed" in out


def test_a_wrong_backend_exits_1_and_all_of_it_is_on_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = get("cpu")
    wrong = replace(right, sddmm_pairs=lambda rows, cols, dy, x: 2 * right.sddmm_pairs(rows, cols, dy, x))
    monkeypatch.setitem(select._loaded, "gpu", wrong)
    assert main(["selftest", "--level", "kernels", *SMALL]) == 1
    assert "gradient_on_pairs" in capsys.readouterr().err
    checks = json.loads(Path("selftest.json").read_text())["conformance"]["results"]
    assert {row["name"] for row in checks if row["status"] == "failed"} >= {"gradient_on_pairs"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--backend", "gpuu"], 2, "did you mean 'gpu'"),
        (["--backend", "cpu", "--level", "complexity"], 2, "gse-ref scaling"),
        (["--backend", "cpu", "--level", "kernel"], 2, "did you mean 'kernels'"),
        (["--backend", "cpu", "--out", "nowhere/selftest.json"], 2, "cannot write to nowhere/selftest.json"),
        (["--backend", "cpu", "--rounds", "0"], 2, "at least 1"),
        (["--backend", "cpu", "--effort", "0"], 2, "the effort must be a positive number, got 0"),
        (["--backend", "cpu", "--effort", "nan"], 2, "the effort must be a positive number, got nan"),
        (["--backend", "cpu", "--effort", "inf"], 2, "the effort must be a positive number, got inf"),
    ],
)
def test_bad_input(words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", *words]) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert not Path("selftest.json").exists()
