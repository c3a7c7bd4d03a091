"""Counts are exact: those of literal loops over arrays that count each load and store, for every function."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.autodiff import Tensor
from gse_ref.backends import Backend, get, use
from gse_ref.backends.counting import DEFAULT_PHASE, PHASES, TALLIES, Counter, Tally, counting
from gse_ref.errors import InputError
from gse_ref.nn import Linear
from gse_ref.nn.probe import probe
from tests.contract.checks import CHECKS
from tests.instrumented.backend import LOOPS, instrumented
from tests.instrumented.meter import Meter

FUNCTIONS = sorted(field.name for field in fields(Backend) if field.name != "name")


def test_every_function_has_a_phase_a_formula_and_loops() -> None:
    assert set(DEFAULT_PHASE) == set(TALLIES) == set(LOOPS) == set(FUNCTIONS) == set(CHECKS)
    assert set(DEFAULT_PHASE.values()) <= set(PHASES)


@pytest.mark.parametrize("function", FUNCTIONS)
@given(data=st.data())
def test_counts_are_those_of_literal_loops(function: str, data: st.DataObject) -> None:
    """The contract's check runs the loops, so they also give what the function must give."""
    meter, counter, check = Meter(), Counter(), CHECKS[function]
    check.body(counting(instrumented(meter), counter), data.draw(check.cases))
    assert counter.total() == meter.tally(counter.total().calls)
    assert counter.total().calls >= 1


def test_results_are_passed_on_untouched() -> None:
    made = np.ones((3, 2))
    backend = replace(get("naive"), abs_sums=lambda x: made)
    assert counting(backend, Counter()).abs_sums(np.ones((3, 2))) is made


def used(counter: Counter) -> dict[str, int]:
    """Return how many calls each phase counted, of those that counted any."""
    return {phase: tally.calls for phase, tally in counter.tallies.items() if tally.calls}


def test_each_function_counts_for_its_phase_unless_the_caller_names_one() -> None:
    counter = Counter()
    backend, x = counting(get("naive"), counter), np.ones((3, 2))
    backend.abs_sums(x)
    with counter.phase("probe"):
        backend.abs_sums(x)
        with counter.phase("optimizer"):
            backend.top_k(x[0], 1)
        with counter.phase(None):
            backend.top_k(x[0], 1)
        backend.top_k(x[0], 1)
    backend.relu_backward(x, x)
    assert used(counter) == {"distributions": 1, "probe": 2, "optimizer": 1, "selection": 1, "backward": 1}
    assert list(counter.tallies) == list(PHASES)
    assert counter.total().calls == 6
    counter.reset()
    assert counter.total() == Tally()


def test_a_phase_ends_with_its_block_even_by_an_error() -> None:
    counter = Counter()
    with pytest.raises(KeyError), counter.phase("merge"):
        raise KeyError
    counting(get("naive"), counter).abs_sums(np.ones((1, 1)))
    assert used(counter) == {"distributions": 1}


def test_work_outside_the_backend_is_added() -> None:
    counter = Counter()
    counter.add("draw", random_numbers=7, bytes_written=56, allocations=1, largest_allocation=56)
    counter.add("draw", random_numbers=1, largest_allocation=8)
    with counter.phase("optimizer"):
        counter.add(None, multiply_adds=5)
    assert counter.tallies["draw"] == Tally(
        random_numbers=8, bytes_written=56, allocations=1, largest_allocation=56
    )
    assert counter.total() == counter.tallies["draw"] + Tally(multiply_adds=5)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda counter: counter.add("mergge", moves=1),
        lambda counter: counter.add(None, moves=1),
        lambda counter: counter.add("merge", move=1),
        lambda counter: counter.phase("mergge").__enter__(),
    ],
)
def test_what_is_not_counted_is_refused_with_the_nearest(wrong) -> None:
    with pytest.raises(InputError, match=r"unknown (phase|amount).*available: "):
        wrong(Counter())


def test_a_probe_is_a_phase_of_its_own_but_for_what_is_explored_in_it() -> None:
    """What the study of scaling does: the pass is `probe`, the observer counts for its own phases."""
    counter = Counter()
    layer = Linear(4, 3)

    def observe(parameter, x: np.ndarray, delta: np.ndarray) -> None:
        with counter.phase(None):
            backend.abs_sums(x)

    backend = counting(get("cpu"), counter)
    with use(backend), counter.phase("probe"):
        probe(lambda: layer(Tensor(np.ones((4, 5), np.float32))).sum(), [layer.weight], observe)
    assert used(counter) == {"probe": 1, "distributions": 1}
