"""Learning rates at their corners, against their formulas and against PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.errors import InputError
from gse_ref.optim import Rate, constant, cosine, multi_step, warmup
from tests.bounds import assert_close


def test_constant() -> None:
    assert [constant(0.1)(step) for step in (1, 10**9)] == [0.1, 0.1]


def test_milestones_are_the_last_step_of_the_old_rate() -> None:
    rate = multi_step(8.0, [2, 4], factor=0.5)
    assert [rate(step) for step in range(1, 7)] == [8, 8, 4, 4, 2, 2]
    assert multi_step(1.0, [])(5) == 1


def test_cosine() -> None:
    rate = cosine(2.0, 4)
    assert rate(1) == 2
    assert rate(5) == rate(100) == 0
    assert_close(np.array([rate(2), rate(3)]), np.array([1 + math.sqrt(0.5), 1.0]), magnitude=2, length=1)


def test_warmup_is_linear_from_the_start_fraction() -> None:
    rate = warmup(constant(1.0), 4, start_fraction=0.5)
    assert [rate(step) for step in range(1, 7)] == [0.5, 0.625, 0.75, 0.875, 1, 1]
    assert warmup(constant(1.0), 10)(1) == 1e-4
    plain = constant(1.0)
    assert warmup(plain, 0) is plain


@given(st.integers(1, 50), st.floats(0, 1), st.floats(0, 10), st.integers(1, 60))
def test_warmup_rises_to_the_wrapped_rate(steps: int, start: float, rate: float, step: int) -> None:
    warmed = warmup(constant(rate), steps, start)
    if step > steps:
        assert warmed(step) == rate
    assert 0 <= warmed(step) <= rate
    assert warmed(step) <= warmed(step + 1)


def test_schedules_are_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, of the extra 'peers'")
    schedulers = torch.optim.lr_scheduler
    pairs: list[tuple[Rate, Callable]] = [
        (multi_step(0.3, [3, 7]), lambda o: schedulers.MultiStepLR(o, [3, 7])),
        (cosine(0.3, 12), lambda o: schedulers.CosineAnnealingLR(o, 12)),
        (
            warmup(constant(0.3), 5),
            lambda o: schedulers.LinearLR(o, start_factor=1e-4, total_iters=5),
        ),
    ]
    for rate, build in pairs:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
        scheduler = build(optimizer)
        expected = []
        for _ in range(12):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        assert_close(np.array([rate(s) for s in range(1, 13)]), np.array(expected), magnitude=1, length=12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: constant(-0.1), "rate must be finite and not negative, got -0.1"),
        (lambda: constant(math.nan), "rate"),
        (lambda: multi_step(0.1, [3, 3]), r"increase strictly, got \[3, 3\]"),
        (lambda: multi_step(0.1, [0]), "each milestone must be a whole number of steps, at least 1, got 0"),
        (lambda: multi_step(0.1, [1.5]), "each milestone"),  # type: ignore[list-item]
        (lambda: multi_step(0.1, [1], factor=-1), "factor"),
        (lambda: cosine(0.1, 0), "total must be"),
        (lambda: cosine(-0.1, 1), "rate"),
        (lambda: warmup(constant(0.1), -1), "steps must be"),
        (lambda: warmup(constant(0.1), 3, 1.5), r"start_fraction must lie in \[0, 1\], got 1.5"),
    ],
)
def test_unusable_numbers(call: Callable[[], Rate], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
