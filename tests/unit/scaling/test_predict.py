"""What is not measured is decided beforehand, from smaller sizes."""

from __future__ import annotations

import pytest

from gse_ref.scaling.predict import UNLIMITED, Cost, Limits, predicted
from gse_ref.scaling.sizes import Sizes


def _measured(widths, exponent: float) -> dict[Sizes, Cost]:
    return {Sizes(n, 10 * n, 128): Cost(1e-6 * n**exponent, int(100 * n**exponent)) for n in widths}


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_planted_growth_is_predicted_from_the_last_two_widths(power: float) -> None:
    found = predicted(_measured([256, 512], power), Sizes(1024, 10240, 128), 1.0)
    assert found is not None
    assert abs(found.seconds / (1e-6 * 1024**power) - 1) < 1e-9
    assert abs(found.bytes - 100 * 1024**power) <= 1


def test_an_expected_square_is_believed_before_it_shows() -> None:
    found = predicted(_measured([256], 1.0), Sizes(512, 5120, 128), 2.0)
    assert found == Cost(4 * 256e-6, 2 * 25600), "time as n², memory as it showed"


def test_noise_between_two_small_sizes_is_not_taken_for_a_cube() -> None:
    costs = {Sizes(256, 2560, 128): Cost(1e-5, 100), Sizes(512, 5120, 128): Cost(1e-3, 10_000)}
    found = predicted(costs, Sizes(1024, 10240, 128), 1.0)
    assert found == Cost(4e-3, 40_000)


def test_other_sweeps_start_from_the_nearest_of_their_width() -> None:
    costs = _measured([1024, 2048, 4096], 1.0)
    at = costs[Sizes(4096, 40960, 128)]
    assert predicted(costs, Sizes(4096, 8192, 128), 1.0) == at, "fewer connections are not taken to cost less"
    found = predicted(costs, Sizes(4096, 81920, 256), 1.0)
    assert found is not None
    assert found.seconds == 4 * at.seconds


def test_nothing_is_known_of_the_first_size() -> None:
    assert predicted({}, Sizes(256, 2560, 128), 1.0) is None
    assert Limits(1.0, 1000).exceeded(None) is None


def test_the_reason_says_what_would_be_needed() -> None:
    limits = Limits(0.5, 2e9)
    assert limits.exceeded(Cost(0.4, 10**9)) is None
    assert limits.exceeded(Cost(3.21, 10**9)) == "would need about 3.2 s a call, the limit is 0.5 s"
    assert limits.exceeded(Cost(3.21, 51 * 10**9)) == "would need about 51 GB, the limit is 2 GB"
    assert UNLIMITED.exceeded(Cost(1e12, 10**18)) is None
