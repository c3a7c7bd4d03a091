"""What the plots of a study show: curves taken from its measurements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import fit, yardstick
from .fit import Slope
from .machine import caches
from .measure import Measurement
from .plot import Axes, Curve
from .sizes import LEAST_SIZES, variable
from .study import Study, layer_bytes
from .subject import ELEMENTS, ROWS, STREAM
from .verdict import Judgement, usable

#: Phases that are a whole call of a program, not a part of one.
WHOLE = ("step", "update")

AXIS = {"width": "width n", "nnz": "connections nnz", "batch": "batch"}


def wholes(study: Study) -> list[Judgement]:
    """Return the judgements on whole steps and updates."""
    return [one for one in study.judgements if one.phase in WHOLE]


def title(one: Judgement) -> str:
    """Return e.g. ``gse update``; the training step already names itself."""
    return one.subject if one.subject.endswith(one.phase) else f"{one.subject} {one.phase}"


def _label(name: str, slope: Slope | None) -> str:
    if slope is None:
        return name
    if slope.low == slope.high:
        return f"{name}: {slope.value:.2f}"
    return f"{name}: {slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]"


def _seconds(study: Study, found: Sequence[Measurement]) -> np.ndarray:
    """Return lower quartile, median and upper quartile, (3, m), in seconds."""
    return np.array([np.percentile(usable(one, study.control), [25, 50, 75]) for one in found]).T


def times(study: Study, judged: Sequence[Judgement], sweep: str, names: Sequence[str]) -> list[Curve]:
    """Return milliseconds against what a sweep varies, with quartiles and slopes."""
    curves = []
    for place, (one, name) in enumerate(zip(judged, names, strict=True)):
        found = study.of(one.subject, one.phase, sweep)
        if not found:
            continue
        x = variable(sweep, [each.sizes for each in found])
        low, middle, high = 1e3 * _seconds(study, found)
        growth = one.timing.get(sweep)
        slope = None if growth is None else growth.slope
        fitted = 0 if growth is None else len(fit.asymptotic(x, middle))
        curves.append(Curve(_label(name, slope), x, list(middle), list(low), list(high), slope, fitted, place))
    return curves


def per_connection(study: Study, judged: Sequence[Judgement]) -> list[Curve]:
    """Return nanoseconds a connection against the width: level where a cache level holds the layer."""
    curves = []
    for place, one in enumerate(judged):
        found = study.of(one.subject, one.phase, "width")
        if found:
            nnz = np.array([each.sizes.nnz for each in found])
            low, middle, high = 1e9 * _seconds(study, found) / nnz
            x = variable("width", [each.sizes for each in found])
            curves.append(Curve(title(one), x, list(middle), list(low), list(high), place=place))
    return curves


def counts(study: Study, judged: Sequence[Judgement], name: str) -> list[Curve]:
    """Return one exact count against the width, with the exponent of the largest sizes."""
    curves = []
    for place, one in enumerate(judged):
        found = [each for each in study.of(one.subject, one.phase, "width") if (each.counts or {}).get(name)]
        if found:
            exponent = one.counts.get(name, {}).get("width")
            slope = None if exponent is None else Slope.exact(exponent)
            y = [float((each.counts or {})[name]) for each in found]
            x = variable("width", [each.sizes for each in found])
            curves.append(Curve(_label(title(one), slope), x, y, slope=slope, fitted=LEAST_SIZES, place=place))
    return curves


def memory(study: Study, judged: Sequence[Judgement]) -> list[Curve]:
    """Return megabytes at the peak of a call against the width."""
    curves = []
    for place, one in enumerate(judged):
        found = [each for each in study.of(one.subject, one.phase, "width") if each.peak.bytes > 0]
        if found:
            exponent = one.memory.get("traced", {}).get("width")
            slope = None if exponent is None else Slope.exact(exponent)
            x = variable("width", [each.sizes for each in found])
            curves.append(
                Curve(_label(title(one), slope), x, [each.peak.bytes / 1e6 for each in found], place=place)
            )
    return curves


def yardsticks(study: Study) -> list[Curve]:
    """Return nanoseconds a byte of the machine's yardsticks against the width."""
    names = {STREAM: "front to end", ROWS: "rows of the batch at random", ELEMENTS: "numbers at random"}
    curves = []
    for place, (access, name) in enumerate(names.items()):
        found = study.of(yardstick.NAME, access, "width")
        moved = np.array([yardstick.touched(one.sizes)[access] for one in found])
        low, middle, high = 1e9 * _seconds(study, found) / moved
        x = variable("width", [one.sizes for one in found])
        curves.append(Curve(name, x, list(middle), list(low), list(high), place=place))
    return curves


def axes(study: Study, sweep: str, y: str) -> Axes:
    """Return the axes of a plot; against the width, with the widths at which the layer outgrows each cache."""
    borders: list[tuple[float, str]] = []
    points = study.sweeps[sweep]
    if sweep == "width" and points:
        last = points[-1]
        per_width = layer_bytes(last) / last.n
        borders = [(room / per_width, f"> {level}") for level, room in sorted(caches().items())]
    return Axes(AXIS[sweep], y, borders)
