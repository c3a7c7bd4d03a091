"""No always-sparse method ever holds an array of n_out · n_in elements; RigL only a block of one."""

from __future__ import annotations

import json
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref import backends
from gse_ref.explore.greedy import top_of_dense_gradient
from gse_ref.nn import Observation, SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi
from tests.methods import SPARSE, updates_of
from tests.unit.training.guard import run_guarded

WIDTH = 64_000
#: One bit a connection would be 0.5 GB, a byte 4.1 GB, a float32 16.4 GB.
LIMIT = 3_000_000_000


def guarded(out: Path, **changes) -> subprocess.CompletedProcess[str]:
    options = {
        "data": "synthetic:256:256:10",
        "hidden": [WIDTH, WIDTH],
        "density": 3e-4,
        "epochs": 1,
        "batch_size": 64,
        "every": 2,
        "until": 1.0,
        "lr": 0.001,
        "out": str(out),
        "limit": LIMIT,
        **changes,
    }
    return run_guarded("guarded_run.py", options)


@pytest.mark.parametrize("method", SPARSE)
def test_always_sparse_methods_fit_where_a_dense_layer_cannot(method: str, tmp_path: Path) -> None:
    done = guarded(tmp_path / "run", method=method)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["peak"] < LIMIT < WIDTH * WIDTH
    assert told["updates"] == updates_of(method, (2, 4), 3e-4)


def test_the_guard_catches_a_dense_layer(tmp_path: Path) -> None:
    done = guarded(tmp_path / "run", density=0.5)
    assert done.returncode != 0
    assert "MemoryError" in done.stderr or "ArrayMemoryError" in done.stderr


def test_rigl_holds_one_block_of_the_gradient() -> None:
    n, batch = 8192, 16
    parameter = SparseParameter(LayerShape(n, n))
    parameter.place(erdos_renyi((n, n), 10 * n, stream(0, "topology")), np.ones(10 * n, np.float32))
    x, delta = (np.ones((n, batch), np.float32) * np.arange(n, dtype=np.float32)[:, None] for _ in range(2))
    tracemalloc.start()
    with backends.thread_limit(1):
        ids, _ = top_of_dense_gradient(Observation(parameter, x, delta), 2 * n, "layer")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(ids) == 2 * n
    assert peak < n * n, "not even one byte for each possible connection"


@pytest.mark.parametrize("method", SPARSE)
def test_memory_grows_with_connections_not_with_area(method: str, tmp_path: Path) -> None:
    """Doubling the width at fixed connections a unit doubles the arrays; their number per unit is bounded."""
    peaks = {}
    for width in (4_000, 8_000):
        config = gse.TrainConfig(
            data="synthetic:64:128:4",
            hidden=(width, width),
            method=method,
            density=10 / width,
            batch_size=16,
            epochs=1,
            every=4,
            until=1.0,
            lr=1e-4,
            out=tmp_path / str(width),
        )
        tracemalloc.start()
        gse.train(config)
        peaks[width] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[8_000] < 2.5 * peaks[4_000]
    assert peaks[8_000] < 8_000 * 8_000
