"""The study of FLOPs: counted by the cost room, told beside the published figures where they compare."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from gse_ref.cost import Layer, Setting, saving
from gse_ref.errors import InputError
from gse_ref.studies import STUDIES, Silent, carry_out, flops
from tests.unit.studies.in_process import InProcess, small


def _carried(folder: Path, methods=("dense", "rigl", "gse", "set"), particulars=None, **base):
    execute = InProcess()
    settings = small(**{"every": 100, **base})
    done = carry_out(STUDIES["flops"], settings, methods, [0], folder, execute, Silent(), particulars or {})
    assert execute.ran == []
    return done


def test_rows_are_the_formulas_of_both(tmp_path: Path) -> None:
    found, told, _ = _carried(tmp_path / "study", hidden=(64,))
    rows = flops.results(found)["results"]
    assert [row["density"] for row in rows] == list(flops.DENSITIES)
    dense = 2 * (784 * 64 + 64 * 10)
    for row in rows:
        sparse = row["sparse_over_dense"] * dense
        rigl = (302 * sparse + dense) / 101
        gse = 304 * sparse / 101
        if row["density"] <= 0.05:  # beyond, the last layer has fewer inactive connections than draws
            assert round(row["rigl_over_gse"], 9) == round(rigl / gse, 9)
            assert round(row["gse_saves_of_rigl"], 9) == round(1 - gse / rigl, 9)
    assert {path.name for path in (tmp_path / "study").iterdir()} == {
        *("results.csv", "results.jsonl", "figure.svg", "figure.png", "finding.md", "summary.json")
    }
    assert "Published" not in told["finding"]
    assert "mlp on 28 pixels" in told["finding"]


def test_options_reach_the_count(tmp_path: Path) -> None:
    one, _, _ = _carried(tmp_path / "a", ["rigl", "gse"], hidden=(64,))
    four, told, _ = _carried(tmp_path / "b", ["rigl", "gse"], {"subset_factor": 4.0}, hidden=(64,), every=10)
    last = [flops.results(found)["results"][-1] for found in (one, four)]
    assert last[1]["flops_gse"] > last[0]["flops_gse"]
    assert last[1]["flops_rigl"] > 5 * last[0]["flops_rigl"]
    assert "an update every 10 steps, γ = 4" in told["finding"]
    with pytest.raises(InputError, match="unknown method 'gsee'"):
        _carried(tmp_path / "c", ["gsee"])


def test_the_share_that_a_saving_takes() -> None:
    for setting in (Setting(every=100), Setting(every=20, subset_factor=2.0)):
        needed = flops._needed(setting, 0.118)
        layer = Layer("one", 100, 100, needed * 100 * 100)
        assert round(saving([layer], setting).share, 12) == 0.118


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")
def test_what_is_published_is_told_beside_what_is_counted(tmp_path: Path) -> None:
    found, told, _ = _carried(tmp_path / "study", model="resnet50", hidden=(512, 512))
    for words in ("11.15 % less than RigL", "133.1 times at 1e-05", "Published are 11.8 % and 131 times"):
        assert words in told["finding"]
    assert "differ by -0.65 points" in told["finding"]
    left, right = flops.draw(found).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["dense", "rigl", "gse", "set"]
    assert len(right.get_legend().get_texts()) == 3
    assert left.get_xlabel() == right.get_xlabel() == "density (sparser to the right)"
    assert left.xaxis_inverted()
