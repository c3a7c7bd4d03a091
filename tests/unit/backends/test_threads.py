"""The number of threads holds for a block, and BLAS runs on one."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from gse_ref.backends import thread_limit
from gse_ref.errors import InputError

MOST = numba.config.NUMBA_NUM_THREADS


@pytest.mark.parametrize("threads", [1, MOST])
def test_the_limit_holds_for_the_block(threads: int) -> None:
    before = numba.get_num_threads()
    with thread_limit(threads) as inside:
        assert inside == threads == numba.get_num_threads()
        np.ones((2, 2)) @ np.ones((2, 2))
        assert all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")
    assert numba.get_num_threads() == before


def test_none_is_all_that_numba_was_given() -> None:
    with thread_limit(None) as threads:
        assert threads == MOST


def test_the_limit_ends_with_an_error() -> None:
    before = numba.get_num_threads()
    with pytest.raises(KeyError), thread_limit(1):
        raise KeyError
    assert numba.get_num_threads() == before


@pytest.mark.parametrize("threads", [0, -1, MOST + 1])
def test_too_few_or_too_many(threads: int) -> None:
    before = numba.get_num_threads()
    with (
        pytest.raises(InputError, match=f"threads must lie in 1 to {MOST} .*, got {threads}"),
        thread_limit(threads),
    ):
        pytest.fail("the block must not run")
    assert numba.get_num_threads() == before
