"""What an update did, by edge ids: read from a result that nothing vouches for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .dense_update import edge_ids
from .judge import Disagreement, array, integers
from .problems import ExploredLayer, UpdatedLayer, UpdateProblem, Weights
from .subject import Subject

#: Weight and momentum of each connection by edge id.
State = dict[int, tuple[np.floating, np.floating]]


class Change(NamedTuple):
    """One layer before and after an update.

    number : of the layer. layer, result : before and after; arrays of the right kinds, the connections perhaps not
    in order. old, new : weight and momentum by edge id; of a connection that occurs twice, the last.
    """

    number: int
    layer: ExploredLayer
    result: UpdatedLayer
    old: State
    new: State

    @property
    def grown(self) -> frozenset[int]:
        """Edge ids of connections that were not there."""
        return frozenset(self.new) - frozenset(self.old)

    @property
    def pruned(self) -> frozenset[int]:
        """Edge ids of connections that are not there any more."""
        return frozenset(self.old) - frozenset(self.new)

    @property
    def kept(self) -> list[int]:
        """Edge ids of connections before and after, increasing."""
        return sorted(frozenset(self.new) & frozenset(self.old))

    def name(self, edge: int) -> str:
        """Return how to speak of a connection."""
        i, j = divmod(edge, self.layer.weights.shape[1])
        return f"connection ({i}, {j}) of layer {self.number}"


def state_of(weights: Weights, momentum: np.ndarray) -> State:
    """Return weight and momentum by edge id."""
    return dict(zip(edge_ids(weights).tolist(), zip(weights.values, momentum, strict=True), strict=True))


def _weights(given: Any, shape: tuple[int, int], dtype: np.dtype, what: str) -> Weights:
    """Return weights of integers and floats that fit together.

    Raises
    ------
    Disagreement : they do not.
    """
    parts = [getattr(given, name, None) for name in ("indptr", "indices", "values")]
    indptr = integers(parts[0], f"indptr of {what}", (shape[0] + 1,))
    indices = integers(parts[1], f"indices of {what}")
    if indices.ndim != 1:
        raise Disagreement(f"indices of {what} have shape {indices.shape}", parts[1], kind="malformed")
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        said = f"indptr of {what} does not rise from 0 to the number of indices, {len(indices)}"
        raise Disagreement(said, indptr, kind="malformed")
    values = array(parts[2], f"values of {what}", indices.shape, "f")
    if values.dtype != dtype:
        raise Disagreement(f"values of {what} are {values.dtype}, not {dtype}", values, kind="malformed")
    return Weights(indptr, indices, values, shape)


def read_layer(given: Any, before: Weights, number: int) -> UpdatedLayer:
    """Return a layer that an update or an edit of `before` gave.

    Raises
    ------
    Disagreement : arrays of other shapes or dtypes than such a result has.
    """
    what, dtype = f"layer {number}", before.values.dtype
    weights = _weights(getattr(given, "weights", None), before.shape, dtype, what)
    momentum = array(getattr(given, "momentum", None), f"momentum of {what}", weights.values.shape, "f")
    if momentum.dtype != dtype:
        raise Disagreement(f"momentum of {what} is {momentum.dtype}, not {dtype}", momentum, kind="malformed")
    candidates = getattr(given, "candidates", None)
    return UpdatedLayer(
        weights, momentum, None if candidates is None else integers(candidates, f"candidates of {what}")
    )


def read(given: Any, problem: UpdateProblem) -> list[Change]:
    """Return what the layers `given`, the result of an update, say that it did.

    Raises
    ------
    Disagreement : arrays of other shapes or dtypes than such a result has.
    """
    if not isinstance(given, (list, tuple)):
        raise Disagreement(
            f"the result is a {type(given).__name__}, not one layer after the other", kind="malformed"
        )
    if len(given) != len(problem.layers):
        raise Disagreement(f"the result has {len(given)} layers, not {len(problem.layers)}", kind="malformed")
    changes = []
    for number, (layer, one) in enumerate(zip(problem.layers, given, strict=True)):
        result = read_layer(one, layer.weights, number)
        old, new = state_of(layer.weights, layer.momentum), state_of(result.weights, result.momentum)
        changes.append(Change(number, layer, result, old, new))
    return changes


def updated(subject: Subject, problem: UpdateProblem) -> list[Change]:
    """Update, and return what changed.

    Raises
    ------
    Disagreement : the result cannot be read.
    """
    return read(subject.call("update", problem), problem)
