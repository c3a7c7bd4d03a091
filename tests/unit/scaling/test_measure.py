"""How samples are taken: warm, repeated, interleaved, within limits, and again where the core was taken away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gse_ref.scaling import Subject, memory, yardstick
from gse_ref.scaling.clock import RETRIES, sample
from gse_ref.scaling.measure import AT_LEAST, MOST_REPEATS
from gse_ref.scaling.memory import peak
from gse_ref.scaling.predict import Limits
from gse_ref.scaling.sizes import Sizes
from gse_ref.scaling.subject import Phase, Work

from .planted import PLAN, Clock, linear, machine, program, study


@pytest.mark.parametrize(("warm", "calls"), [(True, 6), (False, 5)])
def test_a_sample_is_the_mean_of_its_repeats_after_a_warm_call(warm: bool, calls: int) -> None:
    clock, times = Clock(), iter([9.0] * (calls - 5) + [1.0, 2.0, 3.0, 4.0, 5.0])
    assert sample(lambda: clock.spend(next(times)), 5, clock, warm) == (3.0, False)
    assert next(times, None) is None


def test_a_sample_that_waited_for_the_core_is_taken_again() -> None:
    clock, waits = Clock(), iter([0.5, 0.0])
    assert sample(lambda: clock.spend(1.0, next(waits)), 1, clock, warm=False) == (1.0, False)
    always = Clock()
    waits = iter([0.7, 0.5, *[0.6] * (RETRIES - 2), 0.4])
    least = sample(lambda: always.spend(1.0, next(waits)), 1, always, warm=False)
    assert (round(least.seconds, 9), least.waited) == (1.0, True), "the time in line is taken off"
    assert next(waits) == 0.4, f"{RETRIES} tries in all"


def test_every_phase_gets_one_sample_a_round_and_long_enough() -> None:
    clock = Clock()
    found = study(clock, program(clock, linear))
    assert len(found.measurements) == 5 * len(dict.fromkeys(s for points in found.sweeps.values() for s in points))
    for (name, phase, sizes), one in found.measurements.items():
        assert len(one.seconds) == len(one.control) == PLAN.rounds
        lasts = one.repeats * np.median(one.seconds)
        assert one.repeats in (1, MOST_REPEATS) or AT_LEAST / 2 < lasts <= AT_LEAST * (1 + 1e-9)
        if name == "planted":
            assert phase == "step"
            assert abs(one.seconds[0] - linear(sizes)) < 1e-9 * linear(sizes)
        assert abs(one.control[0] - 1e-4) < 1e-12


def test_rounds_are_interleaved_and_turn() -> None:
    clock, order = Clock(), []

    def noting(name: str) -> Subject:
        def build(sizes: Sizes) -> Work:
            def phase(which: str):
                def call() -> None:
                    order.append((name, which, sizes.n))
                    clock.spend(1.0)

                return call

            return Work({"a": phase("a"), "b": phase("b")})

        return Subject(name, {"a": Phase(), "b": Phase()}, build)

    plan = replace(PLAN, nnz_per_unit=(), batches=(), rounds=3)
    study(clock, noting("one"), noting("two"), plan=plan)
    each = 2 * 2 * len(plan.widths)
    rounds = [order[len(order) - (3 - number) * each :][:each] for number in range(3)]
    assert [n for _, _, n in rounds[0][::4]] == list(plan.widths)
    assert [n for _, _, n in rounds[1][::4]] == list(plan.widths)[::-1], "up and down, so that a drift cancels"
    assert [which for _, which, _ in rounds[0][:2]] == ["a", "b"]
    assert [which for _, which, _ in rounds[1][:2]] == ["b", "a"]
    assert [name for name, _, _ in rounds[0][:4:2]] == ["one", "two"]
    assert [name for name, _, _ in rounds[2][:4:2]] == ["two", "one"]


def test_what_exceeds_the_limits_is_never_built() -> None:
    clock, built = Clock(), []

    def build(sizes: Sizes) -> Work:
        built.append(sizes.n)
        return Work({"step": lambda: clock.spend(1e-8 * sizes.n**2)})

    found = study(clock, Subject("square", {"step": Phase("quadratic")}, build), limits=Limits(0.5, 1e12))
    assert max(built) == 4096, "0.17 s; 8192 would take 0.67 s"
    left_out = {one.sizes.n: one.why for one in found.not_measured}
    assert left_out == {
        8192: "would need about 0.67 s a call, the limit is 0.5 s",
        16384: "would need about 2.7 s a call, the limit is 0.5 s",
    }
    assert found.judgements[0].sizes == 5


def test_memory_limits_count_what_the_size_holds_and_what_a_call_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what NumPy allocated alone: what becomes resident depends on what the process has freed before."""
    monkeypatch.setattr(memory, "_kilobytes", lambda field: None)
    clock, built = Clock(), []

    def build(sizes: Sizes) -> Work:
        built.append(sizes.n)
        held = np.ones((sizes.n, sizes.n), np.uint8)
        return Work({"step": lambda: clock.spend(float(held[0, 0]))})

    found = study(clock, Subject("dense", {"step": Phase("quadratic")}, build), limits=Limits(1e9, 6e6))
    assert max(built) == 2048, "4.2 MB; 4096 would take 17 MB"
    assert {one.sizes.n for one in found.not_measured} == {4096, 8192, 16384}
    assert found.not_measured[0].why == "would need about 0.017 GB, the limit is 0.006 GB"


def test_running_out_of_memory_is_recorded_and_the_study_goes_on() -> None:
    clock = Clock()

    def build(sizes: Sizes) -> Work:
        if sizes.n > 2048:
            raise MemoryError
        return Work({"step": lambda: clock.spend(linear(sizes))})

    found = study(clock, Subject("large", {"step": Phase()}, build))
    assert {one.why for one in found.not_measured} == {"ran out of memory"}
    assert found.judgements[0].sizes == 4


def test_the_machine_is_measured_whatever_the_limits() -> None:
    clock = Clock()
    found = study(clock, program(clock, linear), limits=Limits(1e-12, 1.0), on=machine(clock))
    assert all(one.subject == "planted" for one in found.not_measured)
    assert (yardstick.NAME, yardstick.CONTROL, Sizes(16384, 163840, 128)) in found.measurements


def test_peaks_are_exact_for_numpy_and_hold_the_result() -> None:
    found, result = peak(lambda: np.ones(3_000_000, np.uint8))
    assert result.nbytes == 3_000_000
    assert 3_000_000 <= found.traced < 3_020_000
    found, _ = peak(lambda: float(np.ones(5_000_000, np.uint8)[0]))
    assert 5_000_000 <= found.traced < 5_020_000, "what was freed before the end counts"


def test_resident_memory_sees_what_is_not_numpys() -> None:
    import ctypes

    def foreign() -> object:
        return ctypes.create_string_buffer(b"x" * (32 << 20))

    found, _ = peak(foreign)
    assert found.resident is None or found.resident > 30 << 20
    assert found.bytes >= max(found.traced, found.resident or 0)
