"""The table of benchmarks: each is one module whose ``cases(options)`` names its pieces of work."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Module of a benchmark, one line about it, and the options that mean something to it alone."""

    module: str
    summary: str
    options: frozenset[str] = frozenset()


BENCHMARKS: dict[str, Entry] = {
    "linear": Entry(
        "benchmarks.bench_linear", "training step of one sparse linear layer against dense and sparse peers"
    ),
    "exploration": Entry("benchmarks.bench_exploration", "every part of a topology update against a training step"),
    "ceilings": Entry("benchmarks.bench_ceilings", "what this machine can load, multiply-add and copy, by size"),
    "step": Entry("benchmarks.bench_step", "training step and update of a layer of a million by a million"),
    "update": Entry(
        "benchmarks.bench_update",
        "topology updates against those of SparseLab by width, with exponents",
        frozenset({"figure"}),
    ),
    "memory": Entry("benchmarks.bench_memory", "peak memory of a step and an update in a process of their own"),
    "mlp": Entry(
        "benchmarks.bench_mlp", "whole training step against its kernels alone and a masked dense network"
    ),
    "conv": Entry("benchmarks.bench_conv", "training step of one sparse convolution against torch and SparseProp"),
    "norm": Entry("benchmarks.bench_norm", "batch normalisation and ReLU, forward and backward, against torch"),
    "resnet20": Entry(
        "benchmarks.bench_resnet",
        "whole training step of ResNet-20 against the same network in torch, and where its time goes",
        frozenset({"density"}),
    ),
}
