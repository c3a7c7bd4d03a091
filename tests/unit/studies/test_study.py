"""Studies from their first run to their finding."""

from __future__ import annotations

import csv
import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gse_ref.errors import InputError, MissingDependencyError, UnfinishedError
from gse_ref.studies import STUDIES, Silent, arms, carry_out, catalogue, points, study
from gse_ref.studies.grid import FIELDS
from tests.unit.studies.in_process import InProcess, small

#: Settings that a study varies; the study can be carried out where this version has them.
NEEDS = {"initial-connectivity": "pattern", "prune-criterion": "prune_criterion"}
READY = [name for name in STUDIES if name != "flops" and NEEDS.get(name, "density") in FIELDS]


def _carried(name: str, folder: Path, seeds=(0, 1), execute: Any = None, **base: Any):
    asked = STUDIES[name]
    execute = InProcess() if execute is None else execute
    return carry_out(asked, small(**base), asked.methods, seeds, folder, execute, Silent())


@pytest.fixture(autouse=True)
def _fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arms, "SUBSET_FACTORS", (0.5, 1.0))
    monkeypatch.setattr(arms, "FRACTIONS", (0.2,))
    monkeypatch.setattr(arms, "WIDTHS", (1.0, 2.0))


@pytest.mark.parametrize("name", READY)
def test_a_study_writes_data_figure_and_finding_and_runs_nothing_twice(name: str, tmp_path: Path) -> None:
    folder, first, again = tmp_path / "study", InProcess(), InProcess()
    found, told, text = _carried(name, folder, execute=first)
    assert all(result.finished for result in found.results)
    wanted = {"base.json", "results.csv", "results.jsonl", "summary.json", "figure.svg", "figure.png", "finding.md"}
    assert wanted <= {path.name for path in folder.iterdir()}
    finding = (folder / "finding.md").read_text()
    assert finding == told["finding"]
    assert text.startswith(finding)
    assert finding.startswith(f"**{STUDIES[name].question}**")
    assert f"{len(first.ran)} runs, none of them unfinished" in finding
    assert "Intervals are of 95 % confidence" in finding
    assert json.loads((folder / "summary.json").read_text()) == told
    with (folder / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(first.ran)
    written = (folder / "figure.svg").read_bytes(), finding
    _carried(name, folder, execute=again)
    assert again.ran == []
    assert ((folder / "figure.svg").read_bytes(), (folder / "finding.md").read_text()) == written


def test_wider_networks_have_the_connections_of_the_narrowest(tmp_path: Path) -> None:
    found, _, _ = _carried("width", tmp_path / "study")
    assert {row.setting["width"] for row in found.rows} == {1.0, 2.0}
    assert len({result.outcome["nnz"] for result in found.results}) == 1
    assert {result.point.config.hidden for result in found.results} == {(16,), (32,)}


def test_wider_networks_for_images_are_wider_by_their_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    base = small(data="fashion-mini", model="vgg11", image_size=32, hidden=(512, 512), density=0.01, width=0.5)
    made = points(base, arms.widths(base, ["gse"]), [0])
    assert [point.config.width for point in made] == [0.5, 1.0]
    nnz = [point.config.density * arms._possible(point.config) for point in made]
    assert abs(nnz[1] - nnz[0]) < 1


def test_longer_training_moves_milestones_and_the_last_update() -> None:
    base = small(epochs=10, milestones=(4.0, 8.0), until=6.0)
    made = points(base, arms.lengths(base, ["set"]), [0])
    settings = [(p.config.epochs, p.config.milestones, p.config.until) for p in made]
    assert settings == [(10, (4.0, 8.0), 6.0), (15, (6.0, 12.0), 9.0), (20, (8.0, 16.0), 12.0)]
    open_end = small(epochs=10, until=None)
    assert {p.config.until for p in points(open_end, arms.lengths(open_end, ["set"]), [0])} == {None}


def test_layer_densities_are_those_of_the_topology(tmp_path: Path) -> None:
    found, _, _ = _carried("layer-density", tmp_path / "study", scope="global", every=1)
    with (tmp_path / "study" / "layers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for result in found.results:
        setting, seed = result.point.setting["method"], str(result.point.config.seed)
        mine = [row for row in rows if (row["method"], row["seed"]) == (setting, seed)]
        assert sum(int(row["nnz"]) for row in mine) == result.outcome["nnz"]
        assert sum(int(row["nnz_initial"]) for row in mine) == result.outcome["nnz_initial"]
        assert [int(row["size"]) for row in mine] == [16 * 16, 16 * 3]
        assert all(float(row["density"]) == int(row["nnz"]) / int(row["size"]) for row in mine)
    assert any(row["nnz"] != row["nnz_initial"] for row in rows)
    _, told, _ = _carried("layer-density", tmp_path / "still", scope="layer")
    assert "`gse` keeps the number of connections of every layer." in told["finding"]


def test_runs_that_diverge_are_counted_and_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STUDIES, "rates", _rates())
    _, told, _ = _carried("rates", tmp_path / "some")
    assert "4 runs, 2 of them unfinished" in told["finding"]
    assert "1e+30: not measured in the same seed" in told["finding"]
    with pytest.raises(UnfinishedError, match="none of 4 runs finished"):
        _carried("rates", tmp_path / "none", optimizer="sgd", label_smoothing=0.0, weight_decay=1e30)


def _rates():
    return replace(
        STUDIES["extended"],
        arms=arms.over(lr=[0.1, 1e30]),
        methods=("gse",),
        reference=catalogue._with("lr", 0.1),
        draw=catalogue._curves(catalogue.Curves("lr", "learning rate", log=True)),
        say=catalogue._say_along("lr"),
    )


def test_a_setting_that_this_version_has_not_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDIES, "extended", replace(STUDIES["extended"], arms=arms.over(moon=["full", "new"])))
    with pytest.raises(InputError, match="'moon' is no setting of a run of this version"):
        _carried("extended", tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_without_matplotlib_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    execute = InProcess()
    with pytest.raises(MissingDependencyError, match=r"pip install 'gse_ref\[plot\]'"):
        _carried("extended", tmp_path / "study", execute=execute)
    assert execute.ran == []
    assert not (tmp_path / "study").exists()


def test_settings_of_some_methods_are_taken_by_those_alone(tmp_path: Path) -> None:
    base, asked = small(), STUDIES["extended"]
    given = (asked, base, ["gse", "set"], [0], tmp_path / "study", InProcess(), Silent())
    found, told, _ = carry_out(*given, {"subset_factor": 2.0})
    factors = {(r.point.config.method, r.point.config.subset_factor) for r in found.results}
    assert factors == {("gse", 2.0), ("set", 1.0)}
    assert "2 epochs, subset_factor 2, seeds 0" in told["finding"]


def test_a_name_that_was_nearly_right() -> None:
    with pytest.raises(InputError, match="unknown study 'widht': did you mean 'width'"):
        study("widht")
