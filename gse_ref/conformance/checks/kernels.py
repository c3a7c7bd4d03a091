"""Level kernels: products of a linear layer, within the bound of their sums."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...backends import get
from ...sparse import Topology
from .. import strategies
from ..check import Check
from ..judge import sums
from ..problems import Weights
from ..strategies import Product
from ..subject import Declaration, Subject

NAIVE = get("naive")
SECTION = "section 2"


def wide(array: np.ndarray) -> np.ndarray:
    """Return |array| in float64."""
    return np.abs(array.astype(np.float64))


def weights_of(topology: Topology, values: np.ndarray) -> Weights:
    """Return a layer as adapters get it."""
    return Weights(topology.indptr, topology.indices, values, topology.shape)


def _products(states: Declaration) -> st.SearchStrategy[Product]:
    return strategies.products(states.dtypes)


def _forward(subject: Subject, case: Product) -> None:
    topology, values, x, _, bias = case
    actual = subject.call("forward", weights_of(topology, values), x, bias)
    pattern, more = (topology.indptr, topology.indices), () if bias is None else (bias,)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = NAIVE.spmm(*pattern, values, x, *more)
        magnitude = NAIVE.spmm(*pattern, wide(values), wide(x), *map(wide, more))
    sums(actual, expected, magnitude, int(topology.fan_in().max(initial=0)) + 1, "y")


CHECKS = (
    Check("forward", "kernels", "y = θx + b, empty rows included", SECTION, ("forward",), _forward, _products),
)
