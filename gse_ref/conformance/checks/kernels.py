"""Level kernels: products of a linear layer and their gradients, within the bound of their sums."""

from __future__ import annotations

import numpy as np

from ...backends import TransposePlan, get
from ...sparse import Topology
from .. import magnitudes, strategies
from ..check import Check
from ..strategies import Product
from . import kernel_corners as corners
from .operation import Operation, pattern_of, weights_of

NAIVE = get("naive")
SECTION = "section 2"


def plan_of(topology: Topology) -> TransposePlan:
    """Return the pattern read by columns, by the definition."""
    return NAIVE.transpose_index(topology.indptr, topology.indices, topology.n_in)


def _product(case: Product) -> np.ndarray:
    topology, values, x, _, bias = case
    return NAIVE.spmm(topology.indptr, topology.indices, values, x, bias)


FORWARD = Operation(
    "forward",
    "y",
    lambda case: (weights_of(case.topology, case.values), case.x, case.bias),
    _product,
    lambda case: magnitudes.product(case.topology, case.values, case.x, case.bias),
    lambda case: magnitudes.most_inputs(case.topology),
)
TRANSPOSED = Operation(
    "transposed",
    "dx",
    lambda case: (weights_of(case.topology, case.values), case.dy),
    lambda case: NAIVE.spmm_t(plan_of(case.topology), case.values, case.dy),
    lambda case: magnitudes.transposed(case.topology, case.values, case.dy),
    lambda case: magnitudes.most_outputs(case.topology),
)
ON_PATTERN = Operation(
    "gradient_on_pattern",
    "the gradient",
    lambda case: (pattern_of(case.topology), case.dy, case.x),
    lambda case: NAIVE.sddmm(case.topology.indptr, case.topology.indices, case.dy, case.x),
    lambda case: magnitudes.pairs(case.topology.rows, case.topology.indices, case.dy, case.x),
    lambda case: case.x.shape[1],
)
ON_PAIRS = Operation(
    "gradient_on_pairs",
    "the gradient",
    tuple,
    lambda case: NAIVE.sddmm_pairs(*case),
    lambda case: magnitudes.pairs(*case),
    lambda case: case.x.shape[1],
)


def _checks(operation: Operation, what: str) -> tuple[Check, ...]:
    """Return what is demanded of an operation: right sums; what is not finite, where it belongs; a wide layer."""
    name, needs, on_pairs = operation.name, (operation.name,), operation is ON_PAIRS
    drawn = strategies.sampled if on_pairs else strategies.products
    few = corners.pairs if on_pairs else corners.products
    wide = corners.wide_pairs if on_pairs else corners.wide_products
    return (
        Check(
            name,
            "kernels",
            f"{what}, empty rows and every batch size included",
            SECTION,
            needs,
            operation.judge,
            lambda states: drawn(states.dtypes),
            few,
        ),
        Check(
            f"{name}_not_finite",
            "kernels",
            "NaN and infinity go through the sums that read them, and through no other",
            SECTION,
            needs,
            operation.judge,
            lambda states: drawn(states.dtypes, finite=False),
            corners.pairs_not_finite if on_pairs else corners.products_not_finite,
            examples=20,
        ),
        Check(
            f"{name}_wide",
            "kernels",
            "few connections of a layer of 70,000 x 70,000, whose edge ids exceed 32 bits",
            SECTION,
            needs,
            operation.judge,
            corners=wide,
        ),
    )


#: Every operation, and what its check demands.
OPERATIONS: tuple[tuple[Operation, str], ...] = (
    (FORWARD, "y = θx + b"),
    (TRANSPOSED, "dx = θᵀ dy"),
    (ON_PATTERN, "dy xᵀ on the connections, in CSR order"),
    (ON_PAIRS, "dy xᵀ on any pairs, in their order"),
)
CHECKS = tuple(check for operation, what in OPERATIONS for check in _checks(operation, what))
