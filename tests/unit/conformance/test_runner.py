"""The runner on small adapters, right and wrong."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from gse_ref.conformance import Adapter, run, runner
from gse_ref.conformance.adapters.own import Cpu, Naive
from gse_ref.conformance.catalogue import checks
from gse_ref.conformance.check import Check
from gse_ref.conformance.faults import FAULTS, Fault
from gse_ref.conformance.judge import Disagreement
from gse_ref.conformance.runner import run_check
from gse_ref.conformance.subject import Subject

#: Whatever only a clock can find is left to `gse-ref conformance faults`: a test looks at none.
UNTIMED = [fault for fault in FAULTS if not fault.caught_by.endswith("_time")]


class SciPy(Adapter):
    """A few lines around SciPy, batch first."""

    layout = "batch_first"

    def forward(self, weights, x, bias):
        theta = csr_matrix((weights.values, weights.indices, weights.indptr), weights.shape)
        y = (theta @ x.T).T
        return y if bias is None else y + bias


@pytest.mark.parametrize("adapter", [SciPy, Naive, Cpu])
def test_a_right_adapter_passes(adapter: type[Adapter]) -> None:
    (result,) = run(adapter, only=["forward"])
    assert result.status == "passed", result.text()


@pytest.mark.parametrize("fault", UNTIMED, ids=lambda fault: fault.name)
def test_a_fault_is_caught_by_the_check_meant_for_it(fault: Fault) -> None:
    (result,) = run(fault.make, only=[fault.caught_by], smallest=False)
    assert result.status == "failed", fault.what
    assert result.failure is not None
    assert result.failure.kind in ("wrong", "malformed", "modified"), result.text()


def test_faults_have_names_of_their_own_and_are_meant_for_a_check() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    assert {fault.caught_by for fault in FAULTS} <= set(checks())
    assert len(FAULTS) - len(UNTIMED) == 1


def test_the_example_is_small_and_runs() -> None:
    class Wrong(SciPy):
        def forward(self, weights, x, bias):
            return np.abs(super().forward(weights, x, bias))

    (result,) = run(Wrong, only=["forward"])
    found = result.failure
    assert found.kind == "wrong"
    assert len(found.code) < 500
    *start, call = found.code.splitlines()
    spoken: dict = {"adapter": Wrong()}
    exec("\n".join([start[0], start[1], call.replace("print(", "y = (", 1)]), spoken)
    assert np.array_equal(spoken["y"].T, eval(found.actual, spoken), equal_nan=True)


@pytest.mark.parametrize(
    ("name", "becomes_smaller"),
    [("active-grown", True), ("update-in-place", True), ("edge-ids-overflow", False), ("batch-remembered", True)],
)
def test_a_corner_that_fails_gives_way_to_a_smaller_example(name: str, becomes_smaller: bool) -> None:
    """An edge id beyond 32 bits is in no drawn case: the corner stays."""
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    first, smallest = (run(fault.make, only=[fault.caught_by], smallest=way)[0].failure for way in (False, True))
    assert first.kind == smallest.kind
    assert (len(smallest.code) < len(first.code) / 2) == becomes_smaller
    assert becomes_smaller or smallest == first


def test_a_larger_example_does_not_take_the_place_of_a_corner() -> None:
    def body(subject: Subject, case: int) -> None:
        subject.call("update_due", case, 1, 1)
        raise Disagreement("is due")

    class Due(SciPy):
        def update_due(self, step, interval, end):
            return True

    drawn = {"cases": lambda states: st.just(1000), "corners": lambda states: [7]}
    check = Check("due", "selection", "is never due", "section 4", ("update_due",), body, **drawn)
    assert "adapter.update_due(7, 1, 1)" in run_check(check, Subject(Due())).failure.code
    assert "adapter.update_due(1000, 1, 1)" in run_check(check, Subject(Due()), corners=False).failure.code


def test_a_smaller_example_is_looked_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == "active-grown")
    first = run(fault.make, only=[fault.caught_by], smallest=False)[0].failure
    monkeypatch.setattr(runner, "SHRINKING", -1.0)
    assert run(fault.make, only=[fault.caught_by])[0].failure == first


def test_a_smaller_example_that_hangs_leaves_the_first() -> None:
    class Slow(SciPy):
        seen = False

        def forward(self, weights, x, bias):
            if self.seen:
                time.sleep(60)
            self.seen = True
            return super().forward(weights, x, bias)[:, :0]

    (result,) = run(Slow, only=["forward"], limit=0.2)
    assert result.failure.kind == "malformed", result.text()
