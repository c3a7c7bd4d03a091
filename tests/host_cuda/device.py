"""A device that is the host: NumPy's arrays, and CUDA kernels run block by block (`host_cuda.h`).

What a real device would let pass is an error here: an argument of another type or layout than the kernel's, an
access beyond an array, a barrier that some threads never reach.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from gse_ref.backends import cuda
from gse_ref.backends.device import Blocks, grid_of
from tests.host_cuda.build import Entry, entry

#: Bytes around each array that a kernel sees.
GUARD = 4096
#: What they hold. The NaN are signalling ones, which no arithmetic gives: what is written there is never the same.
NAN = {"float32": np.array(0x7FA00001, np.uint32), "float64": np.array(0x7FF4000000000001, np.uint64)}
FAILURES = {
    1: "threads wait at a barrier or shuffle that others of their block or warp never reach",
    2: "the kernel wrote beyond the shared memory that the launch asked for",
    3: "no device has blocks of so many threads or so much shared memory",
    4: "the kernel crashed: an access far beyond its arrays, or a division by zero",
}
#: Orders in which threads and blocks run: forward, backward, shuffled.
ORDERS = (0, 1, 12345)


def poison(dtype: np.dtype) -> float:
    """Return what an array holds that was not written: NaN, or an integer that is wrong wherever one is wanted."""
    return {"f": np.nan, "u": 249, "i": -7}[dtype.kind]


class KernelError(AssertionError):
    """A kernel did what no kernel may do."""


@cache
def guard(dtype: np.dtype) -> np.ndarray:
    """Return the bytes on either side of an array of `dtype`."""
    fill = NAN[str(dtype)] if str(dtype) in NAN else np.array(poison(dtype), dtype)
    return np.full(GUARD // dtype.itemsize, fill).view(np.uint8)


class _Guarded:
    """A copy of an array with a guard on either side."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.guard = guard(array.dtype)
        self.whole = np.concatenate([self.guard, np.zeros(array.nbytes, np.uint8), self.guard])
        self.inside = self.whole[GUARD : GUARD + array.nbytes]
        self.inside[:] = array.reshape(-1).view(np.uint8)
        self.pointer = ctypes.c_void_p(self.whole.ctypes.data + GUARD)

    def settle(self, what: str, written: bool) -> None:
        """Complain of a broken guard or of a change to what is only read, else copy back."""
        around = self.whole[:GUARD], self.whole[GUARD + self.array.nbytes :]
        if not all(np.array_equal(side, self.guard) for side in around):
            raise KernelError(f"{what}: written before its first or behind its last element")
        changed = not np.array_equal(self.inside, self.array.reshape(-1).view(np.uint8))
        if changed and not written:
            raise KernelError(f"{what}: changed, though the kernel declares it const")
        if changed:
            self.array.reshape(-1).view(np.uint8)[:] = self.inside


class HostDevice:
    """The device of the tests.

    order : 0 runs threads and blocks forward, 1 backward, any other number shuffles them.
    sources : source texts in the place of the package's, by file: how a fault is planted.
    launched : how often each entry point ran.
    """

    name = "host emulation"
    xp: Any = np

    def __init__(self, order: int = 0, sources: Mapping[str, str] | None = None) -> None:
        self.order = order
        self.sources = dict(sources or {})
        self.launched: Counter[str] = Counter()

    def holds(self, array: Any) -> bool:
        return isinstance(array, np.ndarray)

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        return np.full(shape, poison(np.dtype(dtype)), dtype)

    def to_device(self, array: np.ndarray) -> np.ndarray:
        return np.array(array)

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return np.array(array)

    def _entry(self, name: str) -> Entry:
        file = next(file for file in cuda.files() if name in cuda.entries(file))
        return entry(name, self.sources.get(file))

    def launch(
        self, entry: str, blocks: Blocks, threads: int, args: tuple[Any, ...], shared_bytes: int = 0
    ) -> None:
        found = self._entry(entry)
        if len(args) != len(found.parameters):
            raise KernelError(f"{entry} takes {len(found.parameters)} arguments, got {len(args)}")
        guarded: list[tuple[str, bool, _Guarded]] = []
        values: list[Any] = []
        for position, (kind, value) in enumerate(zip(found.parameters, args, strict=True)):
            what = f"{entry}, argument {position} ({kind})"
            values.append(_argument(what, kind, value, guarded))
        grid = grid_of(blocks)
        if 0 in grid:
            return
        self.launched[entry] += 1
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        failure = found.launch((ctypes.c_uint * 3)(*grid), threads, shared_bytes, self.order, pointers)
        if failure:
            raise KernelError(f"{entry}: {FAILURES[failure]}")
        for what, written, copy in guarded:
            copy.settle(what, written)


def _argument(what: str, kind: str, value: Any, guarded: list[tuple[str, bool, _Guarded]]) -> Any:
    """Return what the kernel is given for `value`, a parameter of `kind`; arrays are noted in `guarded`."""
    if "*" in kind:
        if value is None:
            return ctypes.c_void_p(None)
        if not isinstance(value, np.ndarray):
            raise KernelError(f"{what}: got {type(value).__name__}, expected an array")
        if f"{value.dtype}" != kind.split("*")[0] or not value.flags.c_contiguous:
            raise KernelError(f"{what}: got {value.dtype}, C-ordered: {value.flags.c_contiguous}")
        copy = _Guarded(value)
        guarded.append((what, not kind.endswith("c"), copy))
        return copy.pointer
    wanted = {"int64": (int, ctypes.c_longlong), "float64": (float, ctypes.c_double)}
    if kind not in wanted:
        raise KernelError(f"{what}: numbers are passed as long long or double")
    if type(value) is not wanted[kind][0]:
        raise KernelError(f"{what}: got {type(value).__name__}, expected {wanted[kind][0].__name__}")
    return wanted[kind][1](value)
