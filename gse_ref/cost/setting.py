"""What the cost of a method depends on beside the layers."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

from ..errors import InputError, unknown

#: How the density falls → mean share yet to be pruned meanwhile, of (1 − τ)³ and (1 + cos πτ) / 2 over [0, 1].
FALLS = {"cubic": 1 / 4, "cosine": 1 / 2}


@dataclass(frozen=True)
class Setting:
    """What the cost of a method depends on beside the layers.

    Attributes
    ----------
    every : T, ordinary steps between two updates of the topology.
    subset_factor : γ, candidates for each active connection.
    prune_fraction : α, share of the connections replaced at an update.
    visited : share of the dense gradient that rigl-sketch computes; None where it is not known.
    ramp : share of training during which gradual pruning lowers the density, from the first step.
    fall : how it does, a key of `FALLS`.

    Raises
    ------
    InputError : a value that makes no sense.
    """

    every: int = 100
    subset_factor: float = 1.0
    prune_fraction: float = 0.2
    visited: float | None = None
    ramp: float = 0.6
    fall: str = "cubic"

    def __post_init__(self) -> None:
        def wanted(name: str, good: bool, what: str) -> None:
            if not good:
                raise InputError(f"{name} must be {what}, got {getattr(self, name)}")

        try:
            operator.index(self.every)
        except TypeError:
            raise InputError(f"every must be a whole number, got {self.every!r}") from None
        wanted("every", self.every >= 1, "at least 1")
        wanted("subset_factor", math.isfinite(self.subset_factor) and self.subset_factor > 0, "positive and finite")
        wanted("prune_fraction", 0 <= self.prune_fraction <= 1, "in [0, 1]")
        wanted("visited", self.visited is None or 0 <= self.visited <= 1, "in [0, 1]")
        wanted("ramp", 0 <= self.ramp <= 1, "in [0, 1]")
        if self.fall not in FALLS:
            raise unknown("fall of the density", self.fall, FALLS)
