"""Plans: their sweeps, and which plans cannot be judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gse_ref.errors import InputError
from gse_ref.scaling import FORMS, form
from gse_ref.scaling.sizes import Sizes, variable

from .planted import PLAN


def test_sweeps_vary_one_thing_each_in_increasing_order() -> None:
    plan = replace(PLAN, widths=(4096, 1024, 2048, 8192, 1024))
    sweeps = plan.sweeps()
    assert sweeps["width"] == [Sizes(n, 10 * n, 128) for n in (1024, 2048, 4096, 8192)]
    assert sweeps["nnz"] == [Sizes(4096, k * 4096, 128) for k in (2, 4, 8, 16, 32)]
    assert sweeps["batch"] == [Sizes(4096, 40960, batch) for batch in (16, 32, 64, 128)]
    for name, points in sweeps.items():
        assert variable(name, points) == sorted(variable(name, points))


def test_an_empty_sweep_is_left_out() -> None:
    assert list(replace(PLAN, batches=(), nnz_per_unit=()).sweeps()) == ["width"]


@pytest.mark.parametrize("name", FORMS)
def test_forms_can_be_judged(name: str) -> None:
    form(name).check()


def test_the_large_form_reaches_what_the_study_is_about() -> None:
    largest = form("large").sweeps()["width"][-1]
    assert largest.n >= 10**6
    assert largest.nnz >= 10**7
    assert largest.batch == 128


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rounds": 2}, "rounds must be at least 3"),
        ({"limit_seconds": 0.0}, "limit_seconds must be positive"),
        ({"widths": ()}, "needs widths"),
        ({"widths": (1024, 2048, 4096)}, "the width sweep needs 4 sizes or more for a slope, got 3"),
        ({"widths": (256, 8000, 8001, 8002, 8003)}, "must span a factor of 4, got 8000 to 8003"),
        ({"nnz_per_unit": (2, 4)}, "the nnz sweep needs 4 sizes"),
        ({"batches": (0, 1, 2, 4)}, "at least 1, got 0"),
        ({"widths": (64, 128, 256, 512)}, "density of 0.16, where at most 0.02 is sparse enough"),
        ({"widths": (32, 1024, 2048, 4096, 8192)}, "at most 0.25 is sparse enough"),
        ({"nnz_per_unit": (2, 4, 8, 400)}, "density of 0.098"),
    ],
)
def test_what_cannot_be_judged_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        replace(PLAN, **change).check()


def test_unknown_forms_are_named() -> None:
    with pytest.raises(InputError, match="unknown form 'smal': did you mean 'small'"):
        form("smal")
