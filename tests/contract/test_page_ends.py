"""No kernel reads or writes beyond its operands: they end where memory does, and one byte more ends the process."""

from __future__ import annotations

import ctypes
import math
import mmap
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numba import config
from numpy.typing import DTypeLike

from tests.contract.layers import arrays_of, larger_layers, operation, small_layers
from tests.contract.test_placement import ALLOCATING

_MPROTECT = getattr(ctypes.CDLL(None), "mprotect", None)
TRIALS = 20
#: Fewer samples than this: tiles of every width.
MOST = 300


def at_the_end(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array of which the last byte is the last before a page that nobody may touch."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    whole = max(1, -(-size // mmap.PAGESIZE)) * mmap.PAGESIZE
    pages = mmap.mmap(-1, whole + mmap.PAGESIZE)
    beyond = ctypes.addressof(ctypes.c_char.from_buffer(pages)) + whole
    assert _MPROTECT(ctypes.c_void_p(beyond), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    return np.ndarray(shape, kind, pages, whole - size)


def placed(value: Any) -> Any:
    """Return a copy of an operand at the end of its pages; anything but an array as it is."""
    if not isinstance(value, np.ndarray):
        return value
    copy = at_the_end(value.shape, value.dtype)
    copy[...] = value
    return copy


def with_room_and_without(call: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the result of a call on operands as they are, and on operands and results at the ends of pages."""
    wanted = call(*args)
    with ExitStack() as stack:
        for module in ALLOCATING:
            stack.enter_context(patch.object(module, "empty", at_the_end))
        return wanted, call(*map(placed, args))


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled: NUMBA_DISABLE_JIT is set")
@pytest.mark.skipif(_MPROTECT is None, reason="the C library has no mprotect")
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_nothing_beyond_the_operands_is_touched(dtype: type) -> None:
    all_layers = [small_layers(np.random.default_rng(trial), dtype, MOST) for trial in range(TRIALS)]
    for layers in (*all_layers, larger_layers(np.random.default_rng(0), dtype)):
        for name, args in layers.items():
            wanted, actual = with_room_and_without(operation(name), args)
            for a, e in zip(arrays_of(actual), arrays_of(wanted), strict=True):
                assert a.tobytes() == e.tobytes(), name
