"""Level update: one update after another, with training, checkpoints and other batches in between."""

from __future__ import annotations

from hypothesis import strategies as st

from .. import strategies
from ..adapter import NotCovered
from ..check import Check
from ..life import Life
from ..strategies import Program
from ..subject import Declaration, Subject


def _programs(states: Declaration) -> st.SearchStrategy[Program]:
    return strategies.programs(states.methods, states.dtypes)


def _lifecycle(subject: Subject, program: Program) -> None:
    life = Life(subject, program.layers)
    for step in program.steps:
        life.take(step)
    if life.declined and not life.judged:
        raise NotCovered("; ".join(filter(None, life.declined)))


CHECKS = (
    Check(
        "lifecycle",
        "update",
        "updates, edits, training steps, checkpoints and other batches in any order agree with dense masks",
        "section 5",
        ("update",),
        _lifecycle,
        _programs,
        examples=60,
    ),
)
