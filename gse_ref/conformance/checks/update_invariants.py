"""Level update: the invariants of section 5, each on its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from .. import strategies
from ..change import Change, updated
from ..check import Check
from ..dense_update import expected, groups, inactive, least
from ..judge import same_floats, wrong
from ..problems import UpdateProblem
from ..subject import Declaration, Subject


def _updates(states: Declaration) -> st.SearchStrategy[UpdateProblem]:
    return strategies.updates(states.methods, states.dtypes)


def _total(subject: Subject, problem: UpdateProblem) -> None:
    changes = updated(subject, problem)
    before, after = ([len(side(change)) for change in changes] for side in (_before, _after))
    if problem.scope == "layer" and before != after:
        wrong("under layer scope the connections of each layer are not as many as before", after, before)
    if sum(before) != sum(after):
        wrong(f"{sum(after)} connections in all, not {sum(before)} as before", after, before)


def _before(change: Change) -> np.ndarray:
    return change.layer.weights.indices


def _after(change: Change) -> np.ndarray:
    return change.result.weights.indices


def _canonical(subject: Subject, problem: UpdateProblem) -> None:
    for change in updated(subject, problem):
        weights, n_in = change.result.weights, change.layer.weights.shape[1]
        where = f"of layer {change.number}"
        if len(weights.indices) and not 0 <= weights.indices.min() <= weights.indices.max() < n_in:
            wrong(f"columns {where} lie outside [0, {n_in})", weights.indices)
        for row in range(len(weights.indptr) - 1):
            columns = weights.indices[weights.indptr[row] : weights.indptr[row + 1]]
            if (np.diff(columns) <= 0).any():
                wrong(f"columns of row {row} {where} do not strictly increase", columns, np.unique(columns))


def _grown_inactive(subject: Subject, problem: UpdateProblem) -> None:
    for change in updated(subject, problem):
        ids = change.result.candidates
        for edge in () if ids is None else ids.tolist():
            if edge in change.old:
                wrong(
                    f"{change.name(edge)} is a candidate though it is active", ids, sorted(inactive(change.layer))
                )
        twice = len(_after(change)) - len(change.new)
        if twice:
            wrong(f"{twice} connections of layer {change.number} occur twice: grown though active", _after(change))
        for edge in change.kept:
            (weight, momentum), (old, old_momentum) = change.new[edge], change.old[edge]
            if weight == 0 == momentum and (old != 0 or old_momentum != 0) and problem.fraction > 0:
                said = (
                    f"{change.name(edge)} starts anew from 0: it was active, or has just been pruned, and was grown"
                )
                wrong(said, (weight, momentum), (old, old_momentum))


def _candidates(subject: Subject, problem: UpdateProblem) -> None:
    for change, found in zip(updated(subject, problem), expected(problem).candidates, strict=True):
        actual = change.result.candidates
        if found is None:
            continue
        for edge in sorted(change.grown - found):
            wrong(f"{change.name(edge)} was grown but is no candidate", sorted(change.grown), sorted(found))
        if actual is None:
            continue
        if problem.method in ("gse", "gse-grabo", "gse-graest") and actual.tolist() != sorted(found):
            wrong(f"the candidates of layer {change.number} are others", actual, np.array(sorted(found), np.int64))
        if not change.grown <= set(actual.tolist()):
            wrong(f"layer {change.number} grew others than the candidates it reports", sorted(change.grown), actual)


def _count(subject: Subject, problem: UpdateProblem) -> None:
    changes, wanted = updated(subject, problem), expected(problem)
    if wanted.counts is None:
        return
    for group, k in zip(groups(problem), wanted.counts, strict=True):
        grown, pruned = ([len(getattr(changes[number], side)) for number in group] for side in ("grown", "pruned"))
        where = "in all" if problem.scope == "global" else f"in layer {group[0]}"
        for name, counts in (("grown", grown), ("pruned", pruned)):
            if sum(counts) != k:
                asked = f"⌈αN⌉ is {[wanted.quotas[number] for number in group]}"
                free = f"|S| is {[len(wanted.candidates[number] or ()) for number in group]}"
                wrong(f"{sum(counts)} {name} {where}, not k = {k}: {asked}, {free}", counts, k)


def _grown_zero(subject: Subject, problem: UpdateProblem) -> None:
    for change in updated(subject, problem):
        for edge in sorted(change.grown):
            for name, value in zip(("weight", "momentum"), change.new[edge], strict=True):
                if value != 0:
                    wrong(f"the {name} of the grown {change.name(edge)} is not 0", value, 0.0)


def _survive(part: int, name: str) -> Callable[[Subject, UpdateProblem], None]:
    def body(subject: Subject, problem: UpdateProblem) -> None:
        for change in updated(subject, problem):
            dtype, kept = change.layer.momentum.dtype, change.kept
            after, before = (np.array([side[e][part] for e in kept], dtype) for side in (change.new, change.old))
            at = ", ".join(str(divmod(edge, change.layer.weights.shape[1])) for edge in kept[:20])
            same_floats(
                after, before, f"{name} of layer {change.number} at the surviving {at}: ", signed_zeros=True
            )

    return body


def _pruned(subject: Subject, problem: UpdateProblem) -> None:
    changes = updated(subject, problem)
    counts = [sum(len(changes[number].pruned) for number in group) for group in groups(problem)]
    for change, best in zip(changes, least(problem, counts), strict=True):
        for edge in sorted(best - change.pruned):
            weight = change.old[edge][0]
            said = (
                f"{change.name(edge)} of weight {weight!r} stays, though others go that are larger or tie with it"
            )
            wrong(f"{said} and come later", sorted(change.pruned), sorted(best))


def _pure(subject: Subject, problem: UpdateProblem) -> None:
    updated(subject, problem)


def _check(name: str, summary: str, section: str, body: Callable[[Subject, UpdateProblem], None]) -> Check:
    return Check(name, "update", summary, section, ("update",), body, _updates, examples=40)


CHECKS = (
    _check("update_total", "Σ|A| is unchanged, of each layer under layer scope", "section 5", _total),
    _check("update_canonical", "A stays canonical: columns strictly increase in each row", "section 5", _canonical),
    _check("update_pure", "the layers that were handed over are not changed", "section 5", _pure),
    _check(
        "update_count", "|G| = |P| = k = min(Σ⌈αN⌉, Σ|S|), of each layer under layer scope", "section 5.5", _count
    ),
    _check("update_candidates", "G ⊆ S, and S is what was drawn", "section 5.2, 5.3", _candidates),
    _check(
        "update_grown_inactive", "G ∩ A = ∅: nothing active or just pruned is grown", "section 5.6", _grown_inactive
    ),
    _check(
        "update_pruned",
        "P are the connections of smallest |θ|, ties by layer, then edge id",
        "section 5.6",
        _pruned,
    ),
    _check("update_grown_zero", "grown weights and their momentum are 0", "section 5.7", _grown_zero),
    _check("update_survivors", "survivors keep their weights bit for bit", "section 5.7", _survive(0, "weights")),
    _check("update_momentum", "survivors keep their momentum bit for bit", "section 5.7", _survive(1, "momentum")),
)
