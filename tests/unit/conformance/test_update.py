"""Level update: right adapters pass, every fault is found by the check meant for it, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from gse_ref.conformance import Edited, NotCovered, UpdatedLayer, run, strategies
from gse_ref.conformance.adapters.own import Cpu, Naive, Shadow
from gse_ref.conformance.checks import update
from gse_ref.conformance.checks.update_corners import updates_of
from gse_ref.conformance.dense_update import expected
from gse_ref.conformance.faults.update import FAULTS
from gse_ref.conformance.faults.update_parts import InParts
from gse_ref.conformance.layout import batch_last
from gse_ref.sparse import Topology, edit

QUICK = 0.1


class Editing(Naive):
    """Edits beside updates, so that lives know all steps."""

    def edit(self, weights, momentum, pruned, rows, cols):
        topology = Topology(weights.indptr, weights.indices, weights.shape)
        changed, slots = edit(topology, pruned, rows, cols)
        values = slots.carry(weights.values)
        return Edited(
            weights._replace(indptr=changed.indptr, indices=changed.indices, values=values), slots.carry(momentum)
        )


class BatchFirst(Cpu):
    """The same, told that arrays come with the batch first."""

    layout, index_dtype = "batch_first", "int64"

    def update(self, problem):
        layers = []
        for layer in problem.layers:
            signs = layer.draws.signs
            draws = layer.draws._replace(signs=batch_last(signs) if signs.ndim > 1 else signs)
            turned = layer._replace(x=batch_last(layer.x), delta=batch_last(layer.delta), draws=draws)
            layers.append(turned)
        return super().update(problem._replace(layers=tuple(layers)))


@pytest.mark.parametrize("adapter", [Cpu, Shadow, Editing])
def test_a_right_adapter_passes(adapter: type) -> None:
    results = run(adapter, ["update"], effort=QUICK, seed=1)
    assert {result.name for result in results} >= {check.name for check in update.CHECKS}
    for result in results:
        allowed = ("passed", "not covered") if result.name in ("update_threads", "update_wide") else ("passed",)
        assert result.status in allowed, result.text()


@pytest.mark.parametrize("adapter", [BatchFirst, InParts])
def test_so_do_another_layout_and_what_faults_are_made_of(adapter: type) -> None:
    for result in run(
        adapter, only=["update_gse_graest", "update_rigl", "update_momentum", "lifecycle"], effort=QUICK
    ):
        assert result.status == "passed", result.text()


def test_every_check_finds_a_fault() -> None:
    never = {check.name for check in update.CHECKS} - {fault.caught_by for fault in FAULTS}
    assert never == {"update_wide"}


def test_edge_ids_beyond_32_bits_are_found() -> None:
    class Narrow(Cpu):
        def update(self, problem):
            (result,) = super().update(problem)
            return [result._replace(candidates=result.candidates.astype(np.int32).astype(np.int64))]

    (result,) = run(Narrow, only=["update_wide"])
    assert result.status == "failed"
    assert "candidates" in result.failure.what


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "NoneType"),
        ([], "0 layers, not"),
        ([None, None], "indptr of layer 0"),
        ([UpdatedLayer((np.zeros(1),), None)] * 2, "indptr of layer 0"),
    ],
)
def test_what_is_no_result_is_a_verdict(returned: object, said: str) -> None:
    class Broken(Naive):
        def update(self, problem):
            return returned

    (result,) = run(Broken, only=["update_total"], smallest=False)
    assert result.status == "failed"
    assert result.failure.kind == "malformed"
    assert said in result.failure.what


def test_what_an_adapter_declines_is_not_covered() -> None:
    class LinearLayers(Cpu):
        methods = ("rigl",)

        def update(self, problem):
            if problem.scope == "global":
                raise NotCovered("layer scope alone")
            return super().update(problem)

    results = {result.name: result for result in run(LinearLayers, ["update"], effort=QUICK)}
    assert results["update_gse"].why == "the adapter states no method gse"
    assert "layer scope alone" in results["update_rigl"].why
    assert {results[name].status for name in ("update_rigl", "lifecycle", "update_total")} == {"passed"}


class TestLife(strategies.lifecycle(Editing()).TestCase):
    """The state machine, on the definition."""


TestLife.settings = settings(max_examples=10, stateful_step_count=10, deadline=None)


def test_the_machine_tells_the_step_that_went_wrong() -> None:
    (result,) = run(next(f.make for f in FAULTS if f.name == "momentum-remembered"), only=["lifecycle"])
    assert result.failure.what.startswith("step ")
    assert "Update(method=" in result.failure.what


@pytest.mark.parametrize("method", ["gse", "gse-grabo", "gse-graest", "rigl", "set"])
def test_corners_are_determined(method: str) -> None:
    """Every one has something to grow, and none is left undecided by the rounding of a table."""
    for problem in updates_of(method, np.dtype(np.float32)):
        wanted = expected(problem)
        assert sum(wanted.counts) > 0
        assert (wanted.grown is None) == (method == "set")


@given(problem=strategies.updates(("gse-grabo", "gse-graest", "rigl")))
@settings(max_examples=50)
def test_scores_and_masses_are_exact_in_float32_in_any_order(problem) -> None:
    for layer in problem.layers:
        for array in (layer.x, layer.delta):
            assert (array * 64 == np.round(array * 64)).all()
            assert np.abs(array).max(initial=0) <= 2
        assert 4 * 64**2 * layer.delta[0].size < 2**24
