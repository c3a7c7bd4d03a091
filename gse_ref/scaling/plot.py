"""Log–log plots by matplotlib, as SVG text that a page can colour."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MissingDependencyError
from .fit import Slope

_WIDTH, _HEIGHT = 4.8, 4.1
_MARKERS = "osD^vPX*"
#: Labels of so many letters fit side by side.
_SHORT = 27
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gse_ref",
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
}


@dataclass(frozen=True)
class Palette:
    """Colours to draw with.

    ink : text and axes; faint : grid and guides; paper : background; series : of the curves, in turn.
    """

    ink: str
    faint: str
    paper: str
    series: Sequence[str]


@dataclass(frozen=True)
class Curve:
    """One series of a plot.

    Attributes
    ----------
    x, y : positive, x increasing.
    low, high : spread at each point, or empty.
    slope : power law with its interval, drawn through the largest sizes; None for points alone.
    fitted : how many of the largest sizes the slope is of.
    place : its number among the series, which gives colour and marker: the same program looks alike in all plots.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    slope: Slope | None = None
    fitted: int = 0
    place: int = 0


@dataclass(frozen=True)
class Axes:
    """What a plot's axes are called, and upright lines with labels: x → what begins there."""

    x: str
    y: str
    borders: Sequence[tuple[float, str]] = ()


def require_matplotlib() -> None:
    """Raise MissingDependencyError unless matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependencyError(
            'plots need matplotlib: pip install "gse_ref[plot]", or leave the page out with --no-report'
        )


def loglog(curves: Sequence[Curve], axes: Axes, palette: Palette) -> str:
    """Return a plot of the curves on logarithmic axes, an SVG document.

    Raises
    ------
    MissingDependencyError : matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        plot = figure.add_subplot()
        plot.set_xscale("log", base=2)
        plot.set_yscale("log")
        _dress(plot, axes, palette)
        for curve in curves:
            _draw(plot, curve, palette)
        _borders(plot, axes, palette)
        columns = 2 if max(len(curve.label) for curve in curves) <= _SHORT else 1
        figure.set_size_inches(_WIDTH, _HEIGHT + 0.22 * -(-len(curves) // columns))
        figure.legend(loc="outside lower left", ncols=columns, labelcolor=palette.ink, columnspacing=1.0)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    return written.getvalue()


def _dress(plot: Any, axes: Axes, palette: Palette) -> None:
    plot.set_xlabel(axes.x, color=palette.ink)
    plot.set_ylabel(axes.y, color=palette.ink)
    plot.tick_params(which="both", color=palette.ink, labelcolor=palette.ink)
    plot.grid(color=palette.faint, linewidth=0.6)
    for side in plot.spines.values():
        side.set_color(palette.ink)


def _draw(plot: Any, curve: Curve, palette: Palette) -> None:
    colour = palette.series[curve.place % len(palette.series)]
    marker = _MARKERS[curve.place % len(_MARKERS)]
    x, y = np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64)
    if curve.slope is not None and curve.fitted > 1:
        centre_x, line_x = np.log(x[-curve.fitted :]).mean(), x[-curve.fitted :]
        centre_y = np.log(y[-curve.fitted :]).mean()
        value, low, high = (np.exp(centre_y + slope * (np.log(line_x) - centre_x)) for slope in curve.slope)
        plot.plot(line_x, value, color=colour, linewidth=1.2)
        if curve.slope.high > curve.slope.low:
            band = np.minimum(low, high), np.maximum(low, high)
            plot.fill_between(line_x, *band, color=colour, alpha=0.15, linewidth=0)
    elif len(x) > 1:
        plot.plot(x, y, color=colour, linewidth=0.8)
    spread = None
    if len(curve.low):
        spread = np.stack([y - np.asarray(curve.low), np.asarray(curve.high) - y]).clip(0)
    plot.errorbar(
        x,
        y,
        spread,
        color=colour,
        marker=marker,
        markersize=4.5,
        linestyle="none",
        elinewidth=1,
        markeredgecolor=palette.paper,
        markeredgewidth=0.4,
        label=curve.label,
    )


def _borders(plot: Any, axes: Axes, palette: Palette) -> None:
    """Draw the upright lines that lie within the plot, each named at its top."""
    left, right = plot.get_xlim()
    for place, text in axes.borders:
        if left < place < right and math.isfinite(place):
            plot.axvline(place, color=palette.ink, linewidth=0.8, linestyle=(0, (4, 3)))
            plot.annotate(
                text,
                (place, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -10),
                textcoords="offset points",
                color=palette.ink,
                fontsize=8,
            )
