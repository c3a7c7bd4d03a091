"""The gpu backend, its kernels run on the host in three orders, against the definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.backends import gpu
from tests.contract.checks import CHECKS
from tests.contract.emulated import EMULATED, named


@pytest.mark.parametrize("backend", EMULATED)
@pytest.mark.parametrize("function", sorted(gpu.OPERATIONS))
@given(data=st.data())
def test_agrees_with_the_definition(function: str, backend: str, data: st.DataObject) -> None:
    check = CHECKS[function]
    check.body(named(backend), data.draw(check.cases))
