"""Run a parallel kernel on as many threads as its work is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config, get_num_threads, set_num_threads

#: Below this many elementary operations one thread is as fast as two, and does not wait for a core that is busy.
SERIAL = 1 << 22


def launch(kernel: Callable[..., Any], work: int, *args: Any) -> None:
    """Call `kernel(*args)`, on one thread if `work` (elementary operations) is small.

    Results do not depend on the number of threads; the time does: a team of threads is as late as its latest.
    """
    as_it_is = work >= SERIAL or config.NUMBA_NUM_THREADS == 1  # type: ignore[attr-defined]
    threads = 1 if as_it_is else get_num_threads()
    if threads == 1:
        kernel(*args)
        return
    set_num_threads(1)
    try:
        kernel(*args)
    finally:
        set_num_threads(threads)
