"""Peak memory of one call: what NumPy allocated, exactly, and what became resident, whoever asked for it."""

from __future__ import annotations

import ctypes
import gc
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: Writing this to clear_refs(5) sets the peak of resident memory to what is resident now.
_RESET_PEAK = "5"


class Peak(NamedTuple):
    """The rise of memory during one call, its result included, its arguments not.

    traced : bytes of Python and NumPy objects, exact (tracemalloc); blind to what compiled code allocates itself.
    resident : bytes of resident memory, in pages, whoever allocated; None where the system does not tell.
    """

    traced: int
    resident: int | None

    @property
    def bytes(self) -> int:
        """The larger of the two: neither sees everything, both only see what was there."""
        return max(self.traced, self.resident or 0)


def _kilobytes(field: str) -> int | None:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
    except OSError:
        return None
    return None


def _return_freed_memory() -> None:
    """Hand freed memory back to the system, so that its reuse counts as a rise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def peak(call: Callable[[], Any]) -> tuple[Peak, Any]:
    """Run `call` once; return the peak and what it returned."""
    gc.collect(0)  # what the last call left in circles
    _return_freed_memory()
    tracemalloc.start()
    try:
        before, reset = _kilobytes("VmRSS"), _reset_peak()
        result = call()
        high = _kilobytes("VmHWM")
        traced = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    known = reset and before is not None and high is not None
    return Peak(traced, 1024 * max(0, high - before) if known else None), result  # type: ignore[operator]


def resident() -> int | None:
    """Return the bytes that are resident now; None where the system does not tell."""
    kilobytes = _kilobytes("VmRSS")
    return None if kilobytes is None else 1024 * kilobytes
