"""The largest allocation that is counted is the one that the fast backend makes, as the guard sees it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.backends import Backend, Geometry, get, thread_limit
from gse_ref.backends.counting import TALLIES, Counter, counting
from gse_ref.rng import stream
from gse_ref.sparse import Topology, erdos_renyi

N, NNZ, BATCH = 3_000, 30_000, 24
WINDOW, CHANNELS, SIDE = Geometry(3, 1, 1), 24, 12
#: What the guard sees beyond an array's own bytes: alignment and headers, and small Python objects.
OVERHEAD = 4096

GENERATOR = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return GENERATOR.standard_normal(shape, np.float32)


LAYER = erdos_renyi((N, N), NNZ, stream(0, "topology"))
VALUES, X, DY = normal(NNZ), normal(N, BATCH), normal(N, BATCH)
ROWS, COLS = (GENERATOR.integers(0, N, NNZ, np.int32) for _ in range(2))
KERNELS = erdos_renyi((CHANNELS, CHANNELS * 9), CHANNELS * 27, stream(0, "topology"))
WEIGHTS, IMAGES = normal(KERNELS.nnz), normal(CHANNELS, SIDE, SIDE, BATCH)
SIGNS = np.ones((SIDE, SIDE, BATCH))
EACH = normal(CHANNELS), normal(CHANNELS)
MOMENTS = np.zeros(CHANNELS), np.ones(CHANNELS)
MASS = GENERATOR.random(100_000)
FULL = Topology(np.arange(0, 301 * 290, 290), np.tile(np.arange(290), 300), (300, 900))
GROWN = get("cpu").candidates(ROWS, COLS, LAYER.indptr, LAYER.indices, N)
TABLE = get("cpu").alias_table(MASS)
TAPS = get("cpu").max_pool(IMAGES, Geometry(2, 2))[1]
SMALL = normal(CHANNELS, SIDE // 2, SIDE // 2, BATCH)

CALLS: dict[str, Callable[[Backend], object]] = {
    "spmm": lambda b: b.spmm(LAYER.indptr, LAYER.indices, VALUES, X),
    "spmm_t": lambda b: b.spmm_t(LAYER.transpose, VALUES, DY),
    "spmm_backward": lambda b: b.spmm_backward(LAYER.transpose, VALUES, X, DY),
    "sddmm": lambda b: b.sddmm(LAYER.indptr, LAYER.indices, DY, X),
    "sddmm_pairs": lambda b: b.sddmm_pairs(ROWS, COLS, DY, X),
    "gradient_rows": lambda b: b.gradient_rows(DY[:100], X),
    "relu_backward": lambda b: b.relu_backward(X, DY),
    "gather": lambda b: b.gather(X, np.arange(N), 1.0, 0.0, np.dtype(np.float32)),
    "abs_sums": lambda b: b.abs_sums(X),
    "signed_sums": lambda b: b.signed_sums(X, np.ones(BATCH)),
    "alias_table": lambda b: b.alias_table(MASS),
    "alias_draw": lambda b: b.alias_draw(TABLE, MASS),
    "candidates": lambda b: b.candidates(ROWS, COLS, LAYER.indptr, LAYER.indices, N),
    "inactive": lambda b: b.inactive(FULL.indptr, FULL.indices, 900),
    "top_k": lambda b: b.top_k(VALUES, 100),
    "merge": lambda b: b.merge(LAYER.indptr, LAYER.indices, np.arange(9), GROWN[0][:9], GROWN[1][:9]),
    "carry": lambda b: b.carry(VALUES, np.arange(NNZ, dtype=np.int32), NNZ),
    "transpose_index": lambda b: b.transpose_index(LAYER.indptr, LAYER.indices, N),
    "conv": lambda b: b.conv(KERNELS.indptr, KERNELS.indices, WEIGHTS, IMAGES, WINDOW),
    "conv_t": lambda b: b.conv_t(KERNELS.transpose, WEIGHTS, IMAGES, WINDOW, (SIDE, SIDE)),
    "conv_backward": lambda b: b.conv_backward(KERNELS.transpose, WEIGHTS, IMAGES, IMAGES, WINDOW),
    "conv_pairs": lambda b: b.conv_pairs(ROWS % CHANNELS, COLS % (CHANNELS * 9), IMAGES, IMAGES, WINDOW),
    "conv_rows": lambda b: b.conv_rows(IMAGES, IMAGES, WINDOW),
    "patch_abs_sums": lambda b: b.patch_abs_sums(IMAGES, WINDOW),
    "patch_signed_sums": lambda b: b.patch_signed_sums(IMAGES, SIGNS, WINDOW),
    "batch_norm": lambda b: b.batch_norm(IMAGES, *EACH, 1e-5, None, True),
    "normalise": lambda b: b.normalise(IMAGES, *EACH, *MOMENTS, 1e-5, None, True),
    "batch_norm_backward": lambda b: b.batch_norm_backward(
        IMAGES, IMAGES, IMAGES, EACH[0], *MOMENTS, 1e-5, True, True
    ),
    "max_pool": lambda b: b.max_pool(IMAGES, Geometry(2, 2)),
    "unpool": lambda b: b.unpool(SMALL, TAPS, Geometry(2, 2), (SIDE, SIDE)),
    "pick": lambda b: b.pick(IMAGES, TAPS, Geometry(2, 2)),
}


def test_there_is_a_call_of_each_function() -> None:
    assert set(CALLS) == set(TALLIES)


@pytest.mark.parametrize("function", CALLS)
def test_the_largest_counted_is_the_largest_made(function: str) -> None:
    counter, call = Counter(), CALLS[function]
    call(counting(get("cpu"), counter))  # apart, for counting takes memory too
    with thread_limit(1), gse.allocation_guard(1 << 40) as guard:
        call(get("cpu"))
    counted = counter.total().largest_allocation
    assert counted <= guard.largest <= counted + OVERHEAD
