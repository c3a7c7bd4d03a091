"""The gpu backend, its kernels run on the host in three orders, against the definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.backends import gpu
from tests.contract.checks import CHECKS
from tests.contract.emulated import EMULATED, emulated
from tests.host_cuda.build import needs_compiler

pytestmark = needs_compiler

#: One backend for each order of the threads.
BACKENDS = {name: emulated(order) for name, order in EMULATED.items()}


@pytest.mark.parametrize("order", BACKENDS)
@pytest.mark.parametrize("function", sorted(gpu.OPERATIONS))
@given(data=st.data())
def test_agrees_with_the_definition(function: str, order: str, data: st.DataObject) -> None:
    check = CHECKS[function]
    check.body(BACKENDS[order], data.draw(check.cases))
