"""Plots of a study: what they draw, and what is said without matplotlib."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace

import pytest

from gse_ref.errors import MissingDependencyError
from gse_ref.report import FAINT, INK, PAPER, SERIES
from gse_ref.report.svg import inline
from gse_ref.scaling import curves
from gse_ref.scaling.fit import Slope
from gse_ref.scaling.plot import Axes, Curve, Palette, loglog, require_matplotlib

from .planted import Clock, linear, program, study

PALETTE = Palette(INK, FAINT, PAPER, SERIES)


def _curve(**change) -> Curve:
    curve = Curve("step: 1.00", [256, 512, 1024], [2.0, 4.0, 8.0], [1.0, 2.0, 4.0], [3.0, 5.0, 9.0])
    return replace(curve, **change)


def test_a_plot_is_text_in_the_pages_colours_and_the_same_each_time() -> None:
    pytest.importorskip("matplotlib")
    axes = Axes("width n", "ms a call", [(1000.0, "> L2"), (1e9, "> L9")])
    drawn = loglog([_curve(slope=Slope(1.0, 0.9, 1.1), fitted=3)], axes, PALETTE)
    assert loglog([_curve(slope=Slope(1.0, 0.9, 1.1), fitted=3)], axes, PALETTE) == drawn
    for text in ("step: 1.00", "width n", "ms a call", "&gt; L2"):
        assert text in drawn, "text stays text"
    assert "L9" not in drawn, "outside the axes"
    colours = {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}", drawn)}
    assert colours <= {INK, FAINT, PAPER, *SERIES}, "all can follow light and dark"
    assert SERIES[0] in colours
    assert SERIES[1] in loglog([_curve(place=1)], axes, PALETTE)
    inline(drawn, "plot", "described")


def test_without_matplotlib_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "gse_ref\[plot\]"') as caught:
        require_matplotlib()
    assert caught.value.exit_code == 3


def test_curves_are_the_measurements() -> None:
    clock = Clock()
    counts = {"multiply_adds": lambda sizes: 3 * sizes.nnz}
    found = study(clock, program(clock, linear, counts))
    judged = curves.wholes(found)
    assert [curves.title(one) for one in judged] == ["planted step"]
    [time] = curves.times(found, judged, "width", ["step"])
    assert list(time.x) == list(found.plan.widths)
    for sizes, milliseconds in zip(found.sweeps["width"], time.y, strict=True):
        assert abs(milliseconds - 1e3 * linear(sizes)) < 1e-6 * milliseconds
    assert time.label == "step: 1.00 [1.00, 1.00]"
    [exact] = curves.counts(found, judged, "multiply_adds")
    assert list(exact.y) == [30.0 * n for n in found.plan.widths]
    assert exact.label == "planted step: 1.00"
    assert curves.counts(found, judged, "moves") == []
    [each] = curves.per_connection(found, judged)
    assert abs(each.y[0] - 1e9 * linear(found.sweeps["width"][0]) / 2560) < 1e-6 * each.y[0]
    assert [curve.label for curve in curves.yardsticks(found)] == [
        "front to end",
        "rows of the batch at random",
        "numbers at random",
    ]
    assert {round(y, 9) for curve in curves.yardsticks(found) for y in curve.y} == {0.01}
