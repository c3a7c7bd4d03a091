"""No always-sparse method ever holds a dense kernel, nor an image unfolded; RigL only a block of its gradient."""

from __future__ import annotations

import json
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from gse_ref import backends
from gse_ref.explore.greedy import BLOCK, top_of_dense_gradient
from gse_ref.nn import Conv2d, Observation
from gse_ref.rng import stream
from gse_ref.sparse import erdos_renyi
from tests.methods import SPARSE, updates_of
from tests.unit.training.guard import run_guarded

#: ResNet-20 of this width has 32,768 channels at its end: 32,768 × 294,912 possible connections in a layer.
WIDTH = 512.0
POSSIBLE = 32_768 * 32_768 * 9
#: One bit a connection would be 1.2 GB, a byte 9.7 GB, a float32 38.7 GB.
LIMIT = 3_000_000_000


def guarded(out: Path, **changes) -> subprocess.CompletedProcess[str]:
    options = {
        "model": "resnet20",
        "width": WIDTH,
        "side": 4,
        "density": 1e-5,
        "epochs": 1,
        "batch_size": 8,
        "every": 1,
        "until": 1.0,
        "lr": 0.001,
        "threads": 1,
        "out": str(out),
        "limit": LIMIT,
        **changes,
    }
    return run_guarded("guarded_image_run.py", options)


@pytest.mark.parametrize("method", SPARSE)
def test_always_sparse_methods_fit_where_a_dense_kernel_cannot(method: str, tmp_path: Path) -> None:
    done = guarded(tmp_path / "run", method=method)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["peak"] < LIMIT < POSSIBLE < told["nnz"] / told["density"]
    assert told["updates"] == updates_of(method, (1, 2), told["density"])


def test_the_guard_catches_a_dense_kernel(tmp_path: Path) -> None:
    done = guarded(tmp_path / "run", density=0.5)
    assert done.returncode != 0
    assert "MemoryError" in done.stderr or "ArrayMemoryError" in done.stderr


def observed(channels: int, each: int, side: int, batch: int) -> Observation:
    """Return what a probe saw of a 3×3 convolution of as many channels in as out, `each` connections to each."""
    conv = Conv2d(channels, channels)
    topology = erdos_renyi(conv.weight.topology.shape, each * channels, stream(0, "topology"))
    conv.weight.place(topology, np.ones(topology.nnz, np.float32))
    image = np.arange(channels * side * side * batch, dtype=np.float32).reshape(channels, side, side, batch)
    return Observation(conv.weight, image / image.max(), image[::-1] / image.max())


def test_rigl_holds_one_block_of_the_gradient() -> None:
    seen, keep = observed(channels=2048, each=4, side=2, batch=2), 4096
    possible = seen.parameter.topology.size
    with backends.thread_limit(1):
        top_of_dense_gradient(seen, keep, "layer")  # compiles
        tracemalloc.start()
        ids, _ = top_of_dense_gradient(seen, keep, "layer")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(ids) == keep
    assert possible > 2 * BLOCK
    assert peak < possible, "not even one byte for each possible connection"
