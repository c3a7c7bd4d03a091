"""The only clock of the package's measurements, and the quiet it needs: one core, one thread."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..backends import keep_freed_memory, thread_limit

#: A sample during which the process waited for the core longer than this share of its time is taken again.
FOREIGN = 0.03
#: Seconds of waiting that say nothing: the grain of the two clocks.
GRAIN = 2e-5
RETRIES = 6


class Reading(NamedTuple):
    """Seconds of the wall, and seconds that this process had a core."""

    wall: float
    busy: float


class Clock(Protocol):
    """Where readings come from; tests bring their own."""

    def now(self) -> Reading:
        """Return the time."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Reading:
        """Return the time."""
        return Reading(time.perf_counter(), time.process_time())


def timed(call: Callable[[], Any], repeats: int, clock: Clock) -> Reading:
    """Return what `repeats` calls took together."""
    start = clock.now()
    for _ in range(repeats):
        call()
    end = clock.now()
    return Reading(end.wall - start.wall, end.busy - start.busy)


class Sample(NamedTuple):
    """Seconds a call, and whether the scheduler gave the core to others meanwhile."""

    seconds: float
    waited: bool


def sample(call: Callable[[], Any], repeats: int, clock: Clock, warm: bool) -> Sample:
    """Return seconds a call over `repeats` calls, after one that warms the caches up where `warm`.

    A sample in which the process waited for its core is taken again, `RETRIES` times in all; then it is the least.
    """
    least = float("inf")
    for _ in range(RETRIES):
        if warm:
            call()
        took = timed(call, repeats, clock)
        least = min(least, took.wall / repeats)
        if took.wall - took.busy <= max(FOREIGN * took.wall, GRAIN):
            return Sample(took.wall / repeats, False)
    return Sample(least, True)


def _idle_ticks() -> dict[int, int]:
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return {int(row[0][3:]): int(row[4]) for row in rows if row and row[0][:3] == "cpu" and row[0] != "cpu"}


def idlest_core() -> int:
    """Return the allowed core that idled most over a fifth of a second; the first if the system does not tell."""
    allowed = sorted(os.sched_getaffinity(0))
    try:
        before = _idle_ticks()
        time.sleep(0.2)
        after = _idle_ticks()
        return max(allowed, key=lambda core: after[core] - before[core])
    except (OSError, KeyError, ValueError):
        return allowed[0]


@contextmanager
def quiet() -> Iterator[None]:
    """Pin the process to one core and all libraries to one thread, for a block; freed memory is kept.

    Where the system cannot pin a process, only the threads are limited.
    """
    pinned = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    if pinned is not None:
        os.sched_setaffinity(0, {idlest_core()})
    keep_freed_memory()
    try:
        with thread_limit(1):
            yield
    finally:
        if pinned is not None:
            os.sched_setaffinity(0, pinned)
