"""What the compiled exploration kernels do is what is counted: their own source runs on metered arrays.

Stores must be those counted. A source loads some elements again that the algorithm keeps (and a compiler may keep),
so it makes more loads than counted, by a factor that does not grow with the size.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gse_ref.backends import Backend, get
from gse_ref.backends.counting import Counter, Tally, counting
from gse_ref.backends.tally_exploration import SEARCH_LOADS, SEARCH_STORES
from gse_ref.kernels import alias, candidates, edit, topk
from gse_ref.rng import stream
from gse_ref.sparse import erdos_renyi
from tests.instrumented.meter import Meter, Metered

#: Loads of the source for each that is counted, at most.
AGAIN = 4


class Source(Metered):
    """A metered array as the kernels' source uses one."""

    @property
    def size(self) -> int:
        return self.array.size

    def __getitem__(self, index: Any) -> Any:
        return Source(self.array[index], self.meter) if isinstance(index, slice) else super().__getitem__(index)

    def copy(self) -> Source:
        self.meter.bytes_read += self.array.nbytes
        self.meter.bytes_written += self.array.nbytes
        return Source(self.array.copy(), self.meter)


def numpy_for(meter: Meter) -> SimpleNamespace:
    """Return the part of NumPy that kernels use, which makes metered arrays."""

    def full(shape: Any, value: Any, dtype: Any) -> Source:
        array = np.full(shape, value, dtype)
        meter.bytes_written += array.nbytes
        return Source(array, meter)

    return SimpleNamespace(
        empty=lambda shape, dtype: Source(np.empty(shape, dtype), meter),
        zeros=lambda shape, dtype: full(shape, 0, dtype),
        full=full,
        int32=np.int32,
        int64=np.int64,
    )


def run(module: ModuleType, kernel: str, *args: Any) -> Meter:
    """Run the source of a kernel on metered arrays."""
    meter = Meter()
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(module, "np"):
            patch.setattr(module, "np", numpy_for(meter))
        source = getattr(module, kernel)
        getattr(source, "py_func", source)(*(Source(a, meter) if isinstance(a, np.ndarray) else a for a in args))
    return meter


class Case(NamedTuple):
    """A layer with 8 connections a unit, as many draws, and what an update takes from them."""

    n: int

    @property
    def pattern(self) -> tuple[np.ndarray, np.ndarray]:
        topology = erdos_renyi((self.n, self.n), 8 * self.n, stream(0, "topology"))
        return topology.indptr, topology.indices

    @property
    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(self.n)
        return generator.integers(0, self.n, 8 * self.n, np.int32), generator.integers(
            0, self.n, 8 * self.n, np.int32
        )

    @property
    def changes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slots to prune, as many pairs to grow."""
        rows, cols = get("cpu").candidates(*self.drawn, *self.pattern, self.n)
        return np.arange(0, 8 * self.n, 5), rows[: 8 * self.n // 5], cols[: 8 * self.n // 5]

    @property
    def numbers(self) -> np.ndarray:
        return np.random.default_rng(self.n).random(8 * self.n)


def room(size: int, dtype: Any = np.int32) -> np.ndarray:
    return np.zeros(size, dtype)


def copied(meter: Meter, read: int, written: int) -> Meter:
    """Add what the backend does around the kernel, in NumPy."""
    meter.bytes_read += read
    meter.bytes_written += written
    return meter


def candidates_run(case: Case, backend: Backend) -> Meter:
    n, drawn, pattern = case.n, case.drawn, case.pattern
    kept = sum(part.nbytes for part in backend.candidates(*drawn, *pattern, n))
    return copied(run(candidates, "candidates", *drawn, *pattern, n, room(8 * n), room(8 * n)), kept, kept)


def inactive_run(case: Case, backend: Backend) -> Meter:
    n, pattern = case.n, case.pattern
    backend.inactive(*pattern, n)
    return run(candidates, "inactive", *pattern, n, room(n * n), room(n * n))


def merge_run(case: Case, backend: Backend) -> Meter:
    pattern, changes = case.pattern, case.changes
    backend.merge(*pattern, *changes)
    results = room(case.n + 1, np.int64), room(8 * case.n + len(changes[1]) - len(changes[0])), room(8 * case.n)
    return run(edit, "merge", *pattern, *changes, *results)


def carry_run(case: Case, backend: Backend) -> Meter:
    target = get("cpu").merge(*case.pattern, *case.changes)[2]
    moved = room(8 * case.n + 1, np.float64)
    backend.carry(case.numbers, target, 8 * case.n)
    return copied(run(edit, "carry", case.numbers, target, moved), 0, moved.nbytes)


def transpose_run(case: Case, backend: Backend) -> Meter:
    pattern, start = case.pattern, room(case.n + 1, np.int64)
    backend.transpose_index(*pattern, case.n)
    results = (room(8 * case.n) for _ in range(3))
    return copied(run(edit, "transpose_index", *pattern, start, *results), 0, start.nbytes)


def alias_table_run(case: Case, backend: Backend) -> Meter:
    mass = case.numbers
    backend.alias_table(mass)
    size = len(mass)
    return run(alias, "alias_table", mass, room(size, float), room(size, float), room(size), room(size))


def alias_draw_run(case: Case, backend: Backend) -> Meter:
    table = get("cpu").alias_table(case.numbers)
    backend.alias_draw(table, case.numbers)
    return run(alias, "alias_draw", *table, case.numbers, room(len(case.numbers)))


def top_k_run(case: Case, backend: Backend) -> Meter:
    scores, k = case.numbers, case.n
    backend.top_k(scores, k)
    meter = run(topk, "select", scores, np.sort(scores)[-k].item(), k, room(k + 1, np.int64))
    return copied(meter, (1 + SEARCH_LOADS) * scores.nbytes, (1 + SEARCH_STORES) * scores.nbytes)


RUNS: dict[str, Callable[[Case, Backend], Meter]] = {
    "candidates": candidates_run,
    "inactive": inactive_run,
    "merge": merge_run,
    "carry": carry_run,
    "transpose_index": transpose_run,
    "alias_table": alias_table_run,
    "alias_draw": alias_draw_run,
    "top_k": top_k_run,
}


def measured(function: str, n: int) -> tuple[Meter, Tally]:
    counter = Counter()
    meter = RUNS[function](Case(n), counting(get("cpu"), counter))
    return meter, counter.total()


@pytest.mark.parametrize("function", RUNS)
@pytest.mark.parametrize("n", [20, 100])
def test_a_kernels_source_does_what_is_counted(function: str, n: int) -> None:
    meter, counted = measured(function, n)
    if function == "alias_table":  # charged a stack entry a step, which is stored where the large slot falls
        assert 0.9 * counted.bytes_written < meter.bytes_written <= counted.bytes_written
    else:
        assert meter.bytes_written == counted.bytes_written
    assert counted.bytes_read <= meter.bytes_read <= AGAIN * counted.bytes_read


@pytest.mark.parametrize("function", sorted(set(RUNS) - {"inactive"}))
def test_a_kernels_source_does_twice_as_much_on_twice_the_size(function: str) -> None:
    small, large = (measured(function, n)[0] for n in (100, 200))
    for small_bytes, large_bytes in (
        (small.bytes_read, large.bytes_read),
        (small.bytes_written, large.bytes_written),
    ):
        assert large_bytes < 2.05 * small_bytes
