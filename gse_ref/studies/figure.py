"""Figures of studies: means with their intervals; told apart by marker and dash as well as by colour."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependencyError
from ..training.record import write_atomically
from .grid import shown
from .statistics import CONFIDENCE, Interval
from .summary import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, told apart with any colour vision, in an order that alternates dark and light.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
_FORMATS = ("svg", "png")


def require_matplotlib() -> None:
    """Raise MissingDependencyError, with what to install, if there is no matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependencyError(
            "a study draws its figure with matplotlib, which is not installed: pip install 'gse_ref[plot]'"
        )


def style(number: int) -> dict[str, Any]:
    """Return colour, marker and dash of the line `number`; they repeat together only after seven."""
    place = number % len(COLOURS)
    return {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": DASHES[place]}


def new_figure(panels: int = 1, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure with `panels` plots side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 + 3.4 * panels, 4.2), layout="constrained")
    axes = figure.subplots(1, panels, sharey=share_y, squeeze=False)
    for plot in axes[0]:
        plot.grid(True, color="#dddddd", linewidth=0.6)
        plot.spines[["top", "right"]].set_visible(False)
    return figure, list(axes[0])


def save(figure: Figure, path: Path) -> list[Path]:
    """Write the figure as SVG and PNG, `path` with the suffix of each; equal figures give equal SVG files."""
    from matplotlib import rc_context

    written = []
    for kind in _FORMATS:
        buffer = io.BytesIO()
        with rc_context({"svg.hashsalt": "gse_ref"}):
            metadata = {"Date": None} if kind == "svg" else None
            figure.savefig(buffer, format=kind, dpi=160, metadata=metadata)
        write_atomically(path.with_suffix(f".{kind}"), buffer.getvalue())
        written.append(path.with_suffix(f".{kind}"))
    return written


@dataclass(frozen=True)
class Curves:
    """A figure of accuracy against one setting: a line for each value of another, a plot for each of a third.

    Attributes
    ----------
    x, line, panel : names of settings; rows without x are left out; no panel for a single plot.
    title : of each panel, with {} for its value.
    label : of the x axis.
    difference : show the paired difference to the reference instead of the accuracy.
    log : spread x by its logarithm; values that are no numbers stand side by side in any case.
    """

    x: str
    label: str
    line: str = "method"
    panel: str | None = None
    title: str = "{}"
    difference: bool = False
    log: bool = False

    def _measured(self, row: Row) -> Interval | None:
        return row.difference if self.difference else row.accuracy

    def draw(self, rows: Sequence[Row], reference: str) -> Figure:
        """Return the figure; bars are intervals of 95 % confidence over seeds, paired for differences."""
        rows = [row for row in rows if self.x in row.setting]
        panels = list(dict.fromkeys(row.setting.get(self.panel) if self.panel else None for row in rows)) or [None]
        lines = list(dict.fromkeys(row.setting[self.line] for row in rows))
        figure, axes = new_figure(len(panels))
        for plot, panel in zip(axes, panels, strict=True):
            members = [row for row in rows if self.panel is None or row.setting.get(self.panel) == panel]
            self._plot(plot, members, lines)
            if self.difference:
                plot.axhline(0, color="#666666", linewidth=1, zorder=1, label=f"{reference} (reference)")
            if self.panel is not None:
                plot.set_title(self.title.format(shown(panel)), fontsize=10)
            plot.set_xlabel(self.label)
        what = f"test accuracy minus {reference}, points" if self.difference else "test accuracy, %"
        one_seed = all(row.accuracy.count < 2 for row in rows)
        over = "one seed" if one_seed else f"mean and {100 * CONFIDENCE:.0f} % interval over seeds"
        axes[0].set_ylabel(f"{what}\n({over}{', paired' if self.difference and not one_seed else ''})")
        if len(lines) > 1:
            axes[-1].legend(title=self.line, frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return figure

    def _plot(self, plot: Axes, rows: Sequence[Row], lines: Sequence[Any]) -> None:
        values = list(dict.fromkeys(row.setting[self.x] for row in rows))
        numbers = all(isinstance(value, (int, float)) for value in values)
        log = numbers and self.log
        place: Callable[[Any], float] = (math.log2 if log else float) if numbers else values.index
        places = sorted(map(place, values))
        gap = min((b - a for a, b in pairwise(places)), default=1.0)
        for number, line in enumerate(lines):
            mine = [(row, self._measured(row)) for row in rows if row.setting[self.line] == line]
            found = [(place(row.setting[self.x]), one) for row, one in mine if one is not None and one.count]
            shift = min(0.1, 0.5 / len(lines)) * gap * (number - (len(lines) - 1) / 2)  # no bar hides another
            looks = style(number) | ({} if numbers else {"linestyle": "none"})
            error_bars(plot, [x + shift for x, _ in found], [one for _, one in found], label=shown(line), **looks)
        plot.set_xticks([place(value) for value in values], [shown(value) for value in values])
        plot.set_xlim(places[0] - 0.5 * gap, places[-1] + 0.5 * gap)


def error_bars(
    plot: Axes, x: Sequence[float], measured: Sequence[Interval], scale: float = 100, **looks: Any
) -> None:
    """Plot means with their intervals; without an interval a mean stands alone."""
    y = [scale * one.mean for one in measured]
    half = [scale * (one.half or 0.0) for one in measured]
    bars = half if any(half) else None
    plot.errorbar(x, y, yerr=bars, capsize=3, markersize=5, linewidth=1.4, elinewidth=0.9, zorder=2, **looks)
