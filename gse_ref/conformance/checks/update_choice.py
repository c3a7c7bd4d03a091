"""Level update: what is grown and pruned, connection by connection, where the given numbers determine it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from hypothesis import strategies as st

from ...rng import stream
from .. import strategies
from ..change import Change, updated
from ..check import Check
from ..dense_update import Edges, edge_ids, expected
from ..judge import same_integers, wrong
from ..problems import Draws, ExploredLayer, UpdateProblem, Weights
from ..subject import Declaration, Subject

#: Side of a layer whose edge ids do not fit 32 bits.
WIDE = 70_000


def _same(change: Change, grown: Edges, pruned: Edges) -> None:
    """Demand that these connections come and go.

    Raises
    ------
    Disagreement : others do.
    """
    for side, verb, found in (("grown", "is", grown), ("pruned", "is", pruned)):
        actual = getattr(change, side)
        for edge in sorted(found - actual):
            wrong(f"{change.name(edge)} must be {side} and {verb} not", sorted(actual), sorted(found))
        for edge in sorted(actual - found):
            wrong(f"{change.name(edge)} must not be {side}", sorted(actual), sorted(found))


def _equal(subject: Subject, problem: UpdateProblem) -> None:
    wanted = expected(problem)
    for number, change in enumerate(updated(subject, problem)):
        if wanted.grown is not None and wanted.pruned is not None:
            _same(change, wanted.grown[number], wanted.pruned[number])


def _lacks(method: str) -> Callable[[Declaration], str | None]:
    return lambda states: None if method in states.methods else f"the adapter states no method {method}"


def _check(name: str, method: str, summary: str, section: str) -> Check:
    def cases(states: Declaration) -> st.SearchStrategy[UpdateProblem]:
        return strategies.updates((method,), states.dtypes)

    return Check(name, "update", summary, section, ("update",), _equal, cases, examples=50, applies=_lacks(method))


def _wide(states: Declaration) -> Iterable[UpdateProblem]:
    """One layer of 40 connections whose edge ids lie beyond 2³¹, few of them in a row."""
    generator, dtype = stream(0, "check"), states.dtypes[0]
    rows, cols = np.sort(generator.integers(WIDE - 9, WIDE, 40)), np.arange(WIDE - 400, WIDE, 10)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=WIDE))])
    values = generator.permutation(np.arange(1, 41)).astype(dtype)
    # Every draw hits another pair, of a different score.
    uniforms = generator.permutation(np.arange(40) + 0.5) / 40
    x, delta = np.arange(1, WIDE + 1) % 4093, np.ones(WIDE)
    for fraction in (0.2, 0.7):
        layer = ExploredLayer(
            Weights(indptr, cols, values, (WIDE, WIDE)),
            values[::-1].copy(),
            x.astype(dtype)[:, None],
            delta.astype(dtype)[:, None],
            None,
            Draws(uniforms, (np.arange(40) + 0.5) / 40, np.ones(1)),
        )
        yield UpdateProblem((layer,), "gse", fraction, "layer", 1.0, 0)


def _equal_wide(subject: Subject, problem: UpdateProblem) -> None:
    """Uniform masses leave every slot where it is: what is drawn can be told without a dense array."""
    (layer,), (change,) = problem.layers, updated(subject, problem)
    rows, cols = (np.floor(u * WIDE).astype(np.int64) for u in (layer.draws.outputs, layer.draws.inputs))
    found = sorted(set((rows * WIDE + cols).tolist()) - set(edge_ids(layer.weights).tolist()))
    score = {edge: float(layer.delta[edge // WIDE, 0] * layer.x[edge % WIDE, 0]) for edge in found}
    k = min(-(-round(10 * problem.fraction) * len(change.old) // 10), len(found))
    grown = frozenset(sorted(found, key=lambda edge: (-score[edge], edge))[:k])
    pruned = frozenset(sorted(change.old, key=lambda edge: (abs(change.old[edge][0]), edge))[:k])
    if change.result.candidates is not None:
        same_integers(change.result.candidates, np.array(found, np.int64), "candidates")
    _same(change, grown, pruned)


CHECKS = (
    _check("update_gse", "gse", "gse prunes and grows what a dense computation does", "section 5"),
    _check(
        "update_gse_grabo", "gse-grabo", "gse-grabo prunes and grows what a dense computation does", "section 5"
    ),
    _check(
        "update_gse_graest", "gse-graest", "gse-graest prunes and grows what a dense computation does", "section 5"
    ),
    _check("update_rigl", "rigl", "rigl prunes and grows what a dense computation does", "section 6"),
    Check(
        "update_wide",
        "update",
        f"gse on a layer of {WIDE:,} units: edge ids beyond 32 bits",
        "section 2",
        ("update",),
        _equal_wide,
        corners=_wide,
        applies=_lacks("gse"),
    ),
)
