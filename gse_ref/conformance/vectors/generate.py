"""Golden vectors made anew: recipes, results of the naive backend, and a second opinion on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ConformanceError
from .. import dense_update
from ..adapter import Adapter
from ..adapters.own import Naive
from ..check import LEVELS
from ..judge import Disagreement
from ..problems import TrainingProblem, UpdateProblem
from ..subject import Subject
from ..training_reference import Reference
from . import (
    recipes_convolutions,
    recipes_edit,
    recipes_kernels,
    recipes_sampling,
    recipes_selection,
    recipes_training,
    recipes_update,
)
from .bounds import bounds
from .document import encoded, text
from .operations import arguments_of, named
from .recipe import FLAGS, Recipe
from .store import VERSION, vector_of
from .vector import TOLERANCES, Vector, widened

Array = np.ndarray
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

#: Level and recipes of each file.
SOURCES: dict[str, tuple[str, tuple[Recipe, ...]]] = {
    "kernels": ("kernels", recipes_kernels.RECIPES),
    "convolutions": ("kernels", recipes_convolutions.RECIPES),
    "sampling": ("sampling", recipes_sampling.RECIPES),
    "selection": ("selection", recipes_selection.RECIPES),
    "edit": ("selection", recipes_edit.RECIPES),
    "update": ("update", recipes_update.RECIPES),
    "training": ("training", recipes_training.RECIPES),
}


def _expected(operation: str, arguments: tuple[Any, ...], results: dict[str, Array]) -> dict[str, Any]:
    allowed, found = bounds(operation, arguments, results), {}
    for name, value in results.items():
        if name in allowed:
            magnitude, length = allowed[name]
            like = encoded(np.asarray(magnitude, np.float64))["data"]
            found[name] = {"tolerance": "sums", **encoded(value), "length": max(1, length), "magnitude": like}
        elif value.dtype.kind == "f":
            found[name] = {"tolerance": "bits", **encoded(value.astype(np.float32))}
        else:
            found[name] = {"tolerance": "exact", **encoded(value.astype(np.int64))}
    return found


def determined(recipe: Recipe) -> bool:
    """Return whether everybody must come to the same: no draw and no choice hangs on rounding."""
    problem = recipe.arguments[0]
    if isinstance(problem, UpdateProblem):
        return None not in dense_update.expected(problem).candidates
    if isinstance(problem, TrainingProblem):
        return Reference(problem).ends_decided(FLOAT32)
    return True


def _made(recipe: Recipe, subject: Subject) -> dict[str, Any]:
    """Return the JSON of a vector.

    Raises
    ------
    ConformanceError : its results depend on rounding.
    """
    if not determined(recipe):
        raise ConformanceError(f"{recipe.id}: a draw or a choice depends on rounding: choose other numbers")
    wide = tuple(widened(argument, FLOAT64) for argument in recipe.arguments)
    with np.errstate(all="ignore"):
        results = named(recipe.operation, subject.call(recipe.operation, *wide))
        expected = _expected(recipe.operation, wide, results)
    expected = {name: part for name, part in expected.items() if not recipe.only or name in recipe.only}
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
