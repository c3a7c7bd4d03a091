"""What the studies compare: arms made from the base settings and the methods."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ..counts import rounded
from ..training import TrainConfig
from ..training.build import build
from .grid import Arm, product

Arms = Callable[[TrainConfig, Sequence[str]], list[Arm]]

SUBSET_FACTORS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
SCHEDULES = ("cosine", "constant", "linear", "inverse_power")
FRACTIONS = (0.1, 0.2, 0.4)
WIDTHS = (1.0, 1.5, 2.0, 3.0, 4.0)
LENGTHS = (1.0, 1.5, 2.0)
PATTERNS = ("erdos_renyi", "small_world", "scale_free", "banded", "block")
CRITERIA = ("magnitude", "signed", "saliency", "momentum")


def over(**axes: Sequence[Any]) -> Arms:
    """Return the arms of every method with every combination of values."""
    return lambda base, methods: product({**axes, "method": methods})


def none(base: TrainConfig, methods: Sequence[str]) -> list[Arm]:
    """Return no arms: for a study that counts instead of training."""
    return []


def subset_factors(base: TrainConfig, methods: Sequence[str]) -> list[Arm]:
    """Return every method at every subset factor, and RigL, which looks at all inactive connections."""
    guided = [method for method in methods if method != "rigl"]
    rigl = {"method": "rigl"}
    return [*product({"subset_factor": SUBSET_FACTORS, "method": guided}), Arm(rigl, rigl)]


def schedules(base: TrainConfig, methods: Sequence[str]) -> list[Arm]:
    """Return every schedule, fraction α and period T: half of the base's, the base's, twice the base's."""
    periods = sorted({max(1, base.every // 2), base.every, 2 * base.every})
    return product({"every": periods, "schedule": SCHEDULES, "prune_fraction": FRACTIONS, "method": methods})


def _possible(config: TrainConfig) -> int:
    """Return the number of possible connections of the model."""
    return sum(parameter.topology.size for parameter in build(config).model.sparse_parameters().values())


def widths(base: TrainConfig, methods: Sequence[str]) -> list[Arm]:
    """Return wider and wider networks with the number of connections of the narrowest."""
    nnz = rounded(base.density, _possible(base))
    arms = []
    for width in WIDTHS:
        if base.model == "mlp":
            changes: dict[str, Any] = {"hidden": tuple(round(width * units) for units in base.hidden)}
        else:
            changes = {"width": width * base.width}
        changes["density"] = nnz / _possible(dataclasses.replace(base, **changes))
        arms += [Arm({"width": width, "method": m}, {**changes, "method": m}) for m in methods]
    return arms


def lengths(base: TrainConfig, methods: Sequence[str]) -> list[Arm]:
    """Return longer and longer training: milestones and the last update move along, the period of updates stays."""
    arms = []
    for length in LENGTHS:
        epochs = rounded(length, base.epochs)
        ratio = epochs / base.epochs
        changes = {
            "epochs": epochs,
            "milestones": tuple(ratio * milestone for milestone in base.milestones),
            "until": None if base.until is None else ratio * base.until,
        }
        arms += [Arm({"length": length, "method": m}, {**changes, "method": m}) for m in methods]
    return arms
