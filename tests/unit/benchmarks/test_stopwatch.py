"""The stopwatch charges each moment to exactly one part."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from benchmarks import stopwatch
from benchmarks.stopwatch import Stopwatch
from gse_ref.autodiff import Tensor, mul
from gse_ref.backends import Backend, get
from gse_ref.nn import Linear, Sequential


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time as the stopwatch reads it: the sum of what is appended."""
    ticks: list[float] = []
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: sum(ticks))
    return ticks


def test_part_that_calls_another_does_not_count_it(clock: list[float]) -> None:
    watch = Stopwatch("rest")
    inner = watch.timed("inner", lambda: clock.append(4.0))

    def outer() -> None:
        clock.append(1.0)
        inner()
        clock.append(2.0)

    watch.start()
    clock.append(8.0)
    watch.timed("outer", outer)()
    clock.append(16.0)
    assert watch.stop() == {"rest": 24.0, "outer": 3.0, "inner": 4.0}
    watch.start()
    assert set(watch.stop().values()) == {0.0}


def test_error_ends_the_part(clock: list[float]) -> None:
    watch = Stopwatch("rest")
    with pytest.raises(ZeroDivisionError):
        watch.timed("part", lambda: 1 / 0)()
    clock.append(1.0)
    assert watch.stop()["rest"] == 1.0


def test_backend_answers_as_before_and_every_function_is_timed() -> None:
    watch, naive = Stopwatch("rest"), get("naive")
    wrapped = watch.backend(naive, {"abs_sums": "sums"}, "other")
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(wrapped.abs_sums(x), naive.abs_sums(x))
    assert "sums" in watch.stop()
    names = {field.name for field in fields(Backend)} - {"name"}
    assert not [name for name in names if getattr(wrapped, name) is getattr(naive, name)]


def test_modules_and_gradient_rules_are_timed_and_unchanged() -> None:
    watch, model = Stopwatch("rest"), Sequential(Linear(3, 2, sparse=False))
    model.layers[0].weight.data[...] = 1
    watch.modules(model, {Linear: "linear"})
    x = Tensor(np.ones((3, 4), np.float32))
    loss = mul(model(x), 2.0).sum()
    watch.graph(loss, {"mul": "product"}, "other")
    loss.backward()
    assert np.array_equal(model.layers[0].weight.grad.data, np.full((2, 3), 8, np.float32))
    assert {"linear", "product", "other"} <= watch.stop().keys()
