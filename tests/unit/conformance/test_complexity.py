"""Level complexity: memory accuses, a clock only twice over; the clock of these tests is planted."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from gse_ref.conformance import Adapter, run, wide_update
from gse_ref.conformance.adapters.own import Cpu, Naive
from gse_ref.conformance.checks import complexity
from gse_ref.conformance.result import Result
from gse_ref.scaling.fit import Slope, compare
from gse_ref.scaling.verdict import TIME_BOUNDS, Timing

WIDTHS = np.array(complexity.TIME_WIDTHS, np.float64)


def growth(exponent: float) -> Timing:
    slope = Slope(exponent, exponent - 0.05, exponent + 0.05)
    return Timing(slope, slope, compare(WIDTHS, 1e-6 * WIDTHS**exponent, 0.01), TIME_BOUNDS["uncounted"])


def judged(monkeypatch: pytest.MonkeyPatch, *seen: Timing | None) -> Result:
    """Return the verdict on an adapter whose time was seen to grow like this, measurement by measurement."""
    left: Iterator[Timing | None] = iter(seen)
    monkeypatch.setattr(complexity, "_timing", lambda *arguments: next(left))
    (result,) = run(Cpu, only=["complexity_update_time"])
    return result


def test_linear_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, growth(1.0)).status == "passed"


def test_quadratic_time_fails_where_it_is_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    result = judged(monkeypatch, growth(1.9), growth(1.9))
    assert result.status == "failed"
    assert "n^1.90" in result.failure.what
    assert "wide_update('gse', 16384" in result.failure.what


@pytest.mark.parametrize("second", [growth(1.0), growth(1.2)], ids=["linear", "between"])
def test_quadratic_time_seen_once_accuses_nobody(monkeypatch: pytest.MonkeyPatch, second: Timing) -> None:
    assert judged(monkeypatch, growth(1.9), second).status != "failed"


@pytest.mark.parametrize("seen", [growth(1.25), None], ids=["between", "too slow to measure"])
def test_what_is_not_decided_is_not_covered(monkeypatch: pytest.MonkeyPatch, seen: Timing | None) -> None:
    result = judged(monkeypatch, seen)
    assert result.status == "not covered"
    assert "not decided" in result.why


def test_memory_of_the_kernels_is_linear() -> None:
    names = [f"complexity_{phase}_{what}" for phase in ("step", "update") for what in ("allocations", "memory")]
    results = run(Cpu, only=names)
    assert [result.status for result in results] == ["passed"] * 4, [result.text() for result in results]


def test_who_claims_nothing_is_not_judged() -> None:
    results = run(Naive, ["complexity"])
    assert {result.status for result in results} == {"not covered"}
    assert {result.why for result in results} == {"the adapter does not claim to be linear"}


def test_whoever_takes_too_long_at_a_great_width_is_not_accused() -> None:
    class Slow(Adapter):
        linear, methods = True, ("gse",)

        def update(self, problem):
            if problem.layers[0].weights.shape[0] > 1000:
                time.sleep(10)
            return ()

    (result,) = run(Slow, only=["complexity_update_allocations"], limit=0.05)
    assert result.status == "not covered"
    assert "took more than" in result.why


def test_small_arrays_that_are_large_together_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complexity, "WIDE", complexity.Sizes(2000, 4000, 2))
    monkeypatch.setattr(complexity, "RISE", 10**8)

    class Hoard(Adapter):
        linear, methods = True, ("gse",)

        def update(self, problem):
            n = problem.layers[0].weights.shape[0]
            hoard = [np.ones(100_000) for _ in range(n // 5)]
            return tuple(hoard[:0])

    (result,) = run(Hoard, only=["complexity_update_allocations"])
    assert result.status == "failed"
    assert "lets memory rise" in result.failure.what


def test_a_wide_update_is_always_the_same_and_has_enough_draws() -> None:
    one, two = (wide_update("gse", 500, 2000, 4) for _ in range(2))
    assert np.array_equal(one.layers[0].draws.inputs, two.layers[0].draws.inputs)
    assert len(one.layers[0].draws.inputs) == len(one.layers[0].weights.values) == 2000
    assert one.layers[0].x.dtype == np.float32
