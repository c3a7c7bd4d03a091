"""No always-sparse method makes one array near the size of a dense layer: not even half a bit a connection.

Beside the runs under a limit on address space (`test_never_dense`): those bound the whole process, whichever
library asks, at a width where a dense layer fits nowhere, but cannot tell an array from all else that takes memory.
The guard bounds each single array of NumPy, SciPy and Numba, in milliseconds, and names the line; what other
libraries take from the system it does not see.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.errors import AllocationLimitError
from gse_ref.explore.greedy import BLOCK
from tests.methods import SPARSE, updates_of

#: Of layers of `WIDTH` × `WIDTH` units; of a ResNet-20 whose last convolutions are `CHANNELS` × `CHANNELS` × 3 × 3.
WIDTH, CHANNELS = 8_000, 4_096
#: Half a bit for each possible connection of the largest layer, in bytes.
PERCEPTRON_LIMIT, CONVOLUTION_LIMIT = WIDTH * WIDTH // 16, CHANNELS * CHANNELS * 9 // 16


def perceptron(out: Path, method: str, **changes) -> gse.TrainConfig:
    settings = {
        "data": "synthetic:64:128:4",
        "hidden": (WIDTH, WIDTH),
        "density": 10 / WIDTH,
        "batch_size": 16,
        "every": 4,
        "lr": 1e-4,
        **changes,
    }
    return gse.TrainConfig(method=method, epochs=1, until=1.0, out=out, **settings)


def convolutions(out: Path, method: str, **changes) -> gse.TrainConfig:
    pixels, labels = np.random.default_rng(0).integers(0, 256, (24, 3, 4, 4), np.uint8), np.arange(24) % 4
    images = out.with_name("images.npz")
    np.savez(images, x_train=pixels[:16], y_train=labels[:16], x_test=pixels[16:], y_test=labels[16:])
    settings = {
        "data": str(images),
        "model": "resnet20",
        "width": CHANNELS / 64,
        "density": 2e-5,
        "batch_size": 8,
        "every": 1,
        "lr": 1e-3,
        **changes,
    }
    return gse.TrainConfig(method=method, epochs=1, until=1.0, out=out, **settings)


def guarded(limit: int, config: gse.TrainConfig) -> None:
    with gse.allocation_guard(limit):
        gse.train(config)


every_network = pytest.mark.parametrize(
    ("configure", "limit"),
    [(perceptron, PERCEPTRON_LIMIT), (convolutions, CONVOLUTION_LIMIT)],
    ids=["perceptron", "convolutions"],
)


@every_network
@pytest.mark.parametrize("method", SPARSE)
def test_no_array_is_near_the_size_of_a_dense_layer(method: str, configure, limit: int, tmp_path: Path) -> None:
    config = configure(tmp_path / "run", method)
    with gse.allocation_guard(limit) as guard:
        result = gse.train(config)
    scheduled = range(config.every, result.steps + 1, config.every)
    assert len(scheduled) == 2
    assert result.updates == updates_of(method, scheduled, config.density)
    assert 4 * result.nnz <= guard.largest <= limit, "the guard saw at least the weights"


@pytest.mark.parametrize("configure", [perceptron, convolutions])
def test_the_guard_names_who_makes_a_block_of_the_dense_gradient(configure, tmp_path: Path) -> None:
    limit = 3 * BLOCK  # bytes: of each entry one fewer than it has
    with pytest.raises(AllocationLimitError, match=r"greedy\.py.*\n.*seen\.gradient_rows"):
        guarded(limit, configure(tmp_path / "run", "rigl"))


@every_network
def test_a_guarded_run_is_the_same_run(configure, limit: int, tmp_path: Path) -> None:
    folders = [tmp_path / "guarded", tmp_path / "free"]
    guarded(limit, configure(folders[0], "gse"))
    gse.train(configure(folders[1], "gse"))
    for name in ("metrics.jsonl", "topology.jsonl", "events.jsonl", "checkpoint.npz"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
