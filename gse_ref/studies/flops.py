"""What GSE saves beside RigL, counted from shapes over all densities: the paper's figure of FLOPs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..cost import Layer, Setting, Work, method_flops
from ..models import MODELS, ModelSpec, SavingAt, build_model, cost_layers, saving_curve, with_density
from .figure import new_figure, style
from .study import Found

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DENSITIES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5)


class _Published(NamedTuple):
    """Figures of [GSE] for ResNet-50 at 224 pixels: share saved at 99 %, ratio at brain-like densities."""

    density: float
    share: float
    brain: tuple[float, float]
    ratio: float


PUBLISHED = _Published(0.01, 0.118, (1e-4, 1e-5), 131.0)


def _setting(found: Found) -> Setting:
    base = found.base
    factor = found.particulars.get("subset_factor", base.subset_factor)
    return Setting(base.every, factor, base.prune_fraction)


def _side(found: Found) -> int:
    usual = MODELS[found.base.model].usual
    return usual.side if found.base.image_size is None else found.base.image_size


@lru_cache(maxsize=4)
def _built(model: str, side: int, hidden: tuple[int, ...], width: float) -> list[Layer]:
    usual = MODELS[model].usual
    n_in = usual.channels * side**2
    spec = ModelSpec(n_in, usual.classes, hidden, np.dtype(np.float32), (usual.channels, side, side), width)
    return cost_layers(build_model(model, spec), (n_in,))


def _layers(found: Found) -> list[Layer]:
    """Return the layers of the base's model on the images it is usually built for."""
    return _built(found.base.model, _side(found), found.base.hidden, found.base.width)


def curve(found: Found) -> list[SavingAt]:
    """Return GSE's saving against RigL at each of `DENSITIES`."""
    return saving_curve(_layers(found), DENSITIES, found.base.budget, _setting(found))


def results(found: Found) -> dict[str, list[dict[str, Any]]]:
    """Return a row for each density: FLOPs for a step and a sample of each method, and what GSE saves."""
    layers, setting = _layers(found), _setting(found)
    rows = []
    for at in curve(found):
        work = Work(with_density(layers, at.density, found.base.budget, real=True))
        flops = {f"flops_{name}": method_flops(name, work, setting).most for name in found.methods}
        saved = {"gse_saves_of_rigl": at.saving.share, "rigl_over_gse": at.saving.ratio}
        rows.append({"density": at.density, "sparse_over_dense": at.sparse, **flops, **saved})
    return {"results": rows}


def _is_published(found: Found) -> bool:
    """Whether the base is what the paper counted."""
    base, setting = found.base, _setting(found)
    usual = (base.model, base.width, base.budget) == ("resnet50", 1.0, "erdos_renyi")
    return usual and _side(found) == 224 and (setting.every, setting.subset_factor) == (100, 1.0)


def draw(found: Found) -> Figure:
    """Return FLOPs of each method over density, and how many times as many RigL takes as GSE."""
    rows = results(found)["results"]
    x = [row["density"] for row in rows]
    figure, (left, right) = new_figure(2, share_y=False)
    for number, name in enumerate(found.methods):
        hollow = {"markersize": 8, "fillstyle": "none"}  # so that a line on another does not hide it
        looks = style(number) | (hollow if number % 2 else {"markersize": 4})
        left.plot(x, [row[f"flops_{name}"] for row in rows], label=name, **looks)
    left.set_ylabel("FLOPs for a step and a sample")
    left.legend(title="method", frameon=False, fontsize=8)
    right.plot(x, [row["rigl_over_gse"] for row in rows], label="counted here", markersize=4, **style(0))
    if _is_published(found):
        brain = [PUBLISHED.ratio] * 2
        looks = style(4) | {"linestyle": "none", "markersize": 8, "fillstyle": "none"}
        right.plot([PUBLISHED.density], [1 / (1 - PUBLISHED.share)], label="published, 11.8 % less", **looks)
        right.plot(PUBLISHED.brain, brain, color="#D55E00", linewidth=3, label="published, 131× at brain-like")
    right.set_ylabel("FLOPs of rigl over those of gse")
    right.legend(frameon=False, fontsize=8, loc="upper left")
    for plot in (left, right):
        plot.set_xscale("log")
        plot.set_yscale("log")
        plot.invert_xaxis()
        plot.set_xlabel("density (sparser to the right)")
    figure.suptitle(
        f"{found.base.model}, {_side(found)} pixels, update every {found.base.every} steps", fontsize=10
    )
    return figure


def _needed(setting: Setting, share: float) -> float:
    """Return f_S / f_D at which GSE would save `share` of RigL's FLOPs, by the formulas of both (ALGORITHM 8)."""
    steps, left = 3 * setting.every + 2, 1 - share
    return left / (steps + 1 + setting.subset_factor - left * steps)


def say(found: Found) -> list[str]:
    """Return the savings at 99 % and at brain-like sparsity, beside the published ones where they compare."""
    setting, base = _setting(found), found.base
    at = {one.density: one for one in curve(found)}
    some, first, last = (at[d] for d in (PUBLISHED.density, *PUBLISHED.brain))
    layers = _layers(found)
    work = Work(with_density(layers, some.density, base.budget, real=True))
    free = 1 - method_flops("static", work, setting).most / some.saving.rigl
    sentences = [
        f"{base.model} on {_side(found)} pixels, {base.budget} budgets, an update every {setting.every} steps, "
        f"γ = {setting.subset_factor:g}; products alone are counted, as in RigL's paper, nothing is trained.",
        f"At density {some.density:g} GSE takes {100 * some.saving.share:.2f} % less than RigL (f_S / f_D = "
        f"{some.sparse:.4f}); were its candidates for nothing, it would be {100 * free:.2f} %.",
        f"RigL takes {first.saving.ratio:.1f} times as much at density {first.density:g} and "
        f"{last.saving.ratio:.1f} times at {last.density:g}.",
    ]
    if _is_published(found):
        needed = _needed(setting, PUBLISHED.share)
        sentences.append(
            f"Published are {100 * PUBLISHED.share:.1f} % and {PUBLISHED.ratio:.0f} times at densities of about "
            f"{PUBLISHED.brain[0]:g} to {PUBLISHED.brain[1]:g}: ours differ by "
            f"{100 * (some.saving.share - PUBLISHED.share):+.2f} points and, at {last.density:g}, by "
            f"{100 * (last.saving.ratio / PUBLISHED.ratio - 1):+.1f} %. By the same formulas "
            f"{100 * PUBLISHED.share:.1f} % would take f_S / f_D = {needed:.4f}, "
            f"{100 * abs(needed / some.sparse - 1):.1f} % "
            f"{'less' if needed < some.sparse else 'more'} than these budgets and layers give."
        )
    return sentences
