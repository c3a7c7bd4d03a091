"""Level selection: which connections are grown and pruned, and the edit (ALGORITHM sections 5.5 to 5.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...backends import get
from ...sparse import Topology
from .. import strategies
from ..check import Check
from ..judge import Disagreement, array, integers, same_floats, same_integers, wrong
from ..problems import Layer, Selected, Weights
from ..strategies import Change, Choosing, Ranked
from ..subject import Declaration, Subject
from .refusal import refused
from .wide import WIDE, of_pairs

NAIVE = get("naive")
CHOICE = "section 5.6"
EDIT = "section 5.7"


def _top_k(subject: Subject, case: Ranked) -> None:
    scores, k = case
    same_integers(subject.call("top_k", scores, k), NAIVE.top_k(scores, k), "positions of the highest scores")


def _top_k_corners(states: Declaration) -> Iterator[Ranked]:
    for dtype in states.dtypes:
        for scores in ([], [1, 1, 1, 1], [0.0, -0.0, 0.0, -0.0], [-np.inf, np.inf, 0, np.inf], [2, 0, 1, 2, 1, 1]):
            yield from (Ranked(np.array(scores, dtype), k) for k in range(len(scores) + 1))
        yield Ranked((np.arange(1000) % 7).astype(dtype), 500)  # beyond where a sort is an insertion sort


def _top_k_of_nan(subject: Subject, case: Ranked) -> None:
    refused(subject, "a score is NaN", "top_k", *case)


def _nan_corners(states: Declaration) -> Iterator[Ranked]:
    for dtype in states.dtypes:
        for at in range(3):
            scores = np.array([3, 1, 2], dtype)
            scores[at] = np.nan
            yield Ranked(scores, 1)


def _quotas(case: Choosing) -> list[tuple[list[int], int]]:
    """Return layers that choose together, and k of each group."""
    numbers = list(range(len(case.layers)))
    groups = [numbers] if case.scope == "global" else [[number] for number in numbers]
    return [
        (group, min(sum(case.counts[i] for i in group), sum(len(case.layers[i].scores) for i in group)))
        for group in groups
    ]


def _first(keys: Sequence[np.ndarray], group: list[int], k: int) -> list[set[int]]:
    """Return positions of the k smallest keys of a group by layer; ties: lower layer, lower position."""
    every = sorted((float(key), i, position) for i in group for position, key in enumerate(keys[i]))[:k]
    return [{position for _, i, position in every if i == layer} for layer in range(len(keys))]


def chosen(case: Choosing) -> list[Selected]:
    """Return what each layer grows and prunes, by the words of sections 5.5 and 5.6."""
    grow: list[set[int]] = [set() for _ in case.layers]
    prune: list[set[int]] = [set() for _ in case.layers]
    for group, k in _quotas(case):
        best = _first([-layer.scores for layer in case.layers], group, k)
        least = _first([np.abs(layer.values) for layer in case.layers], group, k)
        for i in group:
            grow[i], prune[i] = best[i], least[i]
    return [
        Selected(np.array(sorted(g), np.int64), np.array(sorted(p), np.int64))
        for g, p in zip(grow, prune, strict=True)
    ]


def _selected(result: Any, case: Choosing) -> list[Selected]:
    """Return the result as arrays of int64, if it is one pair of them for each layer."""
    if not isinstance(result, (tuple, list)) or len(result) != len(case.layers):
        raise Disagreement("not one Selected for each layer", result, kind="malformed")
    found = []
    for number, one in enumerate(result):
        if not isinstance(one, (tuple, list)) or len(one) != 2:
            raise Disagreement(f"layer {number}: not a pair (grow, prune)", one, kind="malformed")
        found.append(
            Selected(
                *(integers(p, f"layer {number}: {name}") for p, name in zip(one, ("grow", "prune"), strict=True))
            )
        )
    return found


def _select(subject: Subject, case: Choosing) -> None:
    """Judge numbers first, then which; `grow` and `prune` must be increasing."""
    found = _selected(subject.call("select", case.layers, case.counts, case.scope), case)
    expected = chosen(case)
    for group, k in _quotas(case):
        for name in ("grow", "prune"):
            count = sum(getattr(found[i], name).size for i in group)
            if count != k:
                where = f"layer {group[0]}" if case.scope == "layer" else "all layers together"
                what = f"scope {case.scope}: {where} {name} {count} connections, not k = {k}"
                wrong(f"{what} = min(Σ ⌈αN⌉, Σ |S|)", found, expected)
    for number, (one, right) in enumerate(zip(found, expected, strict=True)):
        for part, expected_part, name in zip(one, right, ("positions to grow", "slots to prune"), strict=True):
            same_integers(part, expected_part, f"scope {case.scope}, layer {number}: {name}")


def _select_corners(states: Declaration) -> Iterator[Choosing]:
    for dtype in states.dtypes:

        def layer(values: list[float], scores: list[float], dtype: np.dtype = dtype) -> Layer:
            return Layer(np.array(values, dtype), np.array(scores, dtype))

        tied, other = layer([1, -1, 1, -1], [2, 2, 2, 2]), layer([0.0, -0.0, 3], [2, 5, 2])
        nothing, few = layer([], []), layer([4, -3, 2, 1], [7])
        for scope in ("layer", "global"):
            yield Choosing((tied,), (2,), scope)
            yield Choosing((layer([3, 4], [1, 2]),), (1,), scope)
            yield Choosing((tied, tied), (1, 2), scope)
            yield Choosing((tied, other), (2, 2), scope)
            yield Choosing((few, nothing, tied), (3, 0, 2), scope)
            yield Choosing((nothing,), (0,), scope)
            yield Choosing((layer([1, 2], []), layer([3], [np.inf, 1])), (2, 1), scope)


def _select_of_nan(subject: Subject, case: Choosing) -> None:
    refused(subject, "a score is NaN", "select", *case)


def _select_nan_corners(states: Declaration) -> Iterator[Choosing]:
    for dtype in states.dtypes:
        layers = tuple(Layer(np.array([1, 2, 3], dtype), np.array(s, dtype)) for s in ([1, 2], [5, np.nan, 4]))
        yield from (Choosing(layers, (1, 1), scope) for scope in ("layer", "global"))


def _canonical(weights: Any, shape: tuple[int, int], size: int) -> Weights:
    """Return weights with int64 indices, if they are canonical CSR of this shape and so many connections."""
    if not isinstance(weights, (tuple, list)) or len(weights) != 4 or weights[3] != shape:
        raise Disagreement(f"no Weights of a layer of shape {shape}", weights, kind="malformed")
    indptr, indices = integers(weights[0], "indptr", (shape[0] + 1,)), integers(weights[1], "indices").reshape(-1)
    if indices.size != size:
        wrong(f"{indices.size} connections after the edit, not {size}", indices)
    if indptr[0] != 0 or indptr[-1] != size or (np.diff(indptr) < 0).any():
        wrong(f"indptr must rise from 0 to {size}", indptr)
    ids = np.repeat(np.arange(shape[0]), np.diff(indptr)) * shape[1] + indices
    if (np.diff(ids) <= 0).any():
        wrong("columns are not strictly increasing within each row", indices)
    return Weights(indptr, indices, weights[2], shape)


def _edit(subject: Subject, case: Change) -> None:
    (indptr, indices, values, shape), momentum, pruned, rows, cols = case
    result = subject.call("edit", *case)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Disagreement("not an Edited: weights and momentum", result, kind="malformed")
    new_indptr, new_indices, target = NAIVE.merge(indptr, indices, pruned, rows, cols)
    found = _canonical(result[0], shape, len(new_indices))
    same_integers(found.indptr, new_indptr, "indptr")
    same_integers(found.indices, new_indices, "indices")
    grown = np.ones(len(new_indices), bool)
    grown[target[target >= 0]] = False
    for name, old, new in (("weight", values, found.values), ("momentum", momentum, result[1])):
        _carried(new, NAIVE.carry(old, target, len(new_indices)), grown, name)


def _carried(found: Any, expected: np.ndarray, grown: np.ndarray, name: str) -> None:
    """Demand survivors bit for bit, the sign of zero too but no payload of NaN, and 0 of either sign elsewhere."""
    found = array(found, f"the {name} after the edit", expected.shape, "f")
    if not (found[grown] == 0).all():
        wrong(f"a grown connection does not start with {name} 0", found, expected)
    survivors = np.where(grown, found.dtype.type(0), found)
    same_floats(survivors, expected, f"the {name} after the edit", signed_zeros=True)


def _change(topology: Topology, dtype: np.dtype, pruned: list[int], grown: list[tuple[int, int]]) -> Change:
    """Return an edit; the weights are an explicit 0, -0 and others, the momenta 1, 2, 3 and so on."""
    weights = np.resize(np.array([0.0, 1.5, -0.0, -2.0, np.nan], dtype), topology.nnz)
    rows, cols = np.array(grown, np.int32).reshape(-1, 2).T.copy()
    layer = Weights(topology.indptr, topology.indices, weights, topology.shape)
    return Change(layer, np.arange(1, topology.nnz + 1).astype(dtype), np.array(pruned, np.int64), rows, cols)


def _edit_corners(states: Declaration) -> Iterator[Change]:
    small = of_pairs([(0, 0), (0, 2), (1, 1), (2, 0), (2, 1), (2, 2)], (4, 3))
    empty = of_pairs([], (2, 2))
    for dtype in states.dtypes:
        yield _change(small, dtype, [], [])
        yield _change(empty, dtype, [], [])
        yield _change(empty, dtype, [], [(0, 0), (0, 1), (1, 0), (1, 1)])
        yield _change(small, dtype, [], [(0, 1), (1, 0), (3, 2)])
        yield _change(small, dtype, [3, 4, 5], [(0, 1), (3, 0), (3, 1)])
        yield _change(small, dtype, [1, 2], [(1, 0), (1, 2)])
        yield _change(small, dtype, list(range(6)), [])
        yield _change(small, dtype, list(range(6)), [(0, 1)])
    for shape in WIDE:
        bottom, right = shape[0] - 1, shape[1] - 1
        wide = of_pairs([(0, 0), (0, right), (bottom // 2, 5), (bottom, 0), (bottom, right - 1)], shape)
        yield _change(wide, states.dtypes[0], [1, 3], [(0, 9), (bottom, right - 2), (bottom, right)])


def _scope(name: str, summary: str, section: str, body: Any, cases: Any, corners: Any) -> Check:
    operation = name.removesuffix("_of_nan")
    return Check(name, "selection", summary, section, (operation,), body, cases, corners)


CHECKS = (
    _scope(
        "top_k",
        "positions of the k highest scores, increasing; ties go to the lower position, +0 and -0 are equal",
        CHOICE,
        _top_k,
        lambda states: strategies.ranked(states.dtypes),
        _top_k_corners,
    ),
    _scope("top_k_of_nan", "a score that is NaN is an error", CHOICE, _top_k_of_nan, None, _nan_corners),
    _scope(
        "select",
        "k highest scores and k smallest |θ|, by layer or over all; ties: lower layer, then lower edge id",
        "sections 5.5 and 5.6",
        _select,
        lambda states: strategies.choosing(states.dtypes),
        _select_corners,
    ),
    _scope("select_of_nan", "a score that is NaN is an error", CHOICE, _select_of_nan, None, _select_nan_corners),
    _scope(
        "edit",
        "A without what is pruned and with what is grown, canonical; survivors bit for bit, the grown ones 0",
        EDIT,
        _edit,
        lambda states: strategies.changes(states.dtypes),
        _edit_corners,
    ),
)
