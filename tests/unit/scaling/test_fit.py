"""Fits find what was planted, and know how sure they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.rng import stream
from gse_ref.scaling import fit
from gse_ref.scaling.sizes import Sizes
from tests.bounds import bound

X = [2.0**k for k in range(8, 17)]


def close(actual: float, expected: float) -> bool:
    """Whether two numbers agree up to the rounding of a few hundred operations."""
    return bool(abs(actual - expected) <= bound(np.dtype(np.float64), 500, abs(expected) + 1e-300))


@given(st.floats(0.1, 3), st.floats(1e-9, 1e3))
def test_the_exponent_of_a_power_law_is_found(power: float, factor: float) -> None:
    assert close(fit.exponent(X, [factor * x**power for x in X]), power)


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 1e4))
def test_constants_are_found_and_never_negative(a: float, b: float, c: float) -> None:
    points = [Sizes(1 << k, 10 << k, 128) for k in range(8, 14)] + [Sizes(4096, k * 4096, 128) for k in (2, 4, 8)]
    costs = [1.0 + a * n + b * nnz + c for n, nnz, _ in points]
    found = fit.constants(points, costs)
    assert min(found[:3]) >= 0
    assert found.misfit < 1e-9
    for (n, nnz, _), cost in zip(points, costs, strict=True):
        fitted = found.per_unit * n + found.per_connection * nnz + found.fixed
        assert abs(fitted - cost) < 1e-8 * cost


def test_a_falling_cost_gets_a_constant_not_a_negative_term() -> None:
    points = [Sizes(1 << k, 10 << k, 128) for k in range(8, 14)]
    found = fit.constants(points, [100.0 - k for k in range(6)])
    assert found.per_unit == found.per_connection == 0
    assert 95 < found.fixed < 100


@pytest.mark.parametrize(
    ("growth", "model"),
    [
        (lambda x: 3 * x + 100, "linear"),
        (lambda x: x * math.log2(x), "x log x"),
        (lambda x: 5 * x * x + 1000, "quadratic"),
        (lambda x: 7.0, "linear"),
    ],
)
def test_the_criterion_prefers_what_was_planted(growth, model: str) -> None:
    fits = fit.compare(X, [growth(x) for x in X], 0.01)
    assert fit.preferred(fits) == model
    assert fits[model].misfit < 1e-6


def test_the_criterion_is_hurvich_and_tsais() -> None:
    found = fit.compare([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 1.0, 1.0, 1.0], 0.5)["linear"]
    m, p = 5, 3
    assert close(found.aicc, m * math.log(0.25) + 2 * p + 2 * p * (p + 1) / (m - p - 1))


def test_the_criterion_is_silent_on_too_few_sizes() -> None:
    assert fit.preferred(fit.compare(X[:4], [x * x for x in X[:4]], 0.01)) is None


def test_the_asymptotic_part_leaves_out_where_the_constant_weighs() -> None:
    costs = [x + 512 for x in X]
    assert [X[i] for i in fit.asymptotic(X, costs)] == [4096, 8192, 16384, 32768, 65536], "from 8 · 512 on"
    assert list(fit.asymptotic(X, X)) == list(range(9)), "no constant, nothing left out"
    assert list(fit.asymptotic(X, [5.0] * 9)) == [5, 6, 7, 8], "all constant: the four largest"


def test_the_interval_of_exact_costs_is_a_point() -> None:
    samples = [np.full(5, x**1.5) for x in X]
    found = fit.slope_interval(X, samples, np.ones(9), stream(0, "bootstrap"))
    assert close(found.value, 1.5)
    assert found.high - found.low < 1e-9


def test_scatter_of_the_sizes_widens_the_interval_even_where_rounds_agree() -> None:
    scatter = [1.0, 1.2, 0.9, 1.1, 0.8, 1.2, 1.0, 0.9, 1.1]
    samples = [np.full(5, x * factor) for x, factor in zip(X, scatter, strict=True)]
    found = fit.slope_interval(X, samples, np.ones(9), stream(0, "bootstrap"))
    assert found.low < 0.98 < 1.02 < found.high


def test_corrections_change_the_slope() -> None:
    samples = [np.full(5, x**1.5) for x in X]
    found = fit.slope_interval(X, samples, np.asarray(X) ** -0.5, stream(0, "bootstrap"))
    assert close(found.value, 1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """95 % intervals on 9 sizes of 7 rounds: nominally 190 of 200; of few sizes a little narrow."""
    covered = 0
    for seed in range(200):
        generator = stream(seed, "check")
        samples = [x * np.exp(0.1 * generator.standard_normal(7)) for x in X]
        found = fit.slope_interval(X, samples, np.ones(9), stream(seed, "bootstrap"))
        covered += found.low <= 1 <= found.high
    assert 175 <= covered <= 200


def test_intervals_are_repeatable() -> None:
    samples = [x * (1 + 0.1 * stream(3, "check").random(5)) for x in X]
    once, again = (fit.slope_interval(X, samples, np.ones(9), stream(1, "bootstrap")) for _ in range(2))
    assert once == again
