"""The strategies do reach the corners that the contract tests count on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.conformance import strategies
from gse_ref.sparse import Topology
from tests.meta.corners import rare

EXAMPLES = 400


def of_topology(topology: Topology) -> Iterator[str]:
    fan_in, (n_out, n_in) = topology.fan_in(), topology.shape
    yield from (name for name, side in (("one row", n_out), ("one column", n_in)) if side == 1)
    if topology.nnz == 0:
        yield "no connection"
    elif topology.nnz == topology.size:
        yield "full"
    elif (fan_in == 0).any():
        yield "empty row"
    if (fan_in == n_in).any() and (fan_in < n_in).any():
        yield "full row beside others"


def of_product(case: strategies.Product) -> Iterator[str]:
    yield f"batch {case.x.shape[1]}"
    yield f"{case.x.dtype}"
    yield "no bias" if case.bias is None else "bias"
    sizes, kind = np.abs(case.x[case.x != 0].astype(np.float64)), np.finfo(case.x.dtype)
    if sizes.size < case.x.size:
        yield "zeros"
    if (np.signbit(case.x) & (case.x == 0)).any():
        yield "negative zeros"
    if sizes.size:
        yield from (name for name, there in _magnitudes(sizes, kind) if there)
        if len(np.unique(sizes)) < sizes.size:
            yield "ties"


def _magnitudes(sizes: np.ndarray, kind: np.finfo) -> Iterator[tuple[str, bool]]:
    yield "subnormal", bool(sizes.min() < kind.smallest_normal)
    yield "large", bool(sizes.max() > 1e12)
    yield "products vanish", bool(0 < (sizes**2).min() < kind.smallest_subnormal or sizes.min() < 1e-190)


def of_sampled(case: strategies.Sampled) -> Iterator[str]:
    ids = case.rows.astype(np.int64) * len(case.x) + case.cols
    if not len(ids):
        yield "no pairs"
    if len(np.unique(ids)) < len(ids):
        yield "repeated pairs"
    if (np.diff(ids) < 0).any():
        yield "unordered pairs"


def of_scores(case: tuple[np.ndarray, int]) -> Iterator[str]:
    scores, k = case
    yield "no scores" if not len(scores) else "some scores"
    yield "none taken" if k == 0 else "all taken" if k == len(scores) else "some taken"
    if 0 < k < len(scores):
        best = np.sort(scores)[::-1]
        if best[k - 1] == best[k]:
            yield "tie at the threshold"
            if best[k] == 0 and len(set(np.signbit(scores[scores == 0]))) == 2:
                yield "tie of +0 and -0 at the threshold"


def of_mass(mass: np.ndarray) -> Iterator[str]:
    yield "one slot" if len(mass) == 1 else "many slots"
    positive = mass[mass > 0]
    if len(mass) > 1 and len(positive) == 1:
        yield "one non-zero"
    if 1 < len(positive) < len(mass):
        yield "some zeros"
    if len(mass) > 1 and len(set(mass)) == 1:
        yield "equal"
    if positive.max() > 1e20 * positive.min():
        yield "far apart"


def of_draws(case: tuple[np.ndarray, np.ndarray]) -> Iterator[str]:
    mass, uniforms = case
    if (uniforms == 0).any():
        yield "u = 0"
    if (uniforms == strategies.LAST_UNIFORM).any():
        yield "u just below 1"
    position = uniforms * len(mass)
    if (position[position > 0] % 1 == 0).any():
        yield "on an edge"
    if (position % 1 > 1 - 1e-12).any():
        yield "below an edge"


def of_drawn(case: strategies.Drawn) -> Iterator[str]:
    ids = case.rows.astype(np.int64) * case.topology.n_in + case.cols
    active = np.isin(ids, case.topology.edge_ids)
    yield from (name for name, mark in (("active drawn", active), ("inactive drawn", ~active)) if mark.any())
    if len(ids) and active.all():
        yield "only active drawn"
    if len(np.unique(ids)) < len(ids):
        yield "repeated pairs"


def of_edit(case: strategies.Edit) -> Iterator[str]:
    pruned, grown, nnz = len(case.pruned), len(case.grown_rows), case.topology.nnz
    yield "nothing pruned" if pruned == 0 else "all pruned" if pruned == nnz else "some pruned"
    yield "nothing grown" if grown == 0 else "all grown" if grown == case.topology.size - nnz else "some grown"
    if 0 < pruned < nnz and grown:
        yield "mixed edit"
    if (np.signbit(case.values) & (case.values == 0)).any():
        yield "negative zero carried"


CORNERS: dict[str, tuple[Any, Any, set[str]]] = {
    "topologies": (
        strategies.topologies(),
        of_topology,
        {"one row", "one column", "no connection", "full", "empty row", "full row beside others"},
    ),
    "products": (
        strategies.products(),
        of_product,
        {f"batch {size}" for size in strategies.BATCHES}
        | {"float32", "float64", "no bias", "bias", "zeros", "negative zeros", "ties"}
        | {"subnormal", "large", "products vanish"},
    ),
    "sampled": (strategies.sampled(), of_sampled, {"no pairs", "repeated pairs", "unordered pairs"}),
    "scores": (
        strategies.scores(),
        of_scores,
        {"no scores", "none taken", "all taken", "tie at the threshold", "tie of +0 and -0 at the threshold"},
    ),
    "masses": (strategies.masses(), of_mass, {"one slot", "one non-zero", "some zeros", "equal", "far apart"}),
    "draws": (strategies.draws(), of_draws, {"u = 0", "u just below 1", "on an edge", "below an edge"}),
    "drawn": (
        strategies.drawn(),
        of_drawn,
        {"active drawn", "inactive drawn", "only active drawn", "repeated pairs"},
    ),
    "edits": (
        strategies.edits(),
        of_edit,
        {"nothing pruned", "all pruned", "nothing grown", "all grown", "mixed edit", "negative zero carried"},
    ),
}


@pytest.mark.parametrize("name", sorted(CORNERS))
def test_each_corner_is_drawn_again_and_again(name: str) -> None:
    seldom = rare(*CORNERS[name], EXAMPLES)
    assert not seldom, f"{name} seldom draws {seldom} in {EXAMPLES} examples"


@given(shape=strategies.shapes(), data=st.data())
def test_masks_and_topologies_are_two_ways_to_say_one_thing(shape: tuple[int, int], data: st.DataObject) -> None:
    topology = data.draw(strategies.topologies(shape))
    assert topology.shape == shape
    assert strategies.of_mask(strategies.mask_of(topology)) == topology
