"""How the independence of threads is judged: the same bits on one thread and, twice, on two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import pytest

from gse_ref.backends import thread_limit
from gse_ref.kernels import launch as launching


def _bits(result: Any) -> list[bytes]:
    return [part.tobytes() for part in (result if isinstance(result, tuple) else (result,))]


def assert_threads_agree(call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Demand equal bits of every result of `call`, whose kernels run on all threads whatever their work."""
    monkeypatch.setattr(launching, "SERIAL", 0)
    results = []
    for threads in (1, 2, 2):  # twice on two: a race would differ from itself
        with thread_limit(threads):
            assert numba.get_num_threads() == threads
            results.append(_bits(call()))
    assert results[0] == results[1] == results[2]
