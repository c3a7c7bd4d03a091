"""Level training: right adapters pass, whatever their layout; what is given back wrongly is a verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find

from gse_ref.conformance import Adapter, run
from gse_ref.conformance.adapters.own import Cpu, Naive
from gse_ref.conformance.checks import training_runs as runs
from gse_ref.conformance.layout import to_adapter
from gse_ref.conformance.strategies import NetworkSetting, network_settings, training_problem
from gse_ref.conformance.training_reference import RUNS, Reference, doubt, measured
from gse_ref.rng import stream

FLOAT32 = np.dtype(np.float32)


class BatchFirst(Adapter):
    """The definition in another layout, with wide integers, float64 alone, MLPs alone."""

    layout, index_dtype, dtypes, methods = "batch_first", "int64", ("float64",), ("rigl", "gse-graest")

    def train(self, problem):
        assert problem.batches[0].x.shape[0] == len(problem.batches[0].labels)
        back = problem._replace(
            batches=tuple(b._replace(x=np.moveaxis(b.x, 0, -1).copy()) for b in problem.batches),
            probes=tuple(
                p._replace(batch=p.batch._replace(x=np.moveaxis(p.batch.x, 0, -1).copy())) for p in problem.probes
            ),
        )
        return Naive().train(back)


@pytest.mark.parametrize("adapter", [Naive, Cpu, BatchFirst])
def test_a_right_adapter_passes(adapter: type[Adapter]) -> None:
    results = run(adapter, ["training"], effort=0.2)
    failed = [result.text() for result in results if result.status == "failed"]
    assert not failed, failed[0]
    missing = {result.name for result in results if result.status == "not covered"} - {"training_threads"}
    assert missing == ({"training_running_statistics"} if adapter is BatchFirst else set())


def _results(change) -> dict[str, str | None]:
    """Return what the checks of losses and states say of a trace that `change` has spoilt."""

    class Spoilt(Naive):
        def train(self, problem):
            return change(super().train(problem))

    found = run(Spoilt, only=["training_losses", "training_regrown"], effort=0.1)
    return {result.name: result.failure.kind if result.failure else None for result in found}


MALFORMED = {
    "nothing": lambda trace: None,
    "a loss too few": lambda trace: trace._replace(losses=trace.losses[1:]),
    "losses as a list": lambda trace: trace._replace(losses=list(trace.losses)),
    "no layers": lambda trace: trace._replace(state=trace.state._replace(layers=())),
    "updates of one layer": lambda trace: trace._replace(
        updates=tuple(update._replace(patterns=update.patterns[:1]) for update in trace.updates)
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_trace_of_another_form_is_a_verdict(name: str) -> None:
    assert _results(MALFORMED[name])["training_regrown"] == "malformed"


def test_columns_out_of_order_are_wrong() -> None:
    def change(trace):
        def reverse(layer):
            weights = layer.weights
            return layer._replace(weights=weights._replace(indices=weights.indices[::-1].copy()))

        return trace._replace(state=trace.state._replace(layers=tuple(map(reverse, trace.state.layers))))

    assert _results(change)["training_regrown"] in ("wrong", "malformed")


def test_a_last_bit_is_within_the_bound_and_a_thousandth_is_not() -> None:
    bit = _results(lambda trace: trace._replace(losses=trace.losses * (1 + 1e-16)))
    assert bit["training_losses"] is None
    much = _results(lambda trace: trace._replace(losses=trace.losses * 1.001))
    assert much["training_losses"] == "wrong"


EVERY_RUN = {
    f"{kind} {number}": setting
    for kind, settings in {
        "tiny": runs.TINY_RUNS,
        "long": runs.LONG_RUNS,
        "last": runs.UPDATES_LAST,
        "restless": runs.RESTLESS_RUNS,
        "more": (runs.EAGER, runs.PROBED, runs.SHORT),
    }.items()
    for number, setting in enumerate(settings)
    if setting.method != "set"
}


@pytest.mark.parametrize("name", EVERY_RUN)
def test_rounding_decides_nothing_in_the_runs_that_are_always_judged(name: str) -> None:
    setting = EVERY_RUN[name]
    reference = Reference(training_problem(setting, FLOAT32))
    assert reference.ends_decided(FLOAT32)
    assert reference.decided(FLOAT32) == setting.steps
    updates = reference.updates.values()
    grown = sum(int((new > old).sum()) for u in updates for new, old in zip(u.after, u.before, strict=True))
    assert grown > 0 or setting.steps < setting.interval
    if setting.method.startswith("gse") and updates:
        free = [int((mask == 0).sum()) for u in updates for mask in u.before]
        sizes = [size for u in updates for size in u.candidates]
        assert sum(size < most for size, most in zip(sizes, free, strict=True)) > 0, "nothing was drawn"


@pytest.mark.parametrize("setting", runs.RESTLESS_RUNS, ids=lambda setting: setting.method)
def test_connections_come_again_in_restless_runs(setting: NetworkSetting) -> None:
    updates = Reference(training_problem(setting, FLOAT32)).updates.values()
    for layer in range(2):
        masks = [next(iter(updates)).before[layer], *(update.after[layer] for update in updates)]
        changes = np.abs(np.diff(np.stack(masks), axis=0)).sum(axis=0)
        assert changes.max() >= 3, "pruned, grown, pruned"


def test_the_fraction_changes_with_every_step_of_an_eager_run() -> None:
    quotas = [update.quotas[0] for update in Reference(training_problem(runs.EAGER, FLOAT32)).updates.values()]
    assert len(set(quotas)) == len(quotas) == runs.EAGER.steps


def test_numbers_do_not_depend_on_the_dtype() -> None:
    narrow, wide = (training_problem(runs.LONG_RUNS[0], dtype) for dtype in (np.float32, np.float64))
    for a, b in zip(narrow.state.layers, wide.state.layers, strict=True):
        assert np.array_equal(a.weights.values.astype(np.float64), b.weights.values)
    assert np.array_equal(narrow.batches[3].x.astype(np.float64), wide.batches[3].x)


def test_deviation_and_doubt() -> None:
    noise = stream(0, "check").standard_normal((RUNS, 3))
    exact = np.array([2.0, 1e-12, 0.0])
    moved = np.concatenate([exact[None], exact + 2.0**-30 * noise * [1.0, 1.0, 0.0]])
    deviation = measured(moved).deviation
    assert 0.4 < deviation[0] < 2.5
    assert deviation[2] == 0
    assert not doubt([moved[:, :1]]).at(FLOAT32)
    assert doubt([moved[:, 1:2]]).at(FLOAT32)
    assert not doubt([moved[:, 2:]]).at(FLOAT32), "nothing moves an exact tie"


def test_the_signs_of_a_convolution_follow_the_layout() -> None:
    problem = training_problem(runs.LONG_RUNS[5], np.float64)
    (turned,) = to_adapter("train", (problem,), "batch_first", np.dtype(np.int64))
    ours, theirs = (p.probes[0].draws[0].signs for p in (problem, turned))
    assert np.array_equal(np.moveaxis(theirs, 0, -1), ours)
    assert theirs.shape != ours.shape
    assert turned.probes[0].draws[1].signs.shape == problem.probes[0].draws[1].signs.shape


def test_settings_shrink_to_the_smallest_network() -> None:
    smallest = find(network_settings(), lambda setting: setting.steps >= 3 and setting.network == "mlp")
    assert smallest.steps == 3
    assert (smallest.widths, smallest.batch, smallest.method) == ((1, 2), 1, "gse")
