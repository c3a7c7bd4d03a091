"""Intervals against SciPy's, and what few seeds leave open."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gse_ref.studies.statistics import CONFIDENCE, interval, paired
from tests.bounds import assert_close


def _two(pairs: int) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs = np.random.default_rng(pairs).random((2, pairs))
    return ours, theirs


@pytest.mark.parametrize("pairs", [2, 3, 5, 30])
def test_paired_interval_is_that_of_scipys_paired_t_test(pairs: int) -> None:
    ours, theirs = _two(pairs)
    actual = paired(dict(enumerate(ours)), dict(enumerate(theirs)))
    expected = stats.ttest_rel(ours, theirs).confidence_interval(CONFIDENCE)
    scale = float(stats.t.ppf(0.975, pairs - 1)) * np.sum(ours + theirs)
    assert_close(np.array([actual.low, actual.high]), np.array(expected), scale, pairs)
    assert actual.count == pairs


@pytest.mark.parametrize("pairs", [2, 3, 30])
def test_mean_and_deviation_are_numpys(pairs: int) -> None:
    values, _ = _two(pairs)
    actual = interval(list(values))
    expected = np.array([values.mean(), values.std(ddof=1)])
    assert_close(np.array([actual.mean, actual.std]), expected, np.sum(np.abs(values)), pairs)


def test_only_seeds_that_both_have_are_paired_whatever_their_order() -> None:
    gap = paired({5: 0.5, 1: 0.25, 9: 0.0}, {1: 0.5, 5: 0.25, 2: 1.0})
    assert (gap.mean, gap.count) == (0.0, 2)
    assert gap.std == math.sqrt(0.125)


def test_one_seed_gives_no_interval_and_none_gives_no_mean() -> None:
    one = paired({0: 0.75}, {0: 0.5})
    assert (one.mean, one.std, one.low, one.high, one.sign, one.count) == (0.25, None, None, None, None, 1)
    none = paired({0: 1.0}, {1: 1.0})
    assert math.isnan(none.mean)
    assert none.count == 0


@pytest.mark.parametrize(
    ("values", "sign"), [([0.5, 0.5, 0.5], 1), ([-0.5, -0.5], -1), ([0.5, -0.25], 0), ([0.0, 0.0], 0)]
)
def test_the_sign_is_that_of_the_whole_interval(values: list[float], sign: int) -> None:
    assert interval(values).sign == sign
