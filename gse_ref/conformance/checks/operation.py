"""One operation of level kernels: how it is called on a case, and what must come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...sparse import Topology
from ..judge import sums
from ..problems import Pattern, Weights
from ..subject import Subject

Array = np.ndarray


def weights_of(topology: Topology, values: Array) -> Weights:
    """Return a layer as adapters get it."""
    return Weights(topology.indptr, topology.indices, values, topology.shape)


def pattern_of(topology: Topology) -> Pattern:
    """Return the connections of a layer as adapters get them."""
    return Pattern(topology.indptr, topology.indices, topology.shape)


@dataclass(frozen=True)
class Operation:
    """An operation whose result is made of sums.

    Attributes
    ----------
    name : of the adapter's method.
    result : what messages call what comes back.
    arguments : from a case to what the method is given.
    expected : from a case to what the definition gives, of the dtype of the operands.
    magnitude : from a case to Σ|a_k b_k| of each sum.
    length : from a case to K.
    """

    name: str
    result: str
    arguments: Callable[[Any], tuple[Any, ...]]
    expected: Callable[[Any], Array]
    magnitude: Callable[[Any], Array]
    length: Callable[[Any], int]

    def judge(self, subject: Subject, case: Any) -> None:
        """Demand what the definition gives, within the bound of its sums.

        Raises
        ------
        Disagreement : it is something else. NotCovered : the adapter says so.
        """
        with np.errstate(all="ignore"):  # what is not finite is judged, not warned of
            actual = subject.call(self.name, *self.arguments(case))
            sums(actual, self.expected(case), self.magnitude(case), self.length(case), self.result)
