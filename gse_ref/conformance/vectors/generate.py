"""Golden vectors made anew: recipes, results of the naive backend, and a second opinion on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ConformanceError
from ...sparse import Topology
from .. import dense_update, magnitudes
from ..adapter import Adapter
from ..adapters.own import Naive
from ..check import LEVELS
from ..judge import Disagreement
from ..problems import Pattern, UpdateProblem, Weights
from ..subject import Subject
from . import (
    recipes_convolutions,
    recipes_edit,
    recipes_kernels,
    recipes_sampling,
    recipes_selection,
    recipes_update,
)
from .document import encoded, text
from .operations import arguments_of, named
from .recipe import FLAGS, Recipe
from .store import VERSION, vector_of
from .vector import TOLERANCES, Vector, widened

Array = np.ndarray
FLOAT64 = np.dtype(np.float64)

#: Level and recipes of each file.
SOURCES: dict[str, tuple[str, tuple[Recipe, ...]]] = {
    "kernels": ("kernels", recipes_kernels.RECIPES),
    "convolutions": ("kernels", recipes_convolutions.RECIPES),
    "sampling": ("sampling", recipes_sampling.RECIPES),
    "selection": ("selection", recipes_selection.RECIPES),
    "edit": ("selection", recipes_edit.RECIPES),
    "update": ("update", recipes_update.RECIPES),
}


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


def _bounds(operation: str, arguments: tuple[Any, ...], results: dict[str, Array]) -> dict[str, tuple[Array, int]]:
    if operation in _SUMS:
        [name] = results
        return {name: _SUMS[operation](*arguments)}
    if operation in ("distributions", "conv_distributions"):
        return {name: _of_share(share) for name, share in results.items()}
    if operation == "prune_fraction":
        return {name: (np.array(arguments[1]), 2) for name in results}
    return {}


def _expected(operation: str, arguments: tuple[Any, ...], results: dict[str, Array]) -> dict[str, Any]:
    bounds, found = _bounds(operation, arguments, results), {}
    for name, value in results.items():
        if name in bounds:
            magnitude, length = bounds[name]
            like = encoded(np.asarray(magnitude, np.float64))["data"]
            found[name] = {"tolerance": "sums", **encoded(value), "length": length, "magnitude": like}
        elif value.dtype.kind == "f":
            found[name] = {"tolerance": "bits", **encoded(value.astype(np.float32))}
        else:
            found[name] = {"tolerance": "exact", **encoded(value.astype(np.int64))}
    return found


def determined(recipe: Recipe) -> bool:
    """Return whether everybody must come to the same: no draw hangs on how a table is rounded."""
    problem = recipe.arguments[0]
    return not isinstance(problem, UpdateProblem) or None not in dense_update.expected(problem).candidates


def _made(recipe: Recipe, subject: Subject) -> dict[str, Any]:
    """Return the JSON of a vector.

    Raises
    ------
    ConformanceError : its results depend on rounding.
    """
    if not determined(recipe):
        raise ConformanceError(f"{recipe.id}: a draw depends on rounding: choose other numbers")
    wide = tuple(widened(argument, FLOAT64) for argument in recipe.arguments)
    with np.errstate(all="ignore"):
        results = named(recipe.operation, subject.call(recipe.operation, *wide))
        expected = _expected(recipe.operation, wide, results)
    names = zip(arguments_of(recipe.operation), recipe.arguments, strict=True)
    return {
        "id": recipe.id,
        "comment": recipe.comment,
        "flags": list(recipe.flags),
        "note": recipe.note,
        "section": recipe.section,
        "operation": recipe.operation,
        "inputs": {name: encoded(argument) for name, argument in names},
        "expected": expected,
    }


def documents() -> dict[str, dict[str, Any]]:
    """Return every file of vectors, by name, made from the recipes by the naive backend in float64.

    Raises
    ------
    ConformanceError : the results of a vector depend on rounding.
    """
    subject, found = Subject(Naive()), {}
    for name, (level, recipes) in SOURCES.items():
        vectors = [_made(recipe, subject) for recipe in recipes]
        used = {flag for one in vectors for flag in one["flags"]}
        found[name] = {
            "schema": "schema.json",
            "generator": {"name": "gse_ref.conformance.vectors", "version": VERSION},
            "level": level,
            "flags": {flag: said for flag, said in FLAGS.items() if flag in used},
            "tolerances": TOLERANCES,
            "vectors": vectors,
        }
    return found


def texts() -> dict[str, str]:
    """Return the text of every file."""
    return {name: text(document) + "\n" for name, document in documents().items()}


def vectors_of(found: dict[str, dict[str, Any]]) -> list[Vector]:
    """Return the vectors of documents, in the order of levels."""
    ordered = sorted(found.values(), key=lambda document: LEVELS.index(document["level"]))
    return [vector_of(one, document["level"]) for document in ordered for one in document["vectors"]]


def second_opinion(vectors: list[Vector], adapter: Adapter) -> None:
    """Have every vector computed once more, in each dtype.

    Raises
    ------
    ConformanceError : another result, or none.
    """
    subject = Subject(adapter)
    for vector in vectors:
        for dtype in subject.states.dtypes:
            try:
                with np.errstate(all="ignore"):
                    result = subject.call(vector.operation, *vector.arguments(dtype))
                vector.judge_result(result, dtype)
            except Disagreement as wrong:
                what = f"{subject.states.name}, {dtype}: {wrong.what}\n{wrong.actual}\nnot\n{wrong.expected}"
                raise ConformanceError(f"not written, two computations differ: {what}") from None
