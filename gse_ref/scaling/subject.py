"""What is measured: a subject is a program made of phases, built at any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .sizes import Sizes

LINEAR, QUADRATIC = "linear", "quadratic"

#: How a phase walks through memory, which says what the caches of a machine can add to its time: from front to end,
#: whole rows of the batch at random, or single numbers at random.
STREAM, ROWS, ELEMENTS = "stream", "rows", "elements"

#: Counts of one phase by name, as `backends.Tally` has them.
Counts = Mapping[str, int]


@dataclass(frozen=True)
class Phase:
    """What is expected of one phase.

    Attributes
    ----------
    growth : `LINEAR`, in time and memory O(n + nnz), or `QUADRATIC`, O(n²).
    access : `STREAM`, `ROWS` or `ELEMENTS`.
    """

    growth: str = LINEAR
    access: str = STREAM


class Work(NamedTuple):
    """A subject at one size.

    phases : name → one call of the phase, on ready arguments; it can be repeated.
    counts : makes every phase's exact counts, or None where there are none.
    """

    phases: dict[str, Callable[[], Any]]
    counts: Callable[[], Mapping[str, Counts]] | None = None


@dataclass(frozen=True)
class Subject:
    """One program to measure.

    Attributes
    ----------
    name : for people and for the results.
    phases : name → what is expected; `build` gives a call for each of them.
    build : makes the arguments and calls at one size.
    """

    name: str
    phases: Mapping[str, Phase]
    build: Callable[[Sizes], Work]

    @property
    def exponent(self) -> float:
        """The power of the width with which the cost is expected to grow."""
        return 2.0 if any(phase.growth == QUADRATIC for phase in self.phases.values()) else 1.0
