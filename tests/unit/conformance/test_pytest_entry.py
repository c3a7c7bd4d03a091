"""One pytest test for each check."""

from __future__ import annotations

from typing import Any

import pytest

from gse_ref import conformance
from gse_ref.errors import InputError
from tests.unit.conformance import bad


@conformance.parametrize(bad.Right, only=["forward"], effort=0.1)
def test_a_test_for_each_check(check: Any) -> None:
    check()


def each_of(adapter: object) -> dict[str, Any]:
    def test(check: Any) -> None:
        check()

    [mark] = conformance.parametrize(adapter, ["kernels"], effort=0.1)(test).pytestmark
    assert mark.args[0] == "check"
    return {parameters.id: parameters.values[0] for parameters in mark.args[1]}


def test_every_check_of_the_level_is_there() -> None:
    from gse_ref.conformance.catalogue import chosen

    assert list(each_of(bad.Right)) == [check.name for check in chosen(["kernels"])]


def test_what_fails_says_everything() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"(?s)wrong: y\[0, 0\].*docs/algorithm.md.*print\(adapter"):
        each_of(bad.spoilt(lambda y: y + 1))["forward"]()


def test_what_is_not_covered_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="the adapter has no forward"):
        each_of(bad.Nothing)["forward"]()


def test_the_adapter_is_made_once_and_not_before_the_first_check() -> None:
    made = []

    def factory() -> bad.Right:
        made.append(1)
        return bad.Right()

    test = each_of(factory)["forward"]
    assert made == []
    test()
    test()
    assert made == [1]


def test_levels_are_checked_at_once() -> None:
    with pytest.raises(InputError, match="unknown level 'kernel': did you mean 'kernels'"):
        conformance.parametrize(bad.Right, ["kernel"])
