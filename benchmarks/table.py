"""The table of benchmarks: each is one module whose ``cases(options)`` names its pieces of work."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Module of a benchmark, and one line about it."""

    module: str
    summary: str


BENCHMARKS: dict[str, Entry] = {
    "linear": Entry(
        "benchmarks.bench_linear", "training step of one sparse linear layer against dense and sparse peers"
    ),
    "exploration": Entry("benchmarks.bench_exploration", "every part of a topology update against a training step"),
    "mlp": Entry(
        "benchmarks.bench_mlp", "whole training step against its kernels alone and a masked dense network"
    ),
}
