"""Times of a backend's operations, on arrays that are where it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends import Backend, Geometry
from ..backends.arrays import library_of, to_device, to_host
from ..backends.hosted import each_array
from ..rng import stream
from ..sparse import Topology, erdos_renyi

#: The linear layer: connections a unit, samples. A convolution beside it: channels, side of its images, window.
PER_UNIT, BATCH = 82, 128
CHANNELS, SIDE, WINDOW = 64, 16, Geometry(3, 1, 1)
#: Connections of the convolution for each of its output channels.
PER_CHANNEL = 29
POOL = Geometry(2, 2)

Operation = Callable[[], Any]


def layer(units: int) -> dict[str, Any]:
    """Return the sizes of what is timed."""
    return {
        "units": units,
        "connections": min(PER_UNIT, units) * units,
        "batch": BATCH,
        "convolution": {"channels": CHANNELS, "side": SIDE, "connections": PER_CHANNEL * CHANNELS},
    }


class _Arrays:
    """Random arrays of one generator on the device of a backend."""

    def __init__(self, backend: Backend) -> None:
        self.generator, self._library = stream(0, "check"), library_of(backend)

    def uniform(self, *shape: int, dtype: Any = np.float32) -> Any:
        return self.moved(self.generator.random(shape).astype(dtype))

    def moved(self, array: np.ndarray) -> Any:
        return to_device(array, self._library)

    def topology(self, shape: tuple[int, int], nnz: int) -> tuple[Topology, Any, Any, Any]:
        """Return a random topology, and its indptr, indices and rows on the device."""
        topology = erdos_renyi(shape, nnz, self.generator)
        return topology, *(self.moved(a) for a in (topology.indptr, topology.indices, topology.rows))


def _linear(backend: Backend, arrays: _Arrays, units: int) -> dict[str, Operation]:
    topology, indptr, indices, rows = arrays.topology((units, units), min(PER_UNIT, units) * units)
    nnz = topology.nnz
    values, x, dy = arrays.uniform(nnz), arrays.uniform(units, BATCH), arrays.uniform(units, BATCH)
    mass, uniforms = arrays.uniform(units, dtype=np.float64), arrays.uniform(nnz, dtype=np.float64)
    plan, alias = backend.transpose_index(indptr, indices, units), backend.alias_table(mass)
    drawn = backend.alias_draw(alias, uniforms), backend.alias_draw(alias, uniforms[::-1].copy())
    found = backend.candidates(*drawn, indptr, indices, units)
    pruned = arrays.moved(np.arange(0, nnz, 5)[: len(found[0])])
    grown = found[0][: len(pruned)], found[1][: len(pruned)]
    return {
        "spmm": lambda: backend.spmm(indptr, indices, values, x),
        "spmm_backward": lambda: backend.spmm_backward(plan, values, x, dy),
        "sddmm_pairs": lambda: backend.sddmm_pairs(rows, indices, dy, x),
        "abs_sums": lambda: backend.abs_sums(x),
        "alias_table": lambda: backend.alias_table(mass),
        "alias_draw": lambda: backend.alias_draw(alias, uniforms),
        "candidates": lambda: backend.candidates(*drawn, indptr, indices, units),
        "top_k": lambda: backend.top_k(values, nnz // 5),
        "merge": lambda: backend.merge(indptr, indices, pruned, *grown),
        "transpose_index": lambda: backend.transpose_index(indptr, indices, units),
    }


def _convolutional(backend: Backend, arrays: _Arrays) -> dict[str, Operation]:
    columns = CHANNELS * WINDOW.kernel**2
    topology, indptr, indices, rows = arrays.topology((CHANNELS, columns), PER_CHANNEL * CHANNELS)
    values, (x, dy) = arrays.uniform(topology.nnz), (arrays.uniform(CHANNELS, SIDE, SIDE, BATCH) for _ in range(2))
    plan = backend.transpose_index(indptr, indices, columns)
    scale, shift = arrays.uniform(CHANNELS), arrays.uniform(CHANNELS)
    y, *moments = backend.batch_norm(x, scale, shift, 1e-5, None, True)
    return {
        "conv": lambda: backend.conv(indptr, indices, values, x, WINDOW),
        "conv_backward": lambda: backend.conv_backward(plan, values, x, dy, WINDOW),
        "conv_pairs": lambda: backend.conv_pairs(rows, indices, dy, x, WINDOW),
        "batch_norm": lambda: backend.batch_norm(x, scale, shift, 1e-5, None, True),
        "batch_norm_backward": lambda: backend.batch_norm_backward(
            x, y, dy, scale, *moments, 1e-5, True, False, shift
        ),
        "max_pool": lambda: backend.max_pool(x, POOL),
    }


def _finish(result: Any) -> None:
    """Wait for a result: one of its elements is read on the host."""
    each_array(lambda array: to_host(array.reshape(-1)[:1]), result)


def times(backend: Backend, units: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return milliseconds of each operation, median and quartiles, after one call to warm up.

    Parameters
    ----------
    units : of each side of the linear layer. rounds : how often each operation is timed.
    """
    arrays, found = _Arrays(backend), {}
    for name, operation in (_linear(backend, arrays, units) | _convolutional(backend, arrays)).items():
        seconds = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            _finish(operation())
            seconds.append(time.perf_counter() - start)
        low, middle, high = np.percentile(seconds[1:], (25, 50, 75)) * 1e3
        found[name] = {"ms": float(middle), "low_ms": float(low), "high_ms": float(high)}
    return found
