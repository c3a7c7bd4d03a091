"""How many threads the kernels use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InputError


def most_threads() -> int:
    """Return how many threads Numba can use: the cores, or what ``NUMBA_NUM_THREADS`` says."""
    from numba import config

    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@contextmanager
def thread_limit(threads: int | None) -> Iterator[int]:
    """Run the kernels on `threads` threads (None: all that Numba was given) and BLAS on one, for a block.

    BLAS splits sums differently for different numbers of threads; on one, results do not depend on the number.

    Yields
    ------
    threads : the number in force.

    Raises
    ------
    InputError : fewer than 1 or more than the machine offers.
    """
    import numba
    from threadpoolctl import threadpool_limits

    most = most_threads()
    wanted = most if threads is None else threads
    if not 1 <= wanted <= most:
        raise InputError(f"threads must lie in 1 to {most} (cores, or NUMBA_NUM_THREADS), got {threads}")
    before = numba.get_num_threads()
    numba.set_num_threads(wanted)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield wanted
    finally:
        numba.set_num_threads(before)
