"""The allocation guard refuses each kind of array beyond its limit, tells the stack, and leaves no trace."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import scipy.sparse as sp
from numba import njit, prange

import gse_ref as gse
from gse_ref.backends import allocation, empty
from gse_ref.errors import AllocationLimitError, GseError, InputError

LIMIT = 1 << 20
BYTES = 1 << 21


@njit
def made_in_a_kernel(size):
    return np.zeros(size, np.uint8)


@njit(parallel=True)
def made_by_each_thread(size, count):
    sizes = np.zeros(count, np.int64)
    for k in prange(count):
        sizes[k] = np.ones(size, np.uint8).size
    return sizes


HALVES = [np.zeros(BYTES // 2, np.uint8)] * 2
FLOATS = np.zeros(BYTES // 16, np.float32)
PLACES = np.zeros(BYTES // 4, np.int32)
MATRIX = sp.csr_array(([1.0], ([0], [0])), shape=(512, BYTES // 512 // 8))

#: What makes an array of `BYTES` bytes, or more.
MAKERS: dict[str, Callable[[], object]] = {
    "empty": lambda: np.empty(BYTES, np.uint8),
    "zeros": lambda: np.zeros(BYTES // 8),
    "ones, two dimensions": lambda: np.ones((512, BYTES // 512 // 8)),
    "concatenate": lambda: np.concatenate(HALVES),
    "sum of two arrays": lambda: FLOATS[:, None] + FLOATS[:4],
    "another dtype": lambda: np.concatenate(HALVES[:1]).astype(np.float64),
    "indexing": lambda: FLOATS[PLACES],
    "growing": lambda: np.fromiter(iter(range(BYTES // 8)), np.int64),
    "resizing": lambda: np.zeros(10).resize(BYTES // 8),
    "aligned": lambda: empty((BYTES // 8,), np.float64),
    "sparse to dense": lambda: MATRIX.toarray(),
    "sparse times dense": lambda: MATRIX @ np.ones((MATRIX.shape[1], 600)),
    "kernel": lambda: made_in_a_kernel(BYTES),
    "bytes": lambda: bytes(BYTES),
    "list": lambda: [0] * (BYTES // 8),
}


def setup_module() -> None:
    made_in_a_kernel(1)
    made_by_each_thread(1, 1)


@pytest.mark.parametrize("maker", MAKERS)
def test_each_kind_of_array_beyond_the_limit_is_refused(maker: str) -> None:
    with pytest.raises(AllocationLimitError) as caught, gse.allocation_guard(LIMIT):
        MAKERS[maker]()
    assert caught.value.size >= BYTES
    assert f"{LIMIT:,}" in str(caught.value)
    assert "test_allocation.py" in str(caught.value)
    assert isinstance(caught.value, MemoryError)


@pytest.mark.parametrize("maker", MAKERS)
def test_below_the_limit_nothing_fails(maker: str) -> None:
    with gse.allocation_guard(32 * BYTES) as guard:
        MAKERS[maker]()
    assert BYTES <= guard.largest < 32 * BYTES


@pytest.mark.parametrize("count", [40_000, 100_000, 700_000])
def test_the_table_of_all_names_may_grow(count: int) -> None:
    """The process's table of interned names is a dictionary of strings and grows when it must, for whoever runs."""
    names = [str(k) for k in range(count)]
    with gse.allocation_guard(500_000) as guard:
        table = dict.fromkeys(names)
    assert sys.getsizeof(table) > 900_000
    assert guard.largest < 500_000, "nor does it count"
    with pytest.raises(AllocationLimitError), gse.allocation_guard(500_000):
        dict.fromkeys(range(count))


def deep(size: int) -> np.ndarray:
    return np.empty(size, np.uint8)


def swallowed(size: int) -> None:
    with suppress(MemoryError):
        deep(size)


def made_another_error(size: int) -> None:
    try:
        deep(size)
    except MemoryError as error:
        raise ValueError("the file is too large") from error


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_the_limit_itself_is_allowed(dtype: type) -> None:
    size = LIMIT // np.dtype(dtype).itemsize
    with gse.allocation_guard(LIMIT) as guard:
        np.empty(size, dtype)
    assert guard.largest == LIMIT
    with pytest.raises(AllocationLimitError), guard:
        np.empty(size + 1, dtype)
    assert guard.largest == LIMIT + np.dtype(dtype).itemsize


def test_the_error_tells_the_stack_of_the_allocation() -> None:
    with pytest.raises(AllocationLimitError) as caught, gse.allocation_guard(LIMIT):
        deep(BYTES)
    assert "in deep\n    return np.empty(size, np.uint8)" in str(caught.value)
    assert caught.value.exit_code == 1


def test_the_stack_is_told_of_an_error_that_came_of_it() -> None:
    with pytest.raises(AllocationLimitError, match="in deep") as caught, gse.allocation_guard(LIMIT):
        made_another_error(BYTES)
    assert isinstance(caught.value.__cause__, ValueError)


def test_who_goes_on_without_the_array_is_told_at_the_end() -> None:
    with pytest.raises(AllocationLimitError, match="went on without it"), gse.allocation_guard(LIMIT):
        swallowed(BYTES)


@pytest.mark.parametrize("make", [deep, made_in_a_kernel])
def test_other_threads_are_guarded_too(make: Callable) -> None:
    started, go = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go.wait()
        make(BYTES)

    def result() -> None:
        go.set()
        older.result()

    with ThreadPoolExecutor(1) as pool:
        older = pool.submit(work)  # in a thread that was there before the guard
        started.wait()
        with pytest.raises(AllocationLimitError, match=r"in result\n[^$]*in work\n"), gse.allocation_guard(LIMIT):
            result()


def test_the_threads_of_a_parallel_kernel_are_guarded_too() -> None:
    with gse.allocation_guard(LIMIT):
        assert (made_by_each_thread(1000, 4) == 1000).all()
    with pytest.raises(AllocationLimitError), gse.allocation_guard(LIMIT):
        made_by_each_thread(BYTES, 4)


def tables() -> dict[object, tuple[int, ...]]:
    return {place: place.read() for place in allocation._places()}


def test_after_the_block_all_is_as_before() -> None:
    before = tables()
    with gse.allocation_guard(LIMIT):
        assert tables().keys() == before.keys()
        assert all(now != before[place] for place, now in tables().items())
    assert tables() == before
    with suppress(KeyError), gse.allocation_guard(LIMIT):
        raise KeyError
    with suppress(AllocationLimitError), gse.allocation_guard(LIMIT):
        deep(BYTES)
    assert tables() == before
    assert len(deep(BYTES)) == len(made_in_a_kernel(BYTES)) == BYTES


def test_arrays_outlive_the_block_and_enter_it() -> None:
    old = [deep(1000), made_in_a_kernel(1000)]
    with gse.allocation_guard(LIMIT):
        old.clear()
        new = [deep(1000), made_in_a_kernel(1000), np.zeros(10)]
    new[2].resize(BYTES, refcheck=False)  # a tracer may hold a reference
    new.clear()


def test_guards_nest_and_the_lowest_limit_holds() -> None:
    before = tables()
    with gse.allocation_guard(LIMIT) as outer:
        with gse.allocation_guard(1000) as inner:
            deep(900)
        with pytest.raises(AllocationLimitError, match="allows 1,000"), gse.allocation_guard(1000):
            deep(2000)
        deep(LIMIT // 2)
    assert 900 <= inner.largest < 1000
    assert outer.largest == LIMIT // 2
    assert tables() == before


def test_what_only_the_outer_guard_forbids_is_its_own() -> None:
    def inner() -> None:
        with pytest.raises(MemoryError) as caught, gse.allocation_guard(10 * BYTES):
            deep(BYTES)
        assert not isinstance(caught.value, GseError)

    with pytest.raises(AllocationLimitError, match=f"allows {LIMIT:,}"), gse.allocation_guard(LIMIT):
        inner()


def test_one_guard_can_be_used_again() -> None:
    guard = gse.allocation_guard(LIMIT)
    for _ in range(2):
        with pytest.raises(AllocationLimitError), guard:
            deep(BYTES)
        with guard:
            deep(LIMIT // 2)
        assert guard.largest == LIMIT // 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_passed_on(error: type[BaseException]) -> None:
    def interrupted() -> None:
        swallowed(BYTES)
        raise error

    with pytest.raises(error), gse.allocation_guard(LIMIT):
        interrupted()


def test_other_errors_are_passed_on() -> None:
    with pytest.raises(KeyError), gse.allocation_guard(LIMIT):
        raise KeyError


@pytest.mark.parametrize("first", ["guard", "tracemalloc"])
def test_it_gets_along_with_tracemalloc(first: str) -> None:
    """Which puts its own functions before CPython's; whoever comes second must not be thrown out by the first."""

    def traced() -> np.ndarray:
        if first == "guard":
            tracemalloc.start()
        kept = made_in_a_kernel(LIMIT // 2)
        assert tracemalloc.get_traced_memory()[0] >= kept.nbytes
        return made_in_a_kernel(BYTES)

    before = tables()
    if first == "tracemalloc":
        tracemalloc.start()
    with pytest.raises(AllocationLimitError), gse.allocation_guard(LIMIT):
        traced()
    assert tracemalloc.is_tracing()
    tracemalloc.stop()
    assert len(made_in_a_kernel(BYTES)) == BYTES
    with pytest.raises(AllocationLimitError), gse.allocation_guard(LIMIT):
        made_in_a_kernel(BYTES)
    assert tables() == before


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "10", None, 1 << 64])
def test_a_limit_is_a_positive_number_of_bytes(wrong: object) -> None:
    with pytest.raises(InputError, match="bytes"):
        gse.allocation_guard(wrong)


def test_it_refuses_to_guard_what_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables()
    monkeypatch.setattr(allocation, "_places", set)
    with pytest.raises(GseError, match="cannot be guarded"), gse.allocation_guard(LIMIT):
        pass
    monkeypatch.undo()
    assert tables() == before
    with gse.allocation_guard(LIMIT):
        deep(1000)
