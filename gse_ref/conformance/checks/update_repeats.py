"""Level update: what several updates say of SET, of determinism and of threads; and scores that are NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from scipy.stats import binom

from ...rng import stream
from .. import strategies
from ..change import Change, updated
from ..check import Check
from ..dense_update import expected, groups, inactive
from ..judge import Disagreement, same_floats, same_integers, wrong
from ..problems import Draws, ExploredLayer, UpdateProblem, Weights
from ..subject import Declaration, Subject
from .update_corners import corners

#: Updates whose growth is counted.
REPEATS = 300
#: Probability with which a right implementation fails `update_set_uniform`, at most.
FALSE_ALARM = 1e-9


def _updates(states: Declaration) -> st.SearchStrategy[UpdateProblem]:
    return strategies.updates(states.methods, states.dtypes)


def same(actual: list[Change], wanted: list[Change], when: str) -> None:
    """Demand that two updates gave the same bits.

    Raises
    ------
    Disagreement : they did not.
    """
    for one, other in zip(actual, wanted, strict=True):
        where = f"of layer {one.number} {when}"
        for name in ("indptr", "indices"):
            same_integers(getattr(one.result.weights, name), getattr(other.result.weights, name), f"{name} {where}")
        same_floats(one.result.weights.values, other.result.weights.values, f"values {where}", signed_zeros=True)
        same_floats(one.result.momentum, other.result.momentum, f"momentum {where}", signed_zeros=True)


def _deterministic(subject: Subject, problem: UpdateProblem) -> None:
    first = updated(subject, problem)
    same(updated(subject, problem), first, "the second time")


def _threads(subject: Subject, problem: UpdateProblem) -> None:
    subject.call("set_threads", 1)
    first = updated(subject, problem)
    subject.call("set_threads", 2)
    same(updated(subject, problem), first, "with 2 threads, not 1,")


def _not_finite(states: Declaration) -> Iterable[UpdateProblem]:
    """Every inactive connection is scored, and every score is NaN."""
    pattern = np.array([0, 3, 5, 6]), np.array([0, 1, 3, 0, 2, 1])
    for method in states.methods:
        if method == "set":
            continue
        for dtype in states.dtypes:
            values = np.arange(1, 7).astype(dtype)
            delta = np.full((3, 2), np.nan, dtype)
            draws = Draws(np.full(18, 0.5), np.full(18, 0.5), np.ones(2))
            layer = ExploredLayer(
                Weights(*pattern, values, (3, 4)), values, np.ones((4, 2), dtype), delta, None, draws
            )
            yield UpdateProblem((layer,), method, 0.5, "layer", 3.0, 0)


def _refused(subject: Subject, problem: UpdateProblem) -> None:
    try:
        result = subject.call("update", problem)
    except Disagreement as found:
        if found.kind == "raised":
            return
        raise
    wrong("scores that are NaN were accepted: an error is due", result)


class _Growth(NamedTuple):
    """Counts of `REPEATS` updates: which connections, as (layer, edge id), were grown, alone and in pairs."""

    alone: dict[tuple[int, int], int]
    pairs: dict[tuple[tuple[int, int], tuple[int, int]], int]


def _set_cases(states: Declaration) -> Iterable[UpdateProblem]:
    """Two layers of 13 and 4 inactive connections, together, where the larger one gains, and each on its own."""
    dtype, layers = states.dtypes[0], []
    for shape, columns in (((4, 5), [[0, 1, 4], [2], [0], [1, 3]]), ((2, 3), [[0, 2], []])):
        indptr, indices = np.cumsum([0, *map(len, columns)]), np.array([j for row in columns for j in row])
        values = (np.arange(len(indices)) - 2.5).astype(dtype)
        x, delta = np.ones((shape[1], 1), dtype), np.ones((shape[0], 1), dtype)
        draws = Draws(np.full(len(indices), 0.5), np.full(len(indices), 0.5), np.ones(1))
        layers.append(ExploredLayer(Weights(indptr, indices, values, shape), values, x, delta, None, draws))
    yield UpdateProblem(tuple(layers), "set", 0.5, "global", 1.0, 0)
    yield UpdateProblem(tuple(layers), "set", 0.5, "layer", 1.0, 0)


def _growths(subject: Subject, problem: UpdateProblem) -> list[_Growth]:
    """Return what grew of each group of layers that share a count."""
    growths = []
    for group in groups(problem):
        free = [(number, edge) for number in group for edge in sorted(inactive(problem.layers[number]))]
        growths.append(_Growth(dict.fromkeys(free, 0), dict.fromkeys(combinations(free, 2), 0)))
    for seed in stream(subject.seed, "check", 1).choice(2**31, REPEATS, replace=False).tolist():
        subject.begin()
        changes = updated(subject, problem._replace(seed=seed))
        for group, growth in zip(groups(problem), growths, strict=True):
            found = [(number, edge) for number in group for edge in sorted(changes[number].grown)]
            for one in found:
                growth.alone[one] += 1
            for pair in combinations(found, 2):
                growth.pairs[pair] += 1
    return growths


def _unlikely(count: int, probability: float, alarm: float) -> bool:
    """Return whether a binomial count of `REPEATS` lies in either tail of probability alarm / 2, exactly."""
    tails = binom.cdf(count, REPEATS, probability), binom.sf(count - 1, REPEATS, probability)
    return min(tails) < alarm / 2


def _uniform(subject: Subject, problem: UpdateProblem) -> None:
    """Every connection is grown with the same probability k / m, and every pair with k(k - 1) / m(m - 1).

    Over independent updates each of these numbers is binomial, so the tails are exact; their union is bounded by
    sharing `FALSE_ALARM` out over all of them: over the connections and pairs of a group, and over the three groups
    of both cases.
    """
    for growth, k in zip(_growths(subject, problem), expected(problem).counts or (), strict=True):
        m = len(growth.alone)
        alarm = FALSE_ALARM / 3 / (m + len(growth.pairs))
        chances: tuple[tuple[dict, float], ...] = (
            (growth.alone, k / m),
            (growth.pairs, k * (k - 1) / (m * (m - 1))),
        )
        for counted, probability in chances:
            for who, count in counted.items():
                if _unlikely(count, probability, alarm):
                    said = f"growth is not uniform over the {m} inactive connections: {count} of {REPEATS} updates"
                    wrong(f"{said} grew {who} (layer, edge id), {REPEATS * probability:.0f} were due", count)


def _undetermined(states: Declaration) -> str | None:
    return None if states.deterministic else "the adapter does not claim to be deterministic"


def _no_set(states: Declaration) -> str | None:
    return None if "set" in states.methods else "the adapter states no method set"


def _scored(states: Declaration) -> str | None:
    return None if set(states.methods) - {"set"} else "the adapter's methods have no scores"


def _check(
    name: str,
    summary: str,
    section: str,
    body: Callable[[Subject, UpdateProblem], None],
    applies: Callable[[Declaration], str | None],
    needs: tuple[str, ...] = ("update",),
) -> Check:
    return Check(name, "update", summary, section, needs, body, _updates, corners, examples=20, applies=applies)


CHECKS = (
    Check(
        "update_set_uniform",
        "update",
        f"SET grows uniformly among the inactive (false alarm below {FALSE_ALARM:g})",
        "section 6",
        ("update",),
        _uniform,
        corners=_set_cases,
        seeded=True,
        applies=_no_set,
    ),
    _check(
        "update_deterministic",
        "the same update twice gives the same bits",
        "section 5",
        _deterministic,
        _undetermined,
    ),
    _check(
        "update_threads",
        "the bits do not depend on the number of threads",
        "section 5",
        _threads,
        _undetermined,
        ("update", "set_threads"),
    ),
    Check(
        "update_not_finite",
        "update",
        "scores that are NaN are an error",
        "section 5.6",
        ("update",),
        _refused,
        corners=_not_finite,
        applies=_scored,
    ),
)
