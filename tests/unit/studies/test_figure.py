"""Figures: everything labelled, intervals drawn, lines told apart without colour."""

from __future__ import annotations

from pathlib import Path

from matplotlib import colors

from gse_ref.studies import STUDIES
from gse_ref.studies.figure import COLOURS, DASHES, MARKERS, Curves, save
from tests.unit.studies.planted import found


def _noisy(setting, seed):
    return 0.7 + 0.01 * seed * (1 + len(str(sorted(setting.items()))) % 3)


def _curves(name: str, seeds=(0, 1, 2)):
    study = STUDIES[name]
    return study.draw(found(study, _noisy, seeds))


def test_axes_say_what_they_show_and_the_bars() -> None:
    figure = _curves("subset-factor")
    (plot,) = figure.axes
    assert plot.get_ylabel() == "test accuracy minus rigl, points\n(mean and 95 % interval over seeds, paired)"
    assert plot.get_xlabel() == "subset factor γ (draws for each connection)"
    assert [label.get_text() for label in plot.get_xticklabels()] == ["0.1", "0.25", "0.5", "1", "2", "4"]
    legend = plot.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {
        "gse",
        "gse-grabo",
        "gse-graest",
        "rigl (reference)",
    }
    assert len(plot.containers) == 3
    for bars in plot.containers:
        line, _, (segments,) = bars
        assert len(segments.get_segments()) == len(line.get_xdata()) == 6
    places = [tuple(bars[0].get_xdata()) for bars in plot.containers]
    assert len(set(places)) == 3, "bars stand beside each other"


def test_points_are_the_means_and_bars_the_intervals() -> None:
    study = STUDIES["extended"]
    what = found(study, _noisy)
    (plot,) = study.draw(what).axes
    rows = [row for row in what.rows if row.setting["method"] == "gse"]
    line, _, (segments,) = plot.containers[0]
    assert list(line.get_ydata()) == [100 * row.accuracy.mean for row in rows]
    for segment, row in zip(segments.get_segments(), rows, strict=True):
        assert row.accuracy.half is not None
        low, high = segment[0][1], segment[1][1]
        assert low < 100 * row.accuracy.mean < high
        assert (low, high) == (
            100 * row.accuracy.mean - 100 * row.accuracy.half,
            100 * row.accuracy.mean + 100 * row.accuracy.half,
        )


def test_one_seed_has_no_bars_and_says_so() -> None:
    (plot,) = _curves("extended", [0]).axes
    assert plot.get_ylabel() == "test accuracy, %\n(one seed)"
    assert all(not bars.has_yerr for bars in plot.containers)


def test_a_plot_for_each_panel() -> None:
    figure = _curves("schedule")
    assert [plot.get_title() for plot in figure.axes] == [f"update every T = {steps} steps" for steps in (1, 2, 4)]
    assert all(len(plot.containers) == 4 for plot in figure.axes)


def test_names_stand_side_by_side_without_lines() -> None:
    what = found(STUDIES["extended"], _noisy)
    (plot,) = Curves("method", "method", line="length").draw(what.rows, "length 1").axes
    assert [label.get_text() for label in plot.get_xticklabels()] == ["gse", "rigl", "set"]
    assert {bars[0].get_linestyle() for bars in plot.containers} == {"None"}


def test_lines_are_told_apart_without_colour() -> None:
    assert len(set(MARKERS)) == len(set(map(str, DASHES))) == len(set(COLOURS)) == 7
    grey = [colors.rgb_to_hsv(colors.to_rgb(colour))[2] for colour in COLOURS[:2]]
    assert abs(grey[0] - grey[1]) > 0.5


def test_files_are_whole_and_equal_for_equal_figures(tmp_path: Path) -> None:
    first = save(_curves("extended"), tmp_path / "a")
    second = save(_curves("extended"), tmp_path / "b")
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[0].read_text().rstrip().endswith("</svg>")
    head = first[1].read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert int.from_bytes(head[16:20]) > 600, "pixels across"
