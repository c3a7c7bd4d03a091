"""A counting backend gives what the backend inside gives: each contract, run through the counter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gse_ref.backends import get
from gse_ref.backends.counting import Counter, counting
from tests.contract.checks import CHECKS


@pytest.mark.parametrize("function", sorted(CHECKS))
@settings(max_examples=10)  # results are passed on untouched (`test_counting`): few cases suffice
@given(data=st.data())
def test_a_counted_backend_keeps_the_contract(function: str, data: st.DataObject) -> None:
    counter, check = Counter(), CHECKS[function]
    check.body(counting(get("cpu"), counter), data.draw(check.cases))
    assert counter.total().calls >= 1
