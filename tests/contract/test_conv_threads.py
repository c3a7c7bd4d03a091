"""Convolutions are the same, bit for bit, for one thread and for two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from gse_ref.backends import Backend, Geometry, get
from gse_ref.sparse import Topology
from tests.contract.conv_checks import CONV_CHECKS
from tests.contract.threads import assert_threads_agree

INTERPRETED = bool(numba.config.DISABLE_JIT)
CHANNELS, N_OUT, SIZE, BATCH = (3, 2, (4, 3), 5) if INTERPRETED else (19, 23, (9, 11), 37)

pytestmark = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba was given one thread")


class Layer(NamedTuple):
    """Operands of every function of a convolution."""

    topology: Topology
    values: np.ndarray
    x: np.ndarray
    dy: np.ndarray
    bias: np.ndarray
    geometry: Geometry
    signs: np.ndarray
    pairs: tuple[np.ndarray, ...]


def layer(geometry: Geometry) -> Layer:
    generator = np.random.default_rng(4)
    shape = (N_OUT, CHANNELS * geometry.kernel**2)
    size = shape[0] * shape[1]
    ids = np.sort(generator.choice(size, size // 5, replace=False))
    output = tuple(map(geometry.positions, SIZE))

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(np.float32)

    topology = Topology.from_edges(*np.divmod(ids, shape[1]), shape)
    x, dy = normal(CHANNELS, *SIZE, BATCH), normal(N_OUT, *output, BATCH)
    signs = generator.integers(0, 2, (*output, BATCH)) * 2.0 - 1.0
    pairs = tuple(generator.integers(0, n, 200, dtype=np.int32) for n in shape)
    return Layer(topology, normal(len(ids)), x, dy, normal(N_OUT), geometry, signs, pairs)


LAYERS = {f"stride {stride}": layer(Geometry(3, stride, 1)) for stride in (1, 2)}

CALLS: dict[str, Callable[[Backend, Layer], Any]] = {
    "conv": lambda b, case: b.conv(
        case.topology.indptr, case.topology.indices, case.values, case.x, case.geometry, case.bias
    ),
    "conv_t": lambda b, case: b.conv_t(case.topology.transpose, case.values, case.dy, case.geometry, SIZE),
    "conv_backward": lambda b, case: b.conv_backward(
        case.topology.transpose, case.values, case.x, case.dy, case.geometry
    ),
    "conv_pairs": lambda b, case: b.conv_pairs(*case.pairs, case.dy, case.x, case.geometry),
    "conv_rows": lambda b, case: b.conv_rows(case.dy, case.x, case.geometry),
    "patch_abs_sums": lambda b, case: b.patch_abs_sums(case.x, case.geometry),
    "patch_signed_sums": lambda b, case: b.patch_signed_sums(case.x, case.signs, case.geometry),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
@pytest.mark.parametrize("function", sorted(CALLS))
def test_threads_do_not_change_a_bit(function: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_threads_agree(lambda: CALLS[function](get("cpu"), LAYERS[name]), monkeypatch)


def test_there_is_a_call_of_each_function() -> None:
    assert set(CALLS) == set(CONV_CHECKS)
