"""A check: what it demands, of which operations, on which inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .subject import Declaration, Subject

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LEVELS = ("kernels", "sampling", "selection", "update", "training", "complexity")


def _nothing(states: Declaration) -> Iterable[Any]:
    return ()


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    name : unique, lower case with underscores; a golden vector, a fault and a pytest id name it.
    level : one of `LEVELS`.
    summary : one line, what is demanded.
    section : of docs/algorithm.md.
    needs : operations of the adapter; without one of them the check is not covered.
    body : (subject, case); raises `Disagreement`. It calls `subject.call` and judges, and keeps no state.
    cases : from what an adapter states to a Hypothesis strategy of cases, or None if there are only `corners`.
    corners : from what an adapter states to cases that are always run first.
    examples : how many cases are drawn, at effort 1.
    seeded : whether its corners are judged by numbers drawn with `subject.seed`: statistics, clocks.
    applies : why the check does not apply to an adapter that states this, or None.
    """

    name: str
    level: str
    summary: str
    section: str
    needs: tuple[str, ...]
    body: Callable[[Subject, Any], None]
    cases: Callable[[Declaration], SearchStrategy[Any]] | None = None
    corners: Callable[[Declaration], Iterable[Any]] = _nothing
    examples: int = 50
    seeded: bool = False
    applies: Callable[[Declaration], str | None] = lambda states: None

    @property
    def varies(self) -> bool:
        """Whether another seed makes it another test."""
        return self.seeded or self.cases is not None
