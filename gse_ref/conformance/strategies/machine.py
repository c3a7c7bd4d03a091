"""Lives of layers: programs of updates, edits, training and checkpoints, and the state machine of the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ..adapter import Adapter
from ..life import ChangeBatch, Checkpoint, Exchange, Life, Resume, Step, Train, Update
from ..problems import ExploredLayer
from ..subject import Subject
from .update import PROBE_BATCHES, SCOPES, explored_layers, fractions, subset_factors
from .values import DTYPES, dtypes

_seeds = st.integers(0, 2**32 - 1)
_thousandths = st.sampled_from((0, 300, 1000))


class Program(NamedTuple):
    """Layers, and what happens to them."""

    layers: tuple[ExploredLayer, ...]
    steps: tuple[Step, ...]


@st.composite
def networks_before(
    draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES, convolutions: bool = True
) -> tuple[ExploredLayer, ...]:
    """One to three layers of one dtype, before anything happened."""
    dtype, batch = draw(dtypes(allowed)), draw(st.sampled_from(PROBE_BATCHES))
    return tuple(draw(st.lists(explored_layers(dtype, batch, 1.0, convolutions), min_size=1, max_size=3)))


def update_steps(
    methods: Sequence[str] = Adapter.methods, scopes: Sequence[str] = SCOPES
) -> st.SearchStrategy[Update]:
    """Updates by any of these methods and scopes."""
    named = st.sampled_from(list(methods)), st.sampled_from(list(scopes))
    return st.builds(Update, *named, fractions(), subset_factors(), _seeds)


def exchanges() -> st.SearchStrategy[Exchange]:
    """Edits: none, some or all of the connections go; none, some or all of the inactive pairs come."""
    return st.builds(Exchange, st.integers(0, 2), _thousandths, _thousandths, _seeds)


def training_steps() -> st.SearchStrategy[Train]:
    """Training steps, small and large."""
    return st.builds(Train, st.sampled_from((1.0, 0.25, -0.5)))


def other_batches() -> st.SearchStrategy[ChangeBatch]:
    """Other batches of other sizes."""
    return st.builds(ChangeBatch, st.sampled_from(PROBE_BATCHES), _seeds)


@st.composite
def programs(
    draw: st.DrawFn,
    methods: Sequence[str] = Adapter.methods,
    allowed: Sequence[np.dtype] = DTYPES,
    scopes: Sequence[str] = SCOPES,
    most: int = 8,
) -> Program:
    """Lives of up to `most` steps of any kind, updates most often."""
    saves = st.builds(Checkpoint) | st.builds(Resume)
    update = update_steps(methods, scopes)
    steps = st.one_of(update, training_steps(), update, exchanges(), saves, other_batches())
    return Program(draw(networks_before(allowed)), tuple(draw(st.lists(steps, min_size=1, max_size=most))))


def lifecycle(adapter: Any) -> type[RuleBasedStateMachine]:
    """Return the rule-based state machine of an adapter's `update` and `edit`: ``TestX = lifecycle(x).TestCase``.

    Rules: update (any of its methods, both scopes), edit, train, checkpoint, resume, change batch. Dense layers
    stand beside; after every rule, connections, weights and momenta must be the same.

    Parameters
    ----------
    adapter : an object with the operations of `Adapter`.
    """
    states = Subject(adapter).states

    class Lifecycle(RuleBasedStateMachine):
        """Layers under the adapter, from a drawn start on."""

        @initialize(layers=networks_before(states.dtypes))
        def start(self, layers: tuple[ExploredLayer, ...]) -> None:
            """Begin with layers that nobody has changed."""
            self.life = Life(Subject(adapter), layers)

        @rule(step=update_steps(states.methods))
        def update(self, step: Update) -> None:
            """Update the topology."""
            self.life.take(step)

        @rule(step=exchanges())
        def edit(self, step: Exchange) -> None:
            """Edit one layer."""
            self.life.take(step)

        @rule(step=training_steps())
        def train(self, step: Train) -> None:
            """Change weights and momenta."""
            self.life.take(step)

        @rule(step=other_batches())
        def change_batch(self, step: ChangeBatch) -> None:
            """Look at other samples from here on."""
            self.life.take(step)

        @rule()
        def checkpoint(self) -> None:
            """Save everything."""
            self.life.take(Checkpoint())

        @rule()
        def resume(self) -> None:
            """Go back to what was saved."""
            self.life.take(Resume())

    return Lifecycle
