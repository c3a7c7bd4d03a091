"""Exported vectors and the verdict on what a program made of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gse_ref.cli.main import main
from gse_ref.conformance.adapters.own import Naive
from gse_ref.conformance.exchange import Form, export, verify
from gse_ref.conformance.layout import batch_first
from gse_ref.conformance.vectors import LEVELS, load
from gse_ref.conformance.vectors.operations import named
from gse_ref.errors import DataError, InputError

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")


def answers(form: Form, levels: tuple[str, ...] = LEVELS) -> dict[str, dict[str, np.ndarray]]:
    """Return the results of the naive backend, by vector and name, in a form."""
    adapter, dtype, found = Naive(), np.dtype(form.dtype), {}
    for vector in load():
        if vector.level in levels:
            with np.errstate(all="ignore"):
                results = named(vector.operation, getattr(adapter, vector.operation)(*vector.arguments(dtype)))
            found[vector.id] = {name: _written(name, part, form) for name, part in results.items()}
    return found


def _written(name: str, part: np.ndarray, form: Form) -> np.ndarray:
    if part.dtype.kind != "f":
        return part.astype(form.index_dtype)
    part = part if name == "fraction" else part.astype(form.dtype)
    return batch_first(part) if form.layout == "batch_first" and name in ("y", "dx") else part


def statuses(folder: Path) -> Counter[str]:
    return Counter(verdict.status for verdict in verify(folder))


@pytest.mark.parametrize("way", ["binary", "npz"])
@pytest.mark.parametrize("form", [Form(), Form("float64", "int64", "batch_first")])
def test_right_results_pass_in_every_form(tmp_path: Path, form: Form, way: str) -> None:
    folder = tmp_path / "out"
    count = export(folder, form=form)
    for vector, results in answers(form).items():
        if way == "npz":
            np.savez(folder / f"outputs/{vector}.npz", **results)
        else:
            for name, part in results.items():
                (folder / f"outputs/{vector}/{name}.bin").write_bytes(part.tobytes())
    assert statuses(folder) == {"passed": count}


def test_both_ways_hold_the_same_inputs(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(folder, form=Form("float64", "int64"))
    for vector in json.loads((folder / "manifest.json").read_text())["vectors"]:
        inputs = vector["inputs"]
        with np.load(folder / inputs["npz"]) as archive:
            assert sorted(archive.files) == sorted(array["name"] for array in inputs["arrays"])
            for array in inputs["arrays"]:
                part = archive[array["name"]]
                assert part.tobytes() == (folder / inputs["folder"] / array["file"]).read_bytes()
                assert (str(part.dtype), list(part.shape)) == (array["dtype"], array["shape"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Right results of level selection and of the linear kernels, float32, in plain files."""
    place = tmp_path / "out"
    levels = ("kernels", "selection")
    export(place, levels)
    for vector, results in answers(Form(), levels).items():
        for name, part in results.items():
            (place / f"outputs/{vector}/{name}.bin").write_bytes(part.tobytes())
    return place


def _changed(path: Path, change: Any) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("file", "change", "kind", "said"),
    [
        ("forward-typical/y.bin", lambda data: data[:-4] + b"\0\0\0\0", "wrong", r"y\[2, 1\]"),
        ("forward-typical/y.bin", lambda data: data[:-4], "malformed", "20 bytes, not 24"),
        ("top-k-typical/positions.bin", lambda data: data + b"\0", "malformed", "no multiple of 4"),
        ("top-k-typical/positions.bin", lambda data: data[:-4], "wrong", "2 of them, not 3"),
        ("edit-every-bit/values.bin", lambda data: bytes(4) + data[4:], "wrong", r"values\[0\]"),
    ],
)
def test_a_wrong_result_fails(folder: Path, file: str, change: Any, kind: str, said: str) -> None:
    _changed(folder / "outputs" / file, change)
    [found] = [verdict for verdict in verify(folder) if verdict.status == "failed"]
    assert found.id == file.split("/")[0]
    assert found.kind == kind
    assert re.search(said, found.what)
    assert "hunts this" in found.what


def test_what_is_missing_is_not_covered_and_half_of_it_fails(folder: Path) -> None:
    (folder / "outputs/top-k-typical/positions.bin").unlink()
    shutil.rmtree(folder / "outputs/top-k-ties")
    (folder / "outputs/edit-survivors/momentum.bin").unlink()
    found = {verdict.id: verdict for verdict in verify(folder)}
    assert found["top-k-typical"].status == found["top-k-ties"].status == "not covered"
    assert found["edit-survivors"].status == "failed"
    assert "momentum.bin missing" in found["edit-survivors"].what


def test_results_given_twice_or_damaged_fail(folder: Path) -> None:
    np.savez(folder / "outputs/forward-full.npz", y=np.zeros((2, 3), np.float32))
    shutil.rmtree(folder / "outputs/forward-typical")
    (folder / "outputs/forward-typical.npz").write_bytes(b"PK nothing")
    shutil.rmtree(folder / "outputs/forward-one-unit")
    np.savez(folder / "outputs/forward-one-unit.npz", y=np.array([{}], object))
    shutil.rmtree(folder / "outputs/forward-nothing")
    np.savez(folder / "outputs/forward-nothing.npz", z=np.zeros((2, 2), np.float32))
    found = {verdict.id: verdict for verdict in verify(folder) if verdict.status == "failed"}
    assert {name: verdict.kind for name, verdict in found.items()} == dict.fromkeys(
        ("forward-full", "forward-typical", "forward-one-unit", "forward-nothing"), "malformed"
    )
    assert "both" in found["forward-full"].what
    assert "y is missing" in found["forward-nothing"].what


def test_an_update_too_many_fails(tmp_path: Path) -> None:
    place = tmp_path / "out"
    export(place, ("training",))
    for name, part in answers(Form(), ("training",))["train-gse-after-the-end"].items():
        (place / f"outputs/train-gse-after-the-end/{name}.bin").write_bytes(part.tobytes())
    assert statuses(place)["passed"] == 1
    (place / "outputs/train-gse-after-the-end/update-6.0.indptr.bin").write_bytes(bytes(4))
    [found] = [verdict for verdict in verify(place) if verdict.status == "failed"]
    assert "there should be no update-6.0.indptr" in found.what


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda path: path.unlink(), InputError, "has no manifest.json"),
        (lambda path: path.write_text("[]"), DataError, "is no manifest"),
        (
            lambda path: path.write_text(path.read_text().replace('"format": 1', '"format": 7')),
            DataError,
            "format 7",
        ),
        (lambda path: path.write_text(path.read_text().replace("forward-full", "forward-fool")), DataError, "fool"),
        (
            lambda path: path.write_text(path.read_text().replace("batch_last", "batch_lost")),
            InputError,
            "batch_last",
        ),
    ],
)
def test_a_bad_manifest_is_bad_input(tmp_path: Path, change: Any, error: type[Exception], said: str) -> None:
    place = tmp_path / "out"
    export(place, ("kernels",))
    change(place / "manifest.json")
    with pytest.raises(error, match=said):
        verify(place)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("text")
    with pytest.raises(InputError, match="not an empty folder"):
        export(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        export(tmp_path / "neither" / "nor")
    with pytest.raises(InputError, match="did you mean 'kernels'"):
        export(tmp_path / "out", ("kernel",))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def full(path: Path, **arrays: np.ndarray) -> None:
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InputError, match="No space left"):
        export(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_a_program_in_c_is_judged(tmp_path: Path) -> None:
    place, program = tmp_path / "out", tmp_path / "forward"
    export(place, ("kernels",))
    command = [str(COMPILER), "-O1", "-Wall", "-Werror", "-o", str(program), str(HERE / "forward.c")]
    subprocess.run(command, check=True)
    for line in (place / "vectors.txt").read_text().splitlines():
        vector, operation = line.split()
        if operation == "forward":
            subprocess.run([str(program), str(place), vector], check=True)
    found = [verdict for verdict in verify(place) if verdict.operation == "forward"]
    assert [verdict.what for verdict in found if verdict.status != "passed"] == []
    assert statuses(place)["passed"] == len(found) > 5


def test_a_program_without_numpy_is_judged_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "out")
    assert main(["conformance", "export", place, "--level", "selection", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["vectors"] == sum(v.level == "selection" for v in load())
    assert main(["conformance", "verify", place, "--json"]) == 1  # nothing was computed
    assert json.loads(capsys.readouterr().out)["good"] is False
    subprocess.run([sys.executable, "-I", str(HERE / "top_k.py"), place], check=True)
    assert main(["conformance", "verify", place, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["good"] is True
    assert {row["operation"] for row in found["results"] if row["status"] == "passed"} == {"top_k"}
    _changed(Path(place) / "outputs/top-k-ties/positions.bin", lambda data: data[:-4] + b"\x09\0\0\0")
    assert main(["conformance", "verify", place]) == 1
    said = capsys.readouterr()
    assert "vector top-k-ties" in said.out
    assert "ties by unstable order" in said.out
    assert "not covered: budget (10)" in said.out
    assert "1 failed" in said.err
    assert main(["conformance", "verify", str(tmp_path)]) == 2
    assert main(["conformance", "export", place]) == 2
