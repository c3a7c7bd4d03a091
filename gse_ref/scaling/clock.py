"""The only clock of the package's measurements, and the quiet it needs: one core, one thread."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..backends import keep_freed_memory, thread_limit

#: A sample of which the process stood in line for its core for a larger share than this is taken again.
FOREIGN = 0.03
RETRIES = 6

#: Of the calling thread: nanoseconds on a core, nanoseconds ready but in line for one, number of turns.
_SCHEDULE = Path("/proc/thread-self/schedstat")


class Reading(NamedTuple):
    """Seconds of the wall, and seconds that this thread was ready to run while others had the core.

    A thread that sleeps, or waits for a disk or a device, is not in line: such waiting is the program's own.
    """

    wall: float
    in_line: float


class Clock(Protocol):
    """Where readings come from; tests bring their own."""

    def now(self) -> Reading:
        """Return the time."""
        ...


class SystemClock:
    """The machine's clocks; nobody is ever in line where the system does not tell."""

    def now(self) -> Reading:
        """Return the time."""
        try:
            in_line = 1e-9 * int(_SCHEDULE.read_text().split()[1])
        except (OSError, ValueError, IndexError):
            in_line = 0.0
        return Reading(time.perf_counter(), in_line)


def timed(call: Callable[[], Any], repeats: int, clock: Clock) -> Reading:
    """Return what `repeats` calls took together."""
    start = clock.now()
    for _ in range(repeats):
        call()
    end = clock.now()
    return Reading(end.wall - start.wall, end.in_line - start.in_line)


class Sample(NamedTuple):
    """Seconds a call, those in line for the core taken off, and whether they were many."""

    seconds: float
    waited: bool


def sample(call: Callable[[], Any], repeats: int, clock: Clock, warm: bool) -> Sample:
    """Return seconds a call over `repeats` calls, after one that warms the caches up where `warm`.

    A sample of which much was spent in line is taken again, `RETRIES` times in all: others have used the caches
    meanwhile. Then it is the least.
    """
    least = float("inf")
    for _ in range(RETRIES):
        if warm:
            call()
        took = timed(call, repeats, clock)
        seconds = (took.wall - took.in_line) / repeats
        least = min(least, seconds)
        if took.in_line <= FOREIGN * took.wall:
            return Sample(seconds, False)
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
