"""What the command line tells a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """Choices that hold for every benchmark.

    Attributes
    ----------
    rounds : samples of every contestant.
    threads : cores the process is pinned to.
    quick : small sizes, to see that everything runs; the figures mean nothing.
    density : share of active connections, or None for the benchmark's own.
    figure : where to draw what was measured, or None.
    """

    rounds: int = 7
    threads: int = 1
    quick: bool = False
    density: float | None = None
    figure: Path | None = None


#: Name of a piece of work → what measures it and yields its lines, made by `measure.row`.
Cases = dict[str, Callable[[], Iterable[dict[str, Any]]]]
