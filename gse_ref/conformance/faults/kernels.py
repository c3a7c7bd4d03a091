"""Faults that level kernels must find."""

from __future__ import annotations

import numpy as np

from ..adapter import Array
from ..adapters.own import Naive
from ..problems import Weights
from .fault import Fault


class BiasOnEmptyRowsLost(Naive):
    """Rows without connections are skipped, their bias with them."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b, 0 in empty rows."""
        y = super().forward(weights, x, bias)
        y[np.diff(weights.indptr) == 0] = 0
        return y


FAULTS = (
    Fault(
        "bias-of-empty-rows-lost",
        "rows without connections keep 0 instead of their bias",
        "forward",
        BiasOnEmptyRowsLost,
    ),
)
