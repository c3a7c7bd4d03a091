"""The gpu backend as a user meets it: what info tells of it, and what is said where something is missing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from gse_ref.backends import cuda
from gse_ref.cli import main


def test_info_tells_how_far_the_gpu_backend_is_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "gpu" in facts["backends"]
    assert facts["gpu"].keys() == {"cupy", "cuda", "devices", "kernels"}
    assert set(facts["gpu"]["kernels"]) == {name for file in cuda.files() for name in cuda.entries(file)}
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("gpu "))
    assert "CuPy" in lines[start]
    assert lines[start + 1] == f"          devices: {', '.join(facts['gpu']['devices']) or 'none'}"
    rung = facts["gpu"]["kernels"]["spmm_float32"]
    assert any(line.startswith(f"          kernels {rung}: ") and " spmm_float32, " in line for line in lines)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_the_gpu_backend_without_cupy_exits_with_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "--backend", "gpu", "--out", str(tmp_path / "run")]) == 3
    assert "pip install gse_ref[gpu]" in capsys.readouterr().err
    assert main(["compare", "--backend", "gpu", "--out", str(tmp_path / "runs")]) == 3
    assert "pip install gse_ref[gpu]" in capsys.readouterr().err
    assert main(["study", "schedule", "--backend", "gpu", "--out", str(tmp_path / "runs")]) == 3
    assert "pip install gse_ref[gpu]" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert main(["selftest", "--out", str(tmp_path / "selftest.json")]) == 3
    assert "pip install gse_ref[gpu]" in capsys.readouterr().err
    assert not (tmp_path / "selftest.json").exists()
