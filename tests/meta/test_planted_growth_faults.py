"""Updates that are not linear, each to be caught: by exact counts, by the verdict, by the allocation guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.backends import Backend, Pairs, get, use
from gse_ref.backends.counting import Counter, Tally, counting
from gse_ref.errors import AllocationLimitError
from gse_ref.explore import METHODS, Proposal, Request, update
from gse_ref.explore.guided import score
from gse_ref.nn import Observation
from gse_ref.scaling.layer import NAME, Activations, SparseLayer
from gse_ref.scaling.memory import peak
from gse_ref.scaling.sizes import Sizes
from tests.instrumented.backend import LOOPS, instrumented
from tests.instrumented.meter import Meter, Metered
from tests.meta.growth import PER_UNIT, judged

#: Of loops in Python; of whole updates, where so few pairs are drawn twice that candidates grow with the draws.
SMALL_WIDTHS, WIDTHS = (16, 32, 64, 128), (256, 512, 1024, 2048)
BATCH = 4


def layer(n: int) -> SparseLayer:
    return SparseLayer(Sizes(n, PER_UNIT * n, BATCH), Activations(n * BATCH, 0), 0)


def updated(n: int, propose: Callable[..., list[Proposal]] | None) -> None:
    """Make one whole update of a layer, its transpose index included."""
    one = layer(n)
    request = Request(0, 1, 0.2, "global", 1.0, one.probe)
    change = update({NAME: one.parameter}, propose or METHODS["gse"].propose, request)
    assert change.layers[NAME].pruned == change.layers[NAME].grown > 0
    assert len(change.layers[NAME].topology.transpose.rows) == one.topology.nnz


def counted(n: int, backend: Backend, propose: Callable[..., list[Proposal]] | None = None) -> Counter:
    counter = Counter()
    with use(counting(backend, counter)):
        updated(n, propose)
    return counter


def metered(function: str, n: int, loops: Callable[..., Any]) -> tuple[Tally, Tally]:
    """Run literal loops on the draws or scores of a layer; return what they cost, and what is counted for them."""
    meter, counter, generator = Meter(), Counter(), np.random.default_rng(n)
    backend = counting(instrumented(meter, **{function: loops}), counter)
    if function == "top_k":
        backend.top_k(generator.permutation(PER_UNIT * n).astype(np.float64), n)
    else:
        rows, cols = (generator.integers(0, n, PER_UNIT * n, np.int32) for _ in range(2))
        topology = layer(n).topology
        backend.candidates(rows, cols, topology.indptr, topology.indices, n)
    return meter.tally(1), counter.total()


def _merged(meter: Meter, v: Metered, spare: Metered, low: int, high: int) -> None:
    """Sort v[low:high] falling by merging."""
    if high - low < 2:
        return
    middle = (low + high) // 2
    _merged(meter, v, spare, low, middle)
    _merged(meter, v, spare, middle, high)
    a, b = low, middle
    for k in range(low, high):
        first = b == high or (a < middle and not meter.less(v[a], v[b]))
        spare[k] = v[a] if first else v[b]
        a, b = a + first, b + (not first)
    for k in range(low, high):
        v[k] = spare[k]


def selection_that_sorts(meter: Meter, scores: np.ndarray, k: int) -> np.ndarray:
    ordered, spare = meter.empty(len(scores), scores.dtype), meter.empty(len(scores), scores.dtype)
    (source,) = meter.over(scores)
    for m in range(len(scores)):
        ordered[m] = source[m]
    _merged(meter, ordered, spare, 0, len(scores))
    return np.array([m for m in range(len(scores)) if not meter.less(source[m], ordered[k - 1])], np.int64)


def filter_that_is_quadratic(
    meter: Meter, rows: np.ndarray, cols: np.ndarray, indptr: np.ndarray, indices: np.ndarray, n_in: int
) -> Pairs:
    """Each draw is compared with every active connection."""
    drawn, active = meter.over(rows, cols), meter.over(indices)[0]
    row_of = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    kept = set()
    for k in range(len(rows)):
        i, j = drawn[0][k], drawn[1][k]
        if not any(meter.equal(j, active[m]) and row_of[m] == i for m in range(len(indices))):
            kept.add((i, j))
    pairs = np.array(sorted(kept), np.int32).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


SLOW_LOOPS = {"top_k": ("selection", selection_that_sorts), "candidates": ("candidates", filter_that_is_quadratic)}


@pytest.mark.parametrize("function", SLOW_LOOPS)
def test_slow_loops_cost_more_than_is_counted(function: str) -> None:
    honest, slow = (metered(function, 64, loops) for loops in (LOOPS[function], SLOW_LOOPS[function][1]))
    assert honest[0] == honest[1]
    assert slow[0].moves > 1.2 * slow[1].moves
    assert slow[1] == honest[1], "both give the same result, which is all that a formula sees"


@pytest.mark.parametrize("function", SLOW_LOOPS)
def test_slow_loops_turn_the_verdict_red(function: str) -> None:
    phase, loops = SLOW_LOOPS[function]
    honest = judged(phase, {n: metered(function, n, LOOPS[function])[0] for n in SMALL_WIDTHS})
    assert honest.linear, honest.steep_counts
    slow = judged(phase, {n: metered(function, n, loops)[0] for n in SMALL_WIDTHS})
    assert not slow.linear
    assert "moves" in slow.steep_counts


def gradient_on_all_pairs(layers: Any, request: Request) -> list[Proposal]:
    """As GSE, but every inactive connection is a candidate."""
    proposals = []

    def observe(parameter: Any, x: np.ndarray, delta: np.ndarray) -> None:
        topology = parameter.topology
        rows, cols = gse.backends.active().inactive(topology.indptr, topology.indices, topology.n_in)
        scores = score(rows, cols, Observation(parameter, x, delta), "layer")
        proposals.append(Proposal(rows, cols, scores, len(rows)))

    request.run_probe(observe)
    return proposals


@pytest.mark.parametrize(
    "phase", ["forward", "backward", "draw", "candidates", "scores", "selection", "merge", "transpose"]
)
def test_an_honest_update_is_green(phase: str) -> None:
    verdict = judged(phase, {n: counted(n, get("cpu")).tallies[phase] for n in WIDTHS})
    assert verdict.counts
    assert verdict.linear, verdict.steep_counts


@pytest.mark.parametrize("phase", ["candidates", "scores", "selection"])
def test_a_gradient_on_all_pairs_turns_the_verdict_red(phase: str) -> None:
    tallies = {n: counted(n, get("cpu"), gradient_on_all_pairs).tallies[phase] for n in WIDTHS}
    verdict = judged(phase, tallies)
    assert not verdict.linear
    assert set(verdict.steep_counts) >= {"moves", "bytes_read"} & set(verdict.counts)


def buffered(rows: np.ndarray, cols: np.ndarray, indptr: np.ndarray, indices: np.ndarray, n_in: int) -> Pairs:
    """Candidates by a hidden dense buffer."""
    fresh = np.zeros((len(indptr) - 1, n_in), bool)
    fresh[rows, cols] = True
    fresh[np.repeat(np.arange(len(fresh)), np.diff(indptr)), indices] = False
    found = np.nonzero(fresh)
    return found[0].astype(np.int32), found[1].astype(np.int32)


BUFFERED = replace(get("cpu"), candidates=buffered)


def test_a_hidden_dense_buffer_is_caught_by_the_guard() -> None:
    n = WIDTHS[-1]
    with gse.allocation_guard(n * n // 2):
        updated(n, None)
    with (
        use(BUFFERED),
        pytest.raises(AllocationLimitError, match=r"in buffered\n.*np\.zeros"),
        gse.allocation_guard(n * n // 2),
    ):
        updated(n, None)


def test_a_hidden_dense_buffer_turns_the_verdict_red() -> None:
    verdicts = {}
    for backend in (get("cpu"), BUFFERED):
        peaks = {}
        with use(backend):
            updated(64, None)
            for n in WIDTHS:
                peaks[n] = peak(lambda n=n: updated(n, None))[0].traced
        verdicts[backend.candidates] = judged("candidates", {n: Tally(moves=n) for n in peaks}, peaks)
    assert verdicts[get("cpu").candidates].linear
    red = verdicts[buffered]
    assert not red.linear
    assert red.steep_memory
