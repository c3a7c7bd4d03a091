"""The table of studies: each is a question, what is compared, a figure and the words for what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import unknown
from . import arms, flops, layer_density
from .figure import Curves
from .grid import shown
from .study import Found, Study
from .summary import Reference, Row, against
from .wording import between, sorted_out, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _with(name: str, value: Any) -> Reference:
    """Return the reference that has `value` for the setting `name`, and all other settings alike."""
    return lambda setting: None if setting[name] == value else {**setting, name: value}


def _rigl(setting: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return None if setting["method"] == "rigl" else {"method": "rigl"}


def _curves(curves: Curves) -> Any:
    def draw(found: Found) -> Figure:
        return curves.draw(found.rows, found.reference)

    return draw


def _methods(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.setting["method"] for row in rows))


def _say_subset_factor(found: Found) -> list[str]:
    rows = found.rows
    factors = sorted({row.setting["subset_factor"] for row in rows if "subset_factor" in row.setting})
    least, most = factors[0], factors[-1]
    sentences = []
    for method in (m for m in _methods(rows) if m != "rigl"):

        def at(factor: float, method: str = method) -> dict[str, Any]:
            return {"subset_factor": factor, "method": method}

        mine = [row for row in rows if row.setting["method"] == method]
        verdict = sorted_out(mine, "γ", lambda row: f"{row.setting['subset_factor']:g}")
        sentences.append(
            f"`{method}` minus `rigl`: {verdict}. `{method}` from γ {least:g} to 1: "
            f"{between(rows, at(1.0), at(least))}; from γ 1 to {most:g}: {between(rows, at(most), at(1.0))}."
        )
        if method != "gse" and "gse" in _methods(rows):
            uniform = {"subset_factor": 1.0, "method": "gse"}
            sentences.append(f"`{method}` minus `gse` at γ 1: {between(rows, at(1.0), uniform)}.")
    return sentences


def _fraction_and_period(row: Row) -> str:
    return f"({row.setting['prune_fraction']:g}, {row.setting['every']})"


def _say_schedule(found: Found) -> list[str]:
    sentences = []
    for method in _methods(found.rows):
        mine = [row for row in found.rows if row.setting["method"] == method]
        for schedule in arms.SCHEDULES[1:]:
            those = [row for row in mine if row.setting["schedule"] == schedule]
            verdict = sorted_out(those, "(α, T)", _fraction_and_period)
            sentences.append(f"`{method}`, {schedule} minus cosine at the same α and T: {verdict}.")
        sentences.append(span(mine))
    return sentences


def _say_along(name: str) -> Any:
    """Return the words of a study that moves one setting for each method."""

    def say(found: Found) -> list[str]:
        sentences = []
        for method in _methods(found.rows):
            mine = [row for row in found.rows if row.setting["method"] == method]
            start = next(row.setting for row in mine if row.difference is None)
            gaps = [
                f"{shown(row.setting[name])}: {between(found.rows, row.setting, start)}"
                for row in mine
                if row.difference is not None
            ]
            sentences.append(f"`{method}`, minus its own at {name} {shown(start[name])}: {'; '.join(gaps)}.")
        return sentences

    return say


_GSE = ("gse", "gse-grabo", "gse-graest")
_MOVING = ("gse", "rigl", "set")
#: Sparse enough that the choice of connections matters, and learning rates that let the runs settle.
_BASE = {"density": 0.005, "milestones": (15.0, 24.0)}

STUDIES: dict[str, Study] = {
    "subset-factor": Study(
        "How many candidates must GSE look at to grow as well as RigL, which looks at all?",
        arms.subset_factors,
        _GSE,
        _rigl,
        "rigl",
        _curves(Curves("subset_factor", "subset factor γ (draws for each connection)", difference=True, log=True)),
        _say_subset_factor,
        base=_BASE,
    ),
    "schedule": Study(
        "How much, how often and with which schedule should connections be replaced?",
        arms.schedules,
        ("gse",),
        _with("schedule", "cosine"),
        "cosine",
        _curves(
            Curves(
                "prune_fraction",
                "share α replaced at the first update",
                "schedule",
                "every",
                "update every T = {} steps",
            )
        ),
        _say_schedule,
        base=_BASE,
    ),
    "width": Study(
        "Does a wider network with the same number of connections do better?",
        arms.widths,
        _MOVING,
        _with("width", 1.0),
        "width 1",
        _curves(Curves("width", "width, as a multiple of the base's, at fixed connections")),
        _say_along("width"),
        base=_BASE,
    ),
    "extended": Study(
        "What does longer training bring?",
        arms.lengths,
        _MOVING,
        _with("length", 1.0),
        "length 1",
        _curves(Curves("length", "length of training, as a multiple of the base's")),
        _say_along("length"),
        base=_BASE,
    ),
    "initial-connectivity": Study(
        "Does the first topology matter, with and without exploration?",
        arms.over(pattern=arms.PATTERNS),
        ("gse", "set", "static"),
        _with("pattern", "erdos_renyi"),
        "erdos_renyi",
        _curves(Curves("pattern", "pattern of the first topology")),
        _say_along("pattern"),
        base=_BASE,
    ),
    "prune-criterion": Study(
        "By what should connections be pruned?",
        arms.over(prune_criterion=arms.CRITERIA),
        _MOVING,
        _with("prune_criterion", "magnitude"),
        "magnitude",
        _curves(Curves("prune_criterion", "what is pruned: the smallest …")),
        _say_along("prune_criterion"),
        base=_BASE,
    ),
    "layer-density": Study(
        "In which layers does each method put its connections?",
        arms.over(),
        (*_GSE, "rigl", "set"),
        against("gse"),
        "gse",
        layer_density.draw,
        layer_density.say,
        lambda found: {"layers": layer_density.layers(found)},
        base=_BASE,
    ),
    "flops": Study(
        "How many operations does GSE save beside RigL, and how does that grow with sparsity?",
        arms.none,
        ("dense", "rigl", "gse", "set"),
        against("rigl"),
        "rigl",
        flops.draw,
        flops.say,
        flops.results,
        base={"data": "image-folder:224", "model": "resnet50", "every": 100},
    ),
}


def study(name: str) -> Study:
    """Return the study `name`.

    Raises
    ------
    InputError : the name is not in `STUDIES`; the message names the nearest.
    """
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    return STUDIES[name]
