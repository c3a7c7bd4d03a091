"""What the table of methods promises, for tests that run all of them."""

from __future__ import annotations

from collections.abc import Collection

from gse_ref.explore import METHODS
from gse_ref.explore.schedules import at_new_round, at_start, at_start_and_on_schedule, on_schedule

#: Methods that drop and grow by what they see at the update alone.
GROWING = sorted(name for name, entry in METHODS.items() if entry.propose and not entry.remember)
#: Methods whose number of connections is the same from the first step to the last.
CONSTANT = sorted(name for name, entry in METHODS.items() if not entry.dense_start)
#: Methods that make nothing dense.
SPARSE = sorted(name for name, entry in METHODS.items() if entry.densifies == "nothing")


def updates_of(method: str, scheduled: Collection[int], density: float) -> int:
    """Return how often the topology of a run changes where updates are due by schedule before these steps."""
    entry = METHODS[method]
    if entry.changes is None:
        return 0
    counts = {
        on_schedule: len(scheduled),
        at_start: 1,
        at_start_and_on_schedule: len({1, *scheduled}),
        at_new_round: len(entry.rounds(density)) - 1 if entry.rounds else 0,
    }
    return counts[entry.when]


def sessions_of(method: str, density: float) -> int:
    """Return how often a run of this method goes through its epochs."""
    entry = METHODS[method]
    return len(entry.rounds(density)) if entry.rounds else 1
