"""The strategies of convolutions do reach the corners that the contract tests count on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gse_ref.conformance.strategies import convolution as conv_strategies
from gse_ref.conformance.strategies.convolution import BATCHES, KERNELS, STRIDES, WORK
from tests.meta.corners import rare

EXAMPLES = 400


def of_window(case: conv_strategies.Window) -> Iterator[str]:
    (kernel, stride, padding), (height, width) = case.geometry, case.size
    yield from (f"kernel {kernel}", f"stride {stride}", f"batch {case.batch}")
    yield "no padding" if padding == 0 else "padding"
    if padding == kernel:
        yield "windows altogether outside"
    if case.size == (1, 1):
        yield "one pixel"
    if height != width:
        yield "not square"
    if (height + 2 * padding - kernel) % stride:
        yield "pixels left over by the stride"
    if stride > kernel:
        yield "pixels that no window reads"
    if stride == 1 and (width - kernel + 1) * case.batch > 128 and width > kernel:
        yield "a run of pixels longer than a tile"
    assert case.work <= WORK
    assert min(case.output) >= 1


def of_convolution(case: conv_strategies.Convolution) -> Iterator[str]:
    topology, fan_in = case.topology, case.topology.fan_in()
    assert case.dy.shape[0] == topology.n_out
    assert case.x.shape[0] * case.geometry.kernel**2 == topology.n_in
    assert case.values.shape == (topology.nnz,)
    yield f"{case.x.dtype}"
    yield "no bias" if case.bias is None else "bias"
    yield {0: "no connection", 1: "one connection", topology.size: "full"}.get(topology.nnz, "some connections")
    if (fan_in == 0).any() and topology.nnz:
        yield "empty row"
    if len(case.x) > 1 and topology.n_out > 1:
        yield "channels on both sides"
    for name in ("values", "x", "dy"):
        operand = getattr(case, name)
        if not np.isfinite(operand).all():
            yield f"{name} not finite"
        if not operand.flags.c_contiguous:
            yield f"{name} strided"


def of_pairs(case: conv_strategies.ConvPairs) -> Iterator[str]:
    ids = case.rows.astype(np.int64) * (len(case.x) * case.geometry.kernel**2) + case.cols
    if not len(ids):
        yield "no pairs"
    if len(np.unique(ids)) < len(ids):
        yield "repeated pairs"
    if (np.diff(ids) < 0).any():
        yield "unordered pairs"


def of_patches(case: conv_strategies.Patches) -> Iterator[str]:
    assert set(np.unique(case.signs)) <= {-1.0, 1.0}
    if not (case.signs == case.signs[:1, :1]).all():
        yield "signs that differ between positions"
    yield f"{case.x.dtype}"


CORNERS: dict[str, tuple[Any, Any, set[str]]] = {
    "windows": (
        conv_strategies.windows(),
        of_window,
        {f"kernel {n}" for n in KERNELS}
        | {f"stride {n}" for n in STRIDES}
        | {f"batch {n}" for n in BATCHES}
        | {"no padding", "padding", "windows altogether outside", "one pixel", "not square"}
        | {"pixels left over by the stride", "pixels that no window reads", "a run of pixels longer than a tile"},
    ),
    "convolutions": (
        conv_strategies.convolutions(),
        of_convolution,
        {"float32", "float64", "bias", "no bias", "no connection", "one connection", "full", "some connections"}
        | {"empty row", "channels on both sides", "values not finite", "x not finite", "dy not finite"}
        | {"x strided", "dy strided"},
    ),
    "conv_pairs": (conv_strategies.conv_pairs(), of_pairs, {"no pairs", "repeated pairs", "unordered pairs"}),
    "patches": (
        conv_strategies.patches(),
        of_patches,
        {"signs that differ between positions", "float32", "float64"},
    ),
}


@pytest.mark.parametrize("name", sorted(CORNERS))
def test_each_corner_is_drawn_again_and_again(name: str) -> None:
    seldom = rare(*CORNERS[name], EXAMPLES)
    assert not seldom, f"{name} seldom draws {seldom} in {EXAMPLES} examples"
