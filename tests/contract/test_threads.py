"""Results of the kernels are the same, bit for bit, for one thread and for two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from gse_ref.backends import Backend, get, thread_limit
from gse_ref.kernels import launch as launching
from gse_ref.sparse import Topology
from tests.contract.threads import assert_threads_agree

INTERPRETED = bool(numba.config.DISABLE_JIT)
UNITS, DEGREE, BATCH = (24, 4, 20) if INTERPRETED else (600, 40, 145)

pytestmark = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba was given one thread")


def layer() -> dict[str, Any]:
    generator = np.random.default_rng(3)
    n_out, n_in = UNITS, UNITS + 11
    ids = np.sort(generator.choice(n_out * n_in, UNITS * DEGREE, replace=False))
    topology = Topology.from_edges(*np.divmod(ids, n_in), (n_out, n_in))
    free = np.setdiff1d(generator.integers(0, n_out * n_in, UNITS), ids)
    return {
        "topology": topology,
        "values": generator.standard_normal(topology.nnz).astype(np.float32),
        "x": generator.standard_normal((n_in, BATCH)).astype(np.float32),
        "dy": generator.standard_normal((n_out, BATCH)).astype(np.float32),
        "bias": generator.standard_normal(n_out).astype(np.float32),
        "signs": generator.integers(0, 2, BATCH) * 2.0 - 1.0,
        "mass": generator.random(n_in) + 0.1,
        "uniforms": generator.random(10 * UNITS),
        "pruned": np.arange(0, topology.nnz, 3),
        "grown": tuple(side.astype(np.int32) for side in np.divmod(free, n_in)),
    }


LAYER = layer()
TOPOLOGY: Topology = LAYER["topology"]
PATTERN = (TOPOLOGY.indptr, TOPOLOGY.indices)

CALLS: dict[str, Callable[[Backend], Any]] = {
    "spmm": lambda b: b.spmm(*PATTERN, LAYER["values"], LAYER["x"], LAYER["bias"]),
    "spmm_t": lambda b: b.spmm_t(TOPOLOGY.transpose, LAYER["values"], LAYER["dy"]),
    "spmm_backward": lambda b: b.spmm_backward(TOPOLOGY.transpose, LAYER["values"], LAYER["x"], LAYER["dy"]),
    "sddmm": lambda b: b.sddmm(*PATTERN, LAYER["dy"], LAYER["x"]),
    "sddmm_pairs": lambda b: b.sddmm_pairs(*LAYER["grown"], LAYER["dy"], LAYER["x"]),
    "gradient_rows": lambda b: b.gradient_rows(LAYER["dy"], LAYER["x"]),
    "relu_backward": lambda b: b.relu_backward(LAYER["x"], LAYER["x"][::-1]),
    "gather": lambda b: b.gather(
        LAYER["x"], np.arange(len(LAYER["x"]))[::-1].copy(), 0.5, 0.25, np.dtype(np.float32)
    ),
    "abs_sums": lambda b: b.abs_sums(LAYER["x"]),
    "signed_sums": lambda b: b.signed_sums(LAYER["x"], LAYER["signs"]),
    "alias_table": lambda b: b.alias_table(LAYER["mass"]),
    "alias_draw": lambda b: b.alias_draw(b.alias_table(LAYER["mass"]), LAYER["uniforms"]),
    "candidates": lambda b: b.candidates(*LAYER["grown"], *PATTERN, TOPOLOGY.n_in),
    "inactive": lambda b: b.inactive(*PATTERN, TOPOLOGY.n_in),
    "top_k": lambda b: b.top_k(np.abs(LAYER["values"]), TOPOLOGY.nnz // 3),
    "merge": lambda b: b.merge(*PATTERN, LAYER["pruned"], *LAYER["grown"]),
    "carry": lambda b: b.carry(LAYER["values"], b.merge(*PATTERN, LAYER["pruned"], *LAYER["grown"])[2], UNITS**2),
    "transpose_index": lambda b: b.transpose_index(*PATTERN, TOPOLOGY.n_in),
}


@pytest.mark.parametrize("function", sorted(CALLS))
def test_threads_do_not_change_a_bit(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_threads_agree(lambda: CALLS[function](get("cpu")), monkeypatch)


@pytest.mark.parametrize(("work", "threads"), [(0, 1), (launching.SERIAL - 1, 1), (launching.SERIAL, 2)])
def test_small_work_runs_on_one_thread(work: int, threads: int) -> None:
    seen: list[tuple[int, str]] = []
    with thread_limit(2):
        launching.launch(lambda word: seen.append((numba.get_num_threads(), word)), work, "argument")
        assert numba.get_num_threads() == 2
    assert seen == [(threads, "argument")]


@pytest.mark.parametrize("work", [0, launching.SERIAL])
def test_threads_are_as_before_after_an_error(work: int) -> None:
    def kernel() -> None:
        raise KeyError

    with thread_limit(2):
        with pytest.raises(KeyError):
            launching.launch(kernel, work)
        assert numba.get_num_threads() == 2


def test_one_thread_stays_one() -> None:
    seen: list[int] = []
    with thread_limit(1):
        for work in (0, launching.SERIAL):
            launching.launch(lambda: seen.append(numba.get_num_threads()), work)
    assert seen == [1, 1]
