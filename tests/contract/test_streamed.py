"""Large results are written past the caches: the same bit for bit, whether their rows are aligned or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from gse_ref.backends import Backend, Geometry, get, memory
from gse_ref.sparse import erdos_renyi
from tests.contract.judge import assert_same_bits
from tests.contract.threads import assert_threads_agree

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])

Calls = dict[str, Callable[[Backend], Any]]


def convolution(dtype: type, batch: int, geometry: Geometry, size: tuple[int, int] = (3, 6)) -> Calls:
    """Return the three products of a convolution of 3 to 4 channels."""
    generator = np.random.default_rng(5)
    shape = 4, 3 * geometry.kernel**2
    topology = erdos_renyi(shape, shape[0] * shape[1] // 2, generator)
    values = generator.standard_normal(topology.nnz).astype(dtype)
    x = generator.standard_normal((3, *size, batch)).astype(dtype)
    dy = generator.standard_normal((4, *map(geometry.positions, size), batch)).astype(dtype)
    return {
        "conv": lambda b: b.conv(topology.indptr, topology.indices, values, x, geometry),
        "conv_t": lambda b: b.conv_t(topology.transpose, values, dy, geometry, size),
        "conv_backward": lambda b: b.conv_backward(topology.transpose, values, x, dy, geometry),
    }


def normalisation(dtype: type, batch: int) -> Calls:
    """Return the gradients of a normalisation of 3 channels with and without ReLU, residual and β."""
    generator = np.random.default_rng(6)
    x, y, dy = generator.standard_normal((3, 3, 5, 4, batch)).astype(dtype)
    gamma, beta = generator.standard_normal((2, 3)).astype(dtype)
    moments = generator.standard_normal(3), generator.random(3) + 0.5
    args = x, y, dy, gamma, *moments, 1e-5
    return {
        "plain": lambda b: b.batch_norm_backward(*args, False, False),
        "masked": lambda b: b.batch_norm_backward(*args, True, False),
        "kept": lambda b: b.batch_norm_backward(*args, True, True),
        "derived": lambda b: b.batch_norm_backward(*args, True, False, beta),
    }


def results(calls: Calls) -> list[np.ndarray]:
    found = []
    for call in calls.values():
        result = call(get("cpu"))
        found += [part for part in (result if isinstance(result, tuple) else (result,)) if part is not None]
    return found


def assert_same_past_the_caches(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = results(calls)
    monkeypatch.setattr(memory, "STREAMED", 0)
    for actual, wanted in zip(results(calls), expected, strict=True):
        assert_same_bits(actual, wanted)


@both_dtypes
@pytest.mark.parametrize("batch", [1, 8, 17, 24, 48, 64, 80, 136, 400])
@pytest.mark.parametrize("geometry", [Geometry(1, 1, 0), Geometry(3, 1, 1), Geometry(3, 2, 1)], ids=str)
def test_convolutions(dtype: type, batch: int, geometry: Geometry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same_past_the_caches(convolution(dtype, batch, geometry), monkeypatch)


@both_dtypes
@pytest.mark.parametrize("batch", [1, 17, 32, 64, 128, 160])
def test_normalisation(dtype: type, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same_past_the_caches(normalisation(dtype, batch), monkeypatch)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba was given one thread")
def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = 16 if numba.config.DISABLE_JIT else 128
    calls = {**convolution(np.float32, batch, Geometry(3, 1, 1), (7, 9)), **normalisation(np.float32, batch)}
    monkeypatch.setattr(memory, "STREAMED", 0)
    assert_threads_agree(lambda: tuple(results(calls)), monkeypatch)
