"""The one allocation function for activations: 64-byte aligned, which NumPy's own allocations are not."""

from __future__ import annotations

import ctypes
import math
import os
from ctypes import addressof, c_char

import numpy as np
from numpy.typing import DTypeLike

ALIGNMENT = 64
#: Results of so many bytes are written past the caches: their reader would find little of them there, and no line
#: is fetched only to be overwritten. Measured with 1 MB of second-level and 32 MB of third-level cache.
STREAMED = 1 << 23
#: Parameters of mallopt(3), from <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an uninitialised C-ordered array whose first byte lies on a cache line.

    Vector loads that straddle cache lines cost the sparse products a factor of 1.4 to 1.5.
    """
    kind = np.dtype(dtype)
    buffer = np.empty(math.prod(shape) * kind.itemsize + ALIGNMENT, np.uint8)
    address = addressof(c_char.from_buffer(buffer))  # type: ignore[arg-type]  # the quickest way to it
    return np.ndarray(shape, kind, buffer, -address % ALIGNMENT)


def streamed(result: np.ndarray, run: int) -> bool:
    """Return whether to write `result`, made by `empty`, past the caches: large, each `run` of elements aligned."""
    return result.nbytes >= STREAMED and run * result.itemsize % ALIGNMENT == 0


def aligned(array: np.ndarray) -> np.ndarray:
    """Return `array` itself if it is C-ordered and aligned, else an aligned C-ordered copy."""
    if array.flags.c_contiguous and array.__array_interface__["data"][0] % ALIGNMENT == 0:
        return array
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def available_memory() -> int:
    """Return how many bytes the system can give without swapping, or all it has where it does not say."""
    try:
        with open("/proc/meminfo") as file:
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep what is freed for the next array instead of returning it to the system.

    By default arrays above a threshold are mapped anew, page by page, at each allocation, which costs a training
    step on layers of 10³ to 10⁴ units half of its time and more. Holds for the whole process; peak memory stays.

    Returns
    -------
    done : False where the C library has no `mallopt` (musl, macOS, Windows): nothing has changed then.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, 1 << 30) and mallopt(_TRIM_THRESHOLD, (1 << 31) - 1))
