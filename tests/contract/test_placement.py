"""No result depends on where operands lie: compilers guard vectorised loops by tests of addresses.

Such a guard sends operands that lie close together through another loop, whose sums come in another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import DTypeLike

from gse_ref.backends import cpu, cpu_conv, cpu_norm, cpu_pool
from gse_ref.backends.memory import ALIGNMENT, empty
from tests.contract.layers import arrays_of, operation, small_layers

#: Where results are allocated.
ALLOCATING = (cpu, cpu_conv, cpu_norm, cpu_pool)
#: Places close together: the operands and results of one call find room there.
PLACES = 24
TRIALS = 40


class Arena:
    """Memory for the operands and results of one call: places of so many bytes, taken in a given order."""

    def __init__(self, size: int, order: Iterator[int]) -> None:
        self._size, self._order = -(-size // ALIGNMENT) * ALIGNMENT, order
        self._memory = empty((PLACES * self._size,), np.uint8)

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """Return an array at the next place."""
        kind = np.dtype(dtype)
        assert math.prod(shape) * kind.itemsize <= self._size
        return np.ndarray(shape, kind, self._memory, next(self._order) * self._size)

    def placed(self, value: Any) -> Any:
        """Return a copy of a dense operand at the next place; anything else as it is."""
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value
        copy = self.empty(value.shape, value.dtype)
        copy[...] = value
        return copy


def close_together(
    call: Callable[..., Any], args: tuple[Any, ...], size: int, generator: np.random.Generator
) -> Any:
    """Return the result of a call whose operands and results lie side by side, in any order.

    Each has at most `size` bytes.
    """
    arena = Arena(size, iter(generator.permutation(PLACES).tolist()))
    with ExitStack() as stack:
        for module in ALLOCATING:
            stack.enter_context(patch.object(module, "empty", arena.empty))
        return call(*map(arena.placed, args))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("function", sorted(small_layers(np.random.default_rng(0), np.float32)))
def test_no_result_depends_on_where_operands_lie(function: str, dtype: type) -> None:
    call = operation(function)
    for trial in range(TRIALS):
        generator = np.random.default_rng(trial)
        args = small_layers(generator, dtype)[function]
        wanted = call(*args)
        size = max(array.nbytes for array in (*arrays_of(args), *arrays_of(wanted)))
        for _ in range(10):
            actual = close_together(call, args, 2 * size, generator)
            for a, e in zip(arrays_of(actual), arrays_of(wanted), strict=True):
                assert a.tobytes() == e.tobytes(), f"trial {trial}: {a - e}"
