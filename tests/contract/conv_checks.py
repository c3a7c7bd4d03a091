"""The contract of the convolutions of a backend: what each gives is what `naive` gives.

Magnitudes are what `naive` gives for absolute values in float64. What is not finite must be so at the same places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gse_ref.backends import Backend, TransposePlan, get
from gse_ref.conformance.strategies import convolution as conv_strategies
from gse_ref.sparse import Topology
from tests.contract.judge import Check, assert_sums, call, wide

NAIVE = get("naive")


def _call(function: Callable[..., Any], *args: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):  # a backend may run on NumPy, which warns
        return call(function, *args)


def plan_of(topology: Topology) -> TransposePlan:
    return NAIVE.transpose_index(topology.indptr, topology.indices, topology.n_in)


def taps_of(plan: TransposePlan, kernel: int) -> int:
    """Return the most connections of an input channel, which may all meet at one pixel."""
    return int(np.diff(plan.indptr[:: kernel**2]).max())


def check_conv(backend: Backend, case: conv_strategies.Convolution) -> None:
    topology, values, x, _, bias, geometry = case
    pattern, more = (topology.indptr, topology.indices), () if bias is None else (bias,)
    args = (*pattern, values, x, geometry, *more)
    actual, expected = _call(backend.conv, *args), _call(NAIVE.conv, *args)
    magnitude = NAIVE.conv(*pattern, wide(values), wide(x), geometry, *map(wide, more))
    assert_sums(actual, expected, magnitude, int(topology.fan_in().max()) + 1)


def check_conv_t(backend: Backend, case: conv_strategies.Convolution) -> None:
    topology, values, x, dy, _, geometry = case
    plan, size = plan_of(topology), (x.shape[1], x.shape[2])
    args = (plan, values, dy, geometry, size)
    actual, expected = _call(backend.conv_t, *args), _call(NAIVE.conv_t, *args)
    magnitude = NAIVE.conv_t(plan, wide(values), wide(dy), geometry, size)
    assert_sums(actual, expected, magnitude, taps_of(plan, geometry.kernel))


def check_conv_backward(backend: Backend, case: conv_strategies.Convolution) -> None:
    topology, values, x, dy, _, geometry = case
    plan = plan_of(topology)
    args = (plan, values, x, dy, geometry)
    actual, expected = _call(backend.conv_backward, *args), _call(NAIVE.conv_backward, *args)
    magnitudes = NAIVE.conv_backward(plan, wide(values), wide(x), wide(dy), geometry)
    assert_sums(actual[0], expected[0], magnitudes[0], taps_of(plan, geometry.kernel))
    assert_sums(actual[1], expected[1], magnitudes[1], dy[0].size)


def check_conv_pairs(backend: Backend, case: conv_strategies.ConvPairs) -> None:
    rows, cols, dy, x, geometry = case
    actual, expected = _call(backend.conv_pairs, *case), _call(NAIVE.conv_pairs, *case)
    magnitude = NAIVE.conv_pairs(rows, cols, wide(dy), wide(x), geometry)
    assert_sums(actual, expected, magnitude, dy[0].size)


def check_conv_rows(backend: Backend, case: conv_strategies.ConvPairs) -> None:
    _, _, dy, x, geometry = case
    actual, expected = _call(backend.conv_rows, dy, x, geometry), _call(NAIVE.conv_rows, dy, x, geometry)
    assert_sums(actual, expected, NAIVE.conv_rows(wide(dy), wide(x), geometry), dy[0].size)


def check_patch_abs_sums(backend: Backend, case: conv_strategies.Patches) -> None:
    x, signs, geometry = case
    actual, expected = _call(backend.patch_abs_sums, x, geometry), _call(NAIVE.patch_abs_sums, x, geometry)
    assert_sums(actual, expected, NAIVE.patch_abs_sums(wide(x), geometry), signs.size)


def check_patch_signed_sums(backend: Backend, case: conv_strategies.Patches) -> None:
    x, signs, geometry = case
    actual, expected = _call(backend.patch_signed_sums, *case), _call(NAIVE.patch_signed_sums, *case)
    assert_sums(actual, expected, NAIVE.patch_abs_sums(wide(x), geometry), signs.size)


#: One row for each function of a convolution.
CONV_CHECKS: dict[str, Check] = {
    "conv": Check(check_conv, conv_strategies.convolutions()),
    "conv_t": Check(check_conv_t, conv_strategies.convolutions()),
    "conv_backward": Check(check_conv_backward, conv_strategies.convolutions()),
    "conv_pairs": Check(check_conv_pairs, conv_strategies.conv_pairs()),
    "conv_rows": Check(check_conv_rows, conv_strategies.conv_pairs()),
    "patch_abs_sums": Check(check_patch_abs_sums, conv_strategies.patches()),
    "patch_signed_sums": Check(check_patch_signed_sums, conv_strategies.patches()),
}
