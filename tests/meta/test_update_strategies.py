"""The strategy of whole updates reaches the corners that the checks count on, and shrinks to what can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import find, settings

from gse_ref.conformance import UpdateProblem, strategies
from gse_ref.conformance.dense_update import ceiling, edge_ids, expected, gradient, groups, inactive, masses
from gse_ref.conformance.strategies import LAST_UNIFORM
from tests.meta.corners import rare

EXAMPLES = 400


def _tie(best: list[float], k: int) -> bool:
    """Return whether the k-th and the next are equal."""
    ordered = sorted(best)
    return 0 < k < len(ordered) and ordered[k - 1] == ordered[k]


def _ties(problem: UpdateProblem) -> Iterator[str]:
    wanted = expected(problem)
    if wanted.counts is None:
        return
    for group, k in zip(groups(problem), wanted.counts, strict=True):
        layers = [problem.layers[number] for number in group]
        weights = [[abs(float(v)) for v in layer.weights.values] for layer in layers]
        scores = [
            (-np.abs(gradient(layer)).reshape(-1)[sorted(wanted.candidates[number])]).tolist()
            for number, layer in zip(group, layers, strict=True)
        ]
        for name, values in (("weights", weights), ("scores", scores)):
            flat = sorted(value for part in values for value in part)
            if _tie(flat, k):
                yield f"tie of {name}"
                if sum(flat[k] in part for part in values) > 1:
                    yield f"tie of {name} across layers"


def of_update(problem: UpdateProblem) -> Iterator[str]:
    wanted = expected(problem)
    if wanted.counts is None:
        yield "undecided"
        return
    yield "nothing to grow" if sum(wanted.counts) == 0 else "something to grow"
    yield f"{problem.method}, {problem.scope}"
    if sum(wanted.counts) < sum(wanted.quotas):
        yield "fewer candidates than asked for"
    yield from _ties(problem)
    for layer in problem.layers:
        nnz, free = len(layer.weights.indices), len(inactive(layer))
        yield "empty layer" if nnz == 0 else "full layer" if free == 0 else "some connections"
        yield "linear" if layer.geometry is None else "convolution"
        if layer.x.shape[-1] == 1:
            yield "one sample"
        draws = ceiling(problem.subset_factor, nnz)
        if 0 < draws < free:
            yield "some drawn"
            if not masses(layer, "grabo")[0].any() or not layer.x.any() or not layer.delta.any():
                yield "no mass"
        if 0 < free <= draws:
            yield "all inactive are candidates"
            if free == draws:
                yield "as many inactive as draws"
        for side in (layer.draws.inputs, layer.draws.outputs):
            assert len(side) == draws
            yield from (name for name, u in (("u = 0", 0.0), ("u just below 1", LAST_UNIFORM)) if u in side)
        values = layer.weights.values
        if (np.signbit(values) & (values == 0)).any():
            yield "negative zero"
    yield f"{len(problem.layers)} layers"


def test_each_corner_is_drawn_again_and_again() -> None:
    methods = ("gse", "gse-grabo", "gse-graest", "set", "rigl")
    wanted = {
        *(f"{method}, {scope}" for method in methods for scope in ("layer", "global")),
        *("nothing to grow", "something to grow", "fewer candidates than asked for", "empty layer", "full layer"),
        *("some connections", "linear", "convolution", "one sample", "some drawn", "no mass", "negative zero"),
        *("all inactive are candidates", "as many inactive as draws", "u = 0", "u just below 1"),
        *("tie of weights", "tie of scores", "tie of weights across layers", "tie of scores across layers"),
        *("1 layers", "2 layers", "3 layers"),
    }
    seldom = rare(strategies.updates(), of_update, wanted, EXAMPLES)
    assert not seldom, f"updates() seldom draws {seldom} in {EXAMPLES} examples"


def test_rounding_seldom_leaves_an_update_undecided() -> None:
    assert rare(strategies.updates(), of_update, {"undecided"}, EXAMPLES // 2), "more than one in 200"


def _size(problem: UpdateProblem) -> Counter[str]:
    shapes = [layer.weights.shape for layer in problem.layers]
    nnz = sum(len(edge_ids(layer.weights)) for layer in problem.layers)
    return Counter(layers=len(shapes), pairs=sum(a * b for a, b in shapes), nnz=nnz)


@pytest.mark.parametrize(
    ("demanded", "smallest"),
    [
        (lambda problem: True, {"layers": 1, "pairs": 1, "nnz": 0}),
        (lambda problem: any(expected(problem).grown or ()), {"layers": 1, "pairs": 2, "nnz": 1}),
        (lambda problem: len(problem.layers) > 1, {"layers": 2, "pairs": 2, "nnz": 0}),
    ],
)
def test_what_fails_shrinks_to_the_smallest(demanded, smallest: dict[str, int]) -> None:
    found = find(
        strategies.updates(), demanded, settings=settings(database=None, derandomize=True, max_examples=200)
    )
    assert {name: _size(found)[name] for name in smallest} == smallest


def test_a_life_shrinks_to_the_step_that_matters() -> None:
    def demanded(program: strategies.Program) -> bool:
        return any(type(step).__name__ == "Train" for step in program.steps)

    found = find(strategies.programs(most=3), demanded, settings=settings(database=None, derandomize=True))
    assert len(found.steps) == 1
    assert _size(UpdateProblem(found.layers, "gse", 0.0, "layer", 1.0, 0)) == Counter(layers=1, pairs=1, nnz=0)
