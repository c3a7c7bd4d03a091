"""How everything is measured: one pinned core, reusable memory, interleaved rounds, medians with their spread."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: Libraries that choose their threads when they are loaded.
_THREADS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
#: Freed memory stays with the process, so that nobody pays for page faults in every step.
_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1000000000000"}
#: Would make OpenBLAS choose other kernels or tiles than it does by itself.
_REMOVED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_WAIT_POLICY", "GSE_REF_BACKEND")

#: A sample during which the process waited for the core longer than this share of its time is taken again.
FOREIGN = 0.03
RETRIES = 4

Times = dict[str, Any]


def settle(threads: int, keep_memory: bool = True) -> None:
    """Restart the process with the environment of a measurement, unless it has it, and pin it to `threads` cores.

    Libraries read these variables when they are loaded, the allocator when the process starts: hence the restart.
    Without `keep_memory` the allocator is left as users find it, and page faults count.
    """
    wanted = {name: str(threads) for name in _THREADS} | (_MEMORY if keep_memory else {})
    kept = {name: value for name, value in os.environ.items() if name not in (*_REMOVED, *_MEMORY)}
    environment = kept | wanted
    if environment != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, _idlest(threads))
    else:
        print("this system cannot pin a process to a core: expect a wide spread", file=sys.stderr)


def _idle_ticks() -> dict[int, int]:
    with open("/proc/stat") as file:
        rows = [line.split() for line in file if line.startswith("cpu") and not line.startswith("cpu ")]
    return {int(row[0][3:]): int(row[4]) for row in rows}


def _idlest(count: int) -> list[int]:
    """Return the `count` allowed cores that idled most over a fifth of a second."""
    allowed = os.sched_getaffinity(0)
    try:
        before = _idle_ticks()
        time.sleep(0.2)
        after = _idle_ticks()
        idle = {core: after[core] - before[core] for core in allowed}
    except (OSError, KeyError, ValueError):
        idle = dict.fromkeys(allowed, 0)
    return sorted(allowed, key=lambda core: (-idle[core], core))[:count]


def _sample(function: Callable[[], Any], repeats: int, single: bool) -> float:
    """Return seconds a call over `repeats` calls, after one that warms the caches up."""
    seconds = float("inf")
    for _ in range(RETRIES):
        function()
        start, busy = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            function()
        wall = time.perf_counter() - start
        waited = wall - (time.process_time() - busy)
        seconds = min(seconds, wall / repeats)
        if not single or waited <= max(FOREIGN * wall, 2e-5):
            return wall / repeats
    return seconds


def interleaved(
    contestants: Mapping[str, Callable[[], Any]], rounds: int, threads: int = 1, at_least: float = 5e-3
) -> Times:
    """Time all contestants once in every round, in turning order.

    Parameters
    ----------
    contestants : name → one step of the work.
    rounds : samples of each.
    threads : with one, a sample in which the scheduler took the core away is taken again.
    at_least : seconds a sample lasts; short steps are repeated.

    Returns
    -------
    times : name → (rounds,) float64 seconds a step; entry r of all contestants is of the same round.
    """
    import numpy as np

    repeats = {}
    for name, function in contestants.items():
        function()
        start = time.perf_counter()
        function()
        repeats[name] = max(1, min(1000, int(at_least / max(time.perf_counter() - start, 1e-7))))
    times: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(_sample(contestants[name], repeats[name], threads == 1))
    return {name: np.array(samples) for name, samples in times.items()}


def fastest(times: Times, names: Iterable[str], ours: str) -> str | None:
    """Return which of the timed `names` takes least, round by round beside `ours`; None if none was timed."""
    import numpy as np

    timed = [name for name in names if name in times]
    return min(timed, key=lambda name: float(np.median(times[name] / times[ours])), default=None)


def _spread(values: Any) -> list[float]:
    import numpy as np

    return [float(f"{q:.4g}") for q in np.percentile(values, [25, 75])]


def _median(values: Any) -> float:
    import numpy as np

    return float(f"{np.median(values):.4g}")


def row(
    work: str, ours: Any, peer: str | None = None, theirs: Any = None, floor: float | None = None, **facts: Any
) -> dict[str, Any]:
    """Return one line of a result.

    Parameters
    ----------
    ours, theirs : (rounds,) seconds a step, of the same rounds.
    floor : the least ratio that PERFORMANCE asks for, or None.
    facts : whatever else identifies the work, such as n, nnz, density, batch.

    Returns
    -------
    row : medians in milliseconds with their quartiles; the ratio, theirs to ours, is the median of the ratios
        of the rounds, so that a drift of the machine cancels.
    """
    line: dict[str, Any] = {"work": work, "ours_ms": _median(ours * 1e3), "ours_quartiles_ms": _spread(ours * 1e3)}
    line["peer"] = peer
    if theirs is not None:
        ratios = theirs / ours
        line |= {"peer_ms": _median(theirs * 1e3), "peer_quartiles_ms": _spread(theirs * 1e3)}
        line |= {"ratio": _median(ratios), "ratio_quartiles": _spread(ratios)}
        if floor is not None:
            line |= {"floor": floor, "meets_floor": bool(line["ratio"] >= floor)}
    return line | facts
