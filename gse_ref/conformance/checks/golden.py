"""The golden vectors of each level, through an adapter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from ..adapter import NotCovered
from ..check import Check
from ..subject import Declaration, Subject
from ..vectors import Vector, load

#: Section of docs/algorithm.md that most vectors of a level are about; each names its own.
SECTIONS = {
    "kernels": "section 2",
    "sampling": "section 5",
    "selection": "section 5",
    "update": "section 5",
    "training": "section 7",
}


class Case(NamedTuple):
    """A vector in a dtype."""

    vector: Vector
    dtype: np.dtype


def _corners(level: str, states: Declaration) -> Iterator[Case]:
    for vector in load():
        if vector.level == level:
            yield from (Case(vector, dtype) for dtype in states.dtypes)


def _golden(subject: Subject, case: Case) -> None:
    vector, states = case.vector, subject.states
    if vector.operation not in subject.operations:
        raise NotCovered(f"the adapter has no {vector.operation}")
    if vector.method() not in (None, *states.methods):
        raise NotCovered(f"the adapter knows no method {vector.method()}")
    if vector.network() not in (None, *states.networks):
        raise NotCovered(f"the adapter knows no network {vector.network()}")
    with np.errstate(all="ignore"):  # what is not finite is judged, not warned of
        result = subject.call(vector.operation, *vector.arguments(case.dtype))
    vector.judge_result(result, case.dtype)


CHECKS = tuple(
    Check(
        f"golden_{level}",
        level,
        "the golden vectors: what was put on file once comes out again",
        section,
        (),
        _golden,
        corners=partial(_corners, level),
    )
    for level, section in SECTIONS.items()
)
