"""The kit in somebody's test suite: one pytest test for each check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from .catalogue import chosen
from .check import LEVELS, Check
from .loading import load
from .result import FAILED, NOT_COVERED
from .runner import run_check
from .subject import LIMIT, Subject


def parametrize(
    adapter: Any,
    levels: Sequence[str] = LEVELS,
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    effort: float = 1.0,
    limit: float = LIMIT,
) -> Any:
    """Return a decorator for a test with the argument `check`, which it calls: one test for each check.

    A check that the adapter does not cover is skipped, with the reason; one that fails, fails with the whole text.
    Checks run in the process of the tests: for an adapter that hangs in C or crashes see `isolated`. ::

        @gse_ref.conformance.parametrize(MyAdapter, levels=["kernels"])
        def test_conformance(check):
            check()

    Parameters
    ----------
    adapter : as of `run`; made once, when the first check runs. The others too are as of `run`.

    Raises
    ------
    InputError : an unknown level or check.
    MissingDependencyError : Hypothesis is not installed.
    """
    import pytest

    @cache
    def subject() -> tuple[Subject, str]:
        loaded = load(adapter)
        return Subject(loaded.adapter, seed, limit), loaded.how

    def test_of(check: Check) -> Callable[[], None]:
        def test() -> None:
            __tracebackhide__ = True
            result = run_check(check, *subject(), effort)
            if result.status == NOT_COVERED:
                pytest.skip(result.why or NOT_COVERED)
            if result.status == FAILED:
                pytest.fail(result.text(), pytrace=False)

        return test

    return pytest.mark.parametrize(
        "check", [pytest.param(test_of(one), id=one.name) for one in chosen(levels, only)]
    )
