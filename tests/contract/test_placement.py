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

from gse_ref.backends import Geometry, cpu, cpu_conv, cpu_norm, cpu_pool, get
from gse_ref.backends.memory import ALIGNMENT, empty
from gse_ref.conformance.strategies import of_mask

BACKEND = get("cpu")
#: Where results are allocated.
ALLOCATING = (cpu, cpu_conv, cpu_norm, cpu_pool)
#: Places close together: the operands and results of one call find room there.
PLACES = 24
TRIALS = 40

Arguments = dict[str, tuple[Any, ...]]


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


def arrays_of(value: Any) -> list[np.ndarray]:
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def close_together(call: Callable[..., Any], args: tuple[Any, ...], generator: np.random.Generator) -> Any:
    """Return the result of a call whose operands and results lie side by side, in any order."""
    size = max(array.nbytes for array in arrays_of(args) if array.dtype.kind == "f")
    arena = Arena(2 * size, iter(generator.permutation(PLACES).tolist()))
    with ExitStack() as stack:
        for module in ALLOCATING:
            stack.enter_context(patch.object(module, "empty", arena.empty))
        return call(*map(arena.placed, args))


def small_layers(generator: np.random.Generator, dtype: type, most: int = 40) -> Arguments:
    """Return arguments of every function that adds: normal numbers, whose sums tell in which order they came.

    Layers of one or two units or channels, images of one pixel or four, fewer than `most` samples.
    """

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(dtype)

    n_out, n_in, batch, side = (int(n) for n in generator.integers((1, 1, 1, 1), (3, 3, most, 3)))
    topology = of_mask(generator.random((n_out, n_in)) < 0.8)
    plan = BACKEND.transpose_index(topology.indptr, topology.indices, n_in)
    values, x, dy, bias = normal(topology.nnz), normal(n_in, batch), normal(n_out, batch), normal(n_out)
    images, pulls, point = normal(n_in, side, side, batch), normal(n_out, side, side, batch), Geometry(1)
    csr, pairs = (topology.indptr, topology.indices), (topology.rows, topology.indices)
    gamma, beta, moments = normal(n_in), normal(n_in), (np.zeros(n_in), np.ones(n_in))
    signs = np.where(generator.random((side, side, batch)) < 0.5, 1.0, -1.0)
    moved = images[::-1].copy()
    backward = (images, normal(*images.shape), normal(*images.shape), gamma, *moments, 1e-5)
    return {
        "spmm": (*csr, values, x, bias),
        "spmm_t": (plan, values, dy),
        "spmm_backward": (plan, values, x, dy),
        "sddmm": (*csr, dy, x),
        "sddmm_pairs": (*pairs, dy, x),
        "abs_sums": (x,),
        "signed_sums": (x, signs[0, 0]),
        "conv": (*csr, values, images, point, bias),
        "conv_t": (plan, values, pulls, point, (side, side)),
        "conv_backward": (plan, values, images, pulls, point),
        "conv_pairs": (*pairs, pulls, images, point),
        "patch_abs_sums": (images, point),
        "patch_signed_sums": (images, signs, point),
        "normalise": (images, gamma, beta, *moments, 1e-5, moved, True),
        "batch_norm": (images, gamma, beta, 1e-5, moved, True),
        "batch_norm_backward": (*backward, False, False),
        "batch_norm_backward of a ReLU": (*backward, True, False),
        "batch_norm_backward of a ReLU and a residual": (*backward, True, True),
        "batch_norm_backward of a ReLU, without y": (*backward, True, False, beta),
    }


def operation(name: str) -> Callable[..., Any]:
    """Return the function of the backend that arguments of this name are for."""
    return getattr(BACKEND, name.split()[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("function", sorted(small_layers(np.random.default_rng(0), np.float32)))
def test_no_result_depends_on_where_operands_lie(function: str, dtype: type) -> None:
    call = operation(function)
    for trial in range(TRIALS):
        generator = np.random.default_rng(trial)
        args = small_layers(generator, dtype)[function]
        wanted = call(*args)
        for _ in range(10):
            actual = close_together(call, args, generator)
            for a, e in zip(arrays_of(actual), arrays_of(wanted), strict=True):
                assert a.tobytes() == e.tobytes(), f"trial {trial}: {a - e}"
