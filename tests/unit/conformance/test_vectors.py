"""The files of golden vectors: well formed, as the recipes make them, and good for what their notes say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from gse_ref.backends import Geometry
from gse_ref.conformance import Adapter, run
from gse_ref.conformance.adapters.own import Cpu, Naive, Shadow
from gse_ref.conformance.problems import Weights
from gse_ref.conformance.vectors import FILES, LEVELS, load, store
from gse_ref.conformance.vectors.__main__ import main
from gse_ref.conformance.vectors.document import decoded, encoded, text
from gse_ref.conformance.vectors.generate import second_opinion, texts
from gse_ref.conformance.vectors.operations import COVERED
from gse_ref.conformance.vectors.recipe import floats
from gse_ref.errors import ConformanceError, DataError

SCHEMA = json.loads(store.FOLDER.joinpath("schema.json").read_text(encoding="utf-8"))
DOCUMENTS = {name: json.loads(store.path(name).read_text(encoding="utf-8")) for name in FILES}
GOLDEN = [f"golden_{level}" for level in LEVELS]

#: Faults found in published code or likely in anybody's, as far as one call can tell: words of a note.
HUNTED = (
    "GraEst on convolutions takes the first patch row alone",
    "momentum shuffled after an edit",
    "stale momentum on grown weights",
    "all momentum cleared",
    "both signs are counted apart",
    "nnz drifting under Bernoulli growth",
    "grown weights keep stale values",
    "explicit zeros lost in CSR addition",
    "values aliasing their gradient's buffer",
    "budget excess lost",
    "edge ids overflow 32 bits",
    "ties by unstable order",
    "a just pruned connection regrown",
    "biased last alias slot",
    "signed sums instead of sums of absolute values in GraBo",
    "two different sign vectors",
    "per-layer counts under global scope",
    "running statistics moved by the probe",
    "padding columns are counted in the sums",
    "flipped taps",
    "update after T_end",
    "α off by one step",
)


@pytest.mark.parametrize("name", FILES)
def test_files_follow_the_schema(name: str) -> None:
    jsonschema.validate(DOCUMENTS[name], SCHEMA)


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: one.pop("note"),
        lambda one: one.update(id="Not an id"),
        lambda one: one["expected"]["y"].pop("magnitude"),
        lambda one: one["expected"]["y"].update(tolerance="about"),
        lambda one: one["inputs"]["x"].update(dtype="float16"),
        lambda one: one["inputs"]["x"]["data"].append("nothing"),
    ],
)
def test_the_schema_refuses_what_is_damaged(damage: Any) -> None:
    document = json.loads(json.dumps(DOCUMENTS["kernels"]))
    damage(document["vectors"][0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_files_are_what_the_recipes_make() -> None:
    made = texts()
    assert list(made) == list(FILES)
    for name, words in made.items():
        assert words == store.path(name).read_text(encoding="utf-8"), f"{name}.json is a diff to review"


def test_the_page_says_how_many_there_are() -> None:
    page = Path(__file__).parents[3] / "docs" / "conformance" / "vectors.md"
    assert f"\n{len(load())} inputs with their results" in page.read_text(encoding="utf-8")


def test_files_are_small() -> None:
    assert sum(store.path(name).stat().st_size for name in FILES) < 500_000


def test_ids_are_unique_and_flags_explained() -> None:
    assert len({vector.id for vector in load()}) == len(load())
    for document in DOCUMENTS.values():
        assert {flag for one in document["vectors"] for flag in one["flags"]} == set(document["flags"])


def test_every_operation_has_vectors() -> None:
    assert {vector.operation for vector in load()} == set(COVERED)


@pytest.mark.parametrize("fault", HUNTED)
def test_every_known_fault_is_hunted(fault: str) -> None:
    assert [vector.id for vector in load() if fault in vector.note]


def _arrays(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, list):
        return [array for part in found for array in _arrays(part)]
    if not isinstance(found, dict):
        return []
    return [found] if "data" in found else [array for part in found.values() for array in _arrays(part)]


def test_inputs_are_exact_in_single_precision() -> None:
    arrays = [a for d in DOCUMENTS.values() for one in d["vectors"] for a in _arrays(one["inputs"])]
    assert len(arrays) > 300
    for array in arrays:
        if array["dtype"] == "float32":
            numbers = np.array([float(number) for number in array["data"]])
            assert np.array_equal(numbers, numbers.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("adapter", [Naive, Cpu, Shadow])
def test_own_backends_pass(adapter: type[Adapter]) -> None:
    for result in run(adapter, only=GOLDEN, limit=300):  # Numba may have to compile
        assert result.status == "passed", result.text()
        assert not result.skipped


def test_what_an_adapter_does_not_know_is_not_covered() -> None:
    class Static(Naive):
        methods = ("gse", "gse-graest")
        networks = ("mlp",)

    update, training = run(Static, only=["golden_update", "golden_training"])
    assert "knows no method rigl" in update.why
    assert "knows no network conv" in training.why
    assert run(type("Nothing", (Adapter,), {}), only=["golden_kernels"])[0].status == "not covered"


def test_a_failure_names_the_vector_and_what_it_hunts() -> None:
    class Flipped(Naive):
        def conv_forward(self, weights, x, geometry, bias):
            return super().conv_forward(weights._replace(values=weights.values[::-1].copy()), x, geometry, bias)

    [result] = run(Flipped, only=["golden_kernels"])
    assert "vector conv-forward-taps" in result.failure.what
    assert "flipped taps" in result.failure.what


def test_two_computations_must_agree_before_files_are_written() -> None:
    class Other(Naive):
        def top_k(self, scores, k):
            return super().top_k(-scores, k)

    with pytest.raises(ConformanceError, match=r"(?s)two computations differ.*top-k-typical"):
        second_opinion(list(load()), Other())


def test_the_generator_is_a_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--wirte"]) == 2
    assert "--write" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "gse_ref.conformance.adapters.torch_dense", raising=False)
    assert main([]) == 3
    assert "pip install torch" in capsys.readouterr().err


def test_values_come_back_bit_for_bit() -> None:
    given = (
        Weights(np.array([0, 2]), np.array([0, 1]), floats([-0.0, 1 / 3]), (1, 2)),
        np.array([np.nan, np.inf, -np.inf, 5e-324, 0.1, 1e308]),
        np.empty((0, 3), np.float32),
        Geometry(3, 1, 1),
        (1, 0.2, "gse", None, True),
    )
    back = decoded(json.loads(text(encoded(given))))
    for before, after in zip((*given[0][:3], given[1], given[2]), (*back[0][:3], back[1], back[2]), strict=True):
        assert before.dtype == after.dtype
        assert before.shape == after.shape
        assert before.tobytes() == after.tobytes()
    assert back[0].shape == (1, 2)
    assert back[3:] == given[3:]
    with pytest.raises(DataError, match="Weigths"):
        decoded({"type": "Weigths"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{", "cannot be read"),
        ('{"generator": {"version": 999}}', "of version 999"),
        ('{"generator": {"version": 1}, "level": "kernels"}', "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, words: str, said: str) -> None:
    (tmp_path / "kernels.json").write_text(words)
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    with pytest.raises(DataError, match=said):
        store.load.__wrapped__()
