"""Normalisation and pools are the same, bit for bit, for one thread and for two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from gse_ref.backends import Backend, Geometry, get
from tests.contract.threads import assert_threads_agree

SHAPE = (3, 4, 4, 5) if numba.config.DISABLE_JIT else (17, 9, 10, 65)
GEOMETRY = Geometry(3, 2, 1)

pytestmark = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba was given one thread")

GENERATOR = np.random.default_rng(8)
X, Y, DY = (GENERATOR.standard_normal(SHAPE).astype(np.float32) for _ in range(3))
GAMMA, BETA = (GENERATOR.standard_normal(SHAPE[0]).astype(np.float32) for _ in range(2))
MEAN, VARIANCE = GENERATOR.random((2, SHAPE[0]))
POOLED, TAPS = get("naive").max_pool(X, GEOMETRY)

CALLS: dict[str, Callable[[Backend], Any]] = {
    "batch_norm": lambda b: b.batch_norm(X, GAMMA, BETA, 1e-5, Y, True),
    "normalise": lambda b: b.normalise(X, GAMMA, BETA, MEAN, VARIANCE, 1e-5, None, False),
    "batch_norm_backward": lambda b: b.batch_norm_backward(X, Y, DY, GAMMA, MEAN, VARIANCE, 1e-5, True, True),
    "max_pool": lambda b: b.max_pool(X, GEOMETRY),
    "unpool": lambda b: b.unpool(POOLED, TAPS, GEOMETRY, SHAPE[1:3]),
    "pick": lambda b: b.pick(X, TAPS, GEOMETRY),
}


@pytest.mark.parametrize("function", sorted(CALLS))
def test_threads_do_not_change_a_bit(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_threads_agree(lambda: CALLS[function](get("cpu")), monkeypatch)
