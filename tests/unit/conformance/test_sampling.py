"""Level sampling: right adapters pass, each check has its fault, the tails of counts are exact."""

from __future__ import annotations

from math import exp, lgamma, log

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc

from gse_ref.conformance import Adapter, run
from gse_ref.conformance.adapters.own import Cpu, Naive, Shadow
from gse_ref.conformance.checks import sampling_draws
from tests.unit.conformance.judged import checks_without_fault, require_right
from tests.unit.conformance.plain import Plain


@pytest.mark.parametrize("adapter", [Naive, Cpu, Shadow])
def test_own_backends_pass(adapter: type[Adapter]) -> None:
    require_right(adapter, "sampling", effort=0.2)


def test_an_independent_adapter_passes() -> None:
    require_right(Plain, "sampling", effort=1, uncovered=frozenset({"draw"}))


def test_every_check_has_a_fault() -> None:
    assert not checks_without_fault("sampling")


def test_own_randomness_is_judged_alike_at_any_seed() -> None:
    names = ["sample", "sample_independent", "sample_not_too_even"]
    for seed in range(20):
        assert [result.status for result in run(Plain, only=names, seed=seed)] == ["passed"] * 3


def _binomial(counts: range, draws: int, p: float) -> float:
    """Return the chance of these counts, summed term by term."""
    rest = lgamma(draws + 1)
    return sum(
        exp(rest - lgamma(k + 1) - lgamma(draws - k + 1) + k * log(p) + (draws - k) * log(1 - p)) for k in counts
    )


@pytest.mark.parametrize("p", [0.001, 0.0625, 0.3, 0.9])
def test_tails_of_counts_are_exact_far_out(p: float) -> None:
    draws, deviation = sampling_draws.DRAWS, (sampling_draws.DRAWS * p * (1 - p)) ** 0.5
    low, high = max(0, int(draws * p - 6.5 * deviation)), int(draws * p + 6.5 * deviation)
    for actual, counts in (
        (bdtr(low, draws, p), range(low + 1)),
        (bdtrc(high - 1.0, draws, p), range(high, draws + 1)),
    ):
        assert abs(log(actual / _binomial(counts, draws, p))) < 0.001


def test_a_slot_that_comes_too_often_by_ten_deviations_is_found() -> None:
    class Leaning(Plain):
        def sample(self, probabilities, count, seed):
            leaning = np.array(probabilities)
            leaning[-1] += 10 * (leaning[-1] * (1 - leaning[-1]) / max(1, count)) ** 0.5
            return super().sample(leaning / leaning.sum(), count, seed)

    (result,) = run(Leaning, only=["sample"])
    assert result.status == "failed"
    assert "slot 3 came" in result.failure.what


def test_what_is_wrong_with_pairs_is_said() -> None:
    class Backwards(Plain):
        def candidates(self, pattern, rows, cols):
            return tuple(part[::-1] for part in super().candidates(pattern, rows, cols))

    (result,) = run(Backwards, only=["candidates"])
    assert "not sorted by edge id" in result.text()
    assert "section 5.3" in result.text()
