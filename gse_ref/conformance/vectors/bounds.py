"""Σ|a_k b_k| and K of results that are sums: how far rounding may move them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...backends import tolerance
from ...sparse import Topology
from .. import magnitudes
from ..problems import Pattern, TrainingProblem, Weights
from ..training_reference import FACTOR, Reference

Array = np.ndarray


def _topology(pattern: Pattern | Weights) -> Topology:
    return Topology(pattern.indptr, pattern.indices.astype(np.int32), pattern.shape)


def _of_pattern(pattern: Pattern, dy: Array, x: Array) -> tuple[Array, int]:
    topology = _topology(pattern)
    return magnitudes.pairs(topology.rows, topology.indices, dy, x), x.shape[1]


def _of_patches(pattern: Pattern, dy: Array, x: Array, geometry: Any) -> tuple[Array, int]:
    topology = _topology(pattern)
    return magnitudes.convolution_pairs(topology.rows, topology.indices, dy, x, geometry), dy[0].size


def _of_layer(weights: Weights, x: Array, bias: Array | None) -> tuple[Array, int]:
    topology = _topology(weights)
    return magnitudes.product(topology, weights.values, x, bias), magnitudes.most_inputs(topology)


def _of_convolution(weights: Weights, x: Array, geometry: Any, bias: Array | None) -> tuple[Array, int]:
    topology = _topology(weights)
    return magnitudes.convolution(topology, weights.values, x, geometry, bias), magnitudes.most_inputs(topology)


def _of_transposed(weights: Weights, dy: Array) -> tuple[Array, int]:
    topology = _topology(weights)
    return magnitudes.transposed(topology, weights.values, dy), magnitudes.most_outputs(topology)


def _of_conv_transposed(weights: Weights, dy: Array, geometry: Any, size: tuple[int, int]) -> tuple[Array, int]:
    topology = _topology(weights)
    found = magnitudes.convolution_transposed(topology, weights.values, dy, geometry, size)
    return found, magnitudes.most_outputs(topology, geometry.kernel)


#: Σ|ab| and K of operations that give one array of sums.
_SUMS: dict[str, Callable[..., tuple[Array, int]]] = {
    "forward": _of_layer,
    "transposed": _of_transposed,
    "gradient_on_pattern": _of_pattern,
    "gradient_on_pairs": lambda rows, cols, dy, x: (magnitudes.pairs(rows, cols, dy, x), x.shape[1]),
    "conv_forward": _of_convolution,
    "conv_transposed": _of_conv_transposed,
    "conv_gradient_on_pattern": _of_patches,
    "conv_gradient_on_pairs": lambda rows, cols, dy, x, geometry: (
        magnitudes.convolution_pairs(rows, cols, dy, x, geometry),
        dy[0].size,
    ),
}


def _of_share(share: Array) -> tuple[Array, int]:
    """Return magnitude and K of a probability.

    The masses of the vectors are exact in any order; what is left are their sum, whose terms have one sign, and a
    division.
    """
    return share, len(share) + 1


def _of_training(problem: TrainingProblem, results: dict[str, Array]) -> dict[str, tuple[Array, int]]:
    """Return what rounding may move each float of a trace by: 8 · eps · deviation, see `training_reference`."""
    reference, found = Reference(problem), {}
    length = int(FACTOR / tolerance.FACTOR)
    names = {"values": "weights", "momentum": "momentum", "bias": "bias", "bias_momentum": "bias_momentum"}
    for name, value in results.items():
        if value.dtype.kind != "f":
            continue
        layer, _, part = name.partition(".")
        if name == "losses":
            deviation = reference.losses.deviation
        elif layer == "normalisation":
            deviation = reference.state[part].deviation
        else:
            deviation = reference.state[f"{names[part]} {layer}"].deviation
            if deviation.ndim == 2:
                indptr, indices = results[f"{layer}.indptr"], results[f"{layer}.indices"]
                deviation = deviation[np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), indices]
        found[name] = deviation, length
    return found


def bounds(operation: str, arguments: tuple[Any, ...], results: dict[str, Array]) -> dict[str, tuple[Array, int]]:
    """Return magnitude and K of each result that is of class "sums", by name."""
    if operation in _SUMS:
        [name] = results
        return {name: _SUMS[operation](*arguments)}
    if operation in ("distributions", "conv_distributions"):
        return {name: _of_share(share) for name, share in results.items()}
    if operation == "train":
        return _of_training(arguments[0], results)
    if operation == "prune_fraction":
        return {name: (np.array(arguments[1]), 2) for name in results}
    return {}
