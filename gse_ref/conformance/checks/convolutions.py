"""Level kernels: sparse convolutions and their gradients, within the bound of their sums."""

from __future__ import annotations

import numpy as np

from .. import magnitudes, strategies
from ..check import Check
from ..strategies import Convolution
from . import kernel_corners as corners
from .kernels import NAIVE, SECTION, plan_of
from .operation import Operation, pattern_of, weights_of


def _size(case: Convolution) -> tuple[int, int]:
    return case.x.shape[1], case.x.shape[2]


def _convolved(case: Convolution) -> np.ndarray:
    topology, values, x, _, bias, geometry = case
    return NAIVE.conv(topology.indptr, topology.indices, values, x, geometry, bias)


def _on_pattern(case: Convolution) -> np.ndarray:
    topology = case.topology
    return NAIVE.conv_pairs(topology.rows, topology.indices, case.dy, case.x, case.geometry)


CONV_FORWARD = Operation(
    "conv_forward",
    "y",
    lambda case: (weights_of(case.topology, case.values), case.x, case.geometry, case.bias),
    _convolved,
    lambda case: magnitudes.convolution(case.topology, case.values, case.x, case.geometry, case.bias),
    lambda case: magnitudes.most_inputs(case.topology),
)
CONV_TRANSPOSED = Operation(
    "conv_transposed",
    "dx",
    lambda case: (weights_of(case.topology, case.values), case.dy, case.geometry, _size(case)),
    lambda case: NAIVE.conv_t(plan_of(case.topology), case.values, case.dy, case.geometry, _size(case)),
    lambda case: magnitudes.convolution_transposed(case.topology, case.values, case.dy, case.geometry, _size(case)),
    lambda case: magnitudes.most_outputs(case.topology, case.geometry.kernel),
)
CONV_ON_PATTERN = Operation(
    "conv_gradient_on_pattern",
    "the gradient",
    lambda case: (pattern_of(case.topology), case.dy, case.x, case.geometry),
    _on_pattern,
    lambda case: magnitudes.convolution_pairs(
        case.topology.rows, case.topology.indices, case.dy, case.x, case.geometry
    ),
    lambda case: case.dy[0].size,
)
CONV_ON_PAIRS = Operation(
    "conv_gradient_on_pairs",
    "the gradient",
    tuple,
    lambda case: NAIVE.conv_pairs(*case),
    lambda case: magnitudes.convolution_pairs(*case),
    lambda case: case.dy[0].size,
)


def _checks(operation: Operation, what: str) -> tuple[Check, ...]:
    """Return what is demanded of an operation: right sums; what is not finite, where it belongs; many channels."""
    name, needs, on_pairs = operation.name, (operation.name,), operation is CONV_ON_PAIRS
    drawn = strategies.conv_pairs if on_pairs else strategies.convolutions
    few = corners.conv_pairs if on_pairs else corners.convolutions
    wide = corners.wide_conv_pairs if on_pairs else corners.wide_convolutions
    return (
        Check(
            name,
            "kernels",
            f"{what}: kernels 1 to 7, strides, padding, one pixel, sides that differ",
            SECTION,
            needs,
            operation.judge,
            lambda states: drawn(states.dtypes, finite=True),
            few,
            examples=30,
        ),
        Check(
            f"{name}_not_finite",
            "kernels",
            "NaN and infinity go through the windows that read them, and what lies beside the image is not read",
            SECTION,
            needs,
            operation.judge,
            lambda states: drawn(states.dtypes, finite=False),
            corners.conv_pairs_not_finite if on_pairs else corners.convolutions_not_finite,
            examples=15,
        ),
        Check(
            f"{name}_wide",
            "kernels",
            "few connections of 70,000 x 70,000 channels, whose edge ids exceed 32 bits",
            SECTION,
            needs,
            operation.judge,
            corners=wide,
        ),
    )


#: Every operation, and what its check demands.
OPERATIONS: tuple[tuple[Operation, str], ...] = (
    (CONV_FORWARD, "the convolution with its bias, no flip"),
    (CONV_TRANSPOSED, "its transpose, pixels that no window reads included"),
    (CONV_ON_PATTERN, "sums over positions and samples on the connections"),
    (CONV_ON_PAIRS, "sums over positions and samples on any pairs, in their order"),
)
CHECKS = tuple(check for operation, what in OPERATIONS for check in _checks(operation, what))
