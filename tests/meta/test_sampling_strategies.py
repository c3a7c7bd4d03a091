"""The strategies of levels sampling and selection reach the corners that the checks count on, and shrink."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, settings

from gse_ref.backends import get
from gse_ref.conformance import strategies
from tests.meta.corners import rare

EXAMPLES = 400
NAIVE = get("naive")
DTYPES = {"float32", "float64"}


def of_probed(seen: strategies.Probed) -> Iterator[str]:
    x, delta, signs, geometry = seen
    yield f"{x.dtype}"
    if signs.size == 1:
        yield "one sample"
    if len(x) == 1 or len(delta) == 1:
        yield "one unit"
    flat = delta.reshape(len(delta), -1)
    for name, values in (("x", x.reshape(len(x), -1)), ("delta", flat)):
        assert np.isfinite(values).all()
        if not values.any():
            yield f"{name} without mass"
        elif np.count_nonzero(values) == 1:
            yield f"{name} of one value"
        if (np.signbit(values) & (values == 0)).any():
            yield f"{name} with negative zeros"
        sizes = np.abs(values[values != 0].astype(np.float64))
        if sizes.size and sizes.max() < 1e-20:
            yield f"{name} small"
        if sizes.size and sizes.max() > 1e12:
            yield f"{name} large"
    if flat.any() and not NAIVE.signed_sums(flat, signs.reshape(-1)).any():
        yield "signed sums of delta cancel"
    if geometry is None and x.any() and not NAIVE.signed_sums(x, signs).any():
        yield "signed sums of x cancel"
    if geometry is not None and geometry.padding:
        yield "padding"


def of_ranked(case: strategies.Ranked) -> Iterator[str]:
    scores, k = case
    yield f"{scores.dtype}"
    yield "no scores" if not len(scores) else "some scores"
    yield "none taken" if k == 0 else "all taken" if k == len(scores) else "some taken"
    if np.isinf(scores).any():
        yield "infinite"
    if 0 < k < len(scores):
        best = np.sort(scores)[::-1]
        if best[k - 1] == best[k]:
            yield "tie at the threshold"
            if best[k] == 0 and len(set(np.signbit(scores[scores == 0]))) == 2:
                yield "tie of +0 and -0 at the threshold"


def _tied(keys: list[np.ndarray], k: int) -> Iterator[str]:
    """Yield "within" and "across" for ties of layers at the k-th key."""
    pool = np.sort(np.concatenate(keys))
    if 0 < k < len(pool) and pool[k - 1] == pool[k]:
        holders = [int((key == pool[k]).sum()) for key in keys]
        yield "within" if max(holders) > 1 else "apart"
        if sum(count > 0 for count in holders) > 1:
            yield "across"


def of_choosing(case: strategies.Choosing) -> Iterator[str]:
    layers, counts, scope = case
    yield f"scope {scope}"
    yield f"{layers[0].values.dtype}"
    yield "one layer" if len(layers) == 1 else "layers"
    assert all(count <= len(layer.values) for layer, count in zip(layers, counts, strict=True))
    if any(not len(layer.values) for layer in layers):
        yield "a layer without connections"
    if any(not len(layer.scores) for layer in layers):
        yield "a layer without candidates"
    if any(len(layer.scores) < count for layer, count in zip(layers, counts, strict=True)):
        yield "fewer candidates than the count"
    if scope == "global" and sum(counts) > sum(len(layer.scores) for layer in layers):
        yield "fewer candidates than all counts"
    if not sum(counts):
        yield "nothing to change"
    if scope == "global":
        k = min(sum(counts), sum(len(layer.scores) for layer in layers))
        yield from (f"scores tie {how}" for how in _tied([-layer.scores for layer in layers], k))
        yield from (f"weights tie {how}" for how in _tied([np.abs(layer.values) for layer in layers], k))


def of_change(case: strategies.Change) -> Iterator[str]:
    weights, momentum, pruned, rows, _ = case
    nnz, fan_in = len(weights.values), np.diff(weights.indptr)
    yield f"{momentum.dtype}"
    yield "nothing pruned" if not len(pruned) else "all pruned" if len(pruned) == nnz else "some pruned"
    yield "nothing grown" if not len(rows) else "grown"
    if len(pruned) not in (0, len(rows)) and len(rows):
        yield "other numbers pruned and grown"
    gone = np.bincount(np.searchsorted(weights.indptr, pruned, side="right") - 1, minlength=len(fan_in))
    if ((gone == fan_in) & (fan_in > 0)).any() and len(pruned) < nnz:
        yield "a whole row pruned"
    for name, array in (("weights", weights.values), ("momentum", momentum)):
        survivors = np.delete(array, pruned)
        if np.isnan(survivors).any():
            yield f"{name} with NaN"
        if (np.signbit(survivors) & (survivors == 0)).any():
            yield f"{name} with -0"
    finite = momentum[np.isfinite(momentum)]
    assert len(np.unique(finite)) == len(finite), "momenta that tell slots apart"


def of_shared(case: strategies.Shared) -> Iterator[str]:
    assert case.exact >= 1
    yield case.kind
    sizes = [n * c * k * k for n, c, k in case.layers]
    if len(set(case.layers)) < len(case.layers):
        yield "equal layers"
    if any(kernel > 1 for _, _, kernel in case.layers):
        yield "convolution"
    if case.thousandths < 1000 and case.kind == "scaled":
        level = case.exact / sum(n for n, _, _ in case.layers)
        if any(level * n > size for (n, _, _), size in zip(case.layers, sizes, strict=True)):
            yield "excess"
    if case.exact % 1:
        yield "total to be rounded"
        assert case.exact % 1 != Fraction(1, 2)


def of_moment(case: strategies.Moment) -> Iterator[str]:
    yield case.schedule
    yield "first step" if case.step == 1 else "last step" if case.step == case.end else "between"


SIDES = {f"{side} {what}" for side in ("x", "delta") for what in ("without mass", "of one value", "small", "large")}
SIDES |= {
    "x with negative zeros",
    "delta with negative zeros",
    "one sample",
    "one unit",
    "signed sums of delta cancel",
}

CORNERS: dict[str, tuple[Any, Any, set[str]]] = {
    "probed": (strategies.probed(), of_probed, DTYPES | SIDES | {"signed sums of x cancel"}),
    "conv_probed": (strategies.conv_probed(), of_probed, DTYPES | SIDES | {"padding"}),
    "ranked": (
        strategies.ranked(),
        of_ranked,
        DTYPES
        | {"no scores", "none taken", "all taken", "infinite"}
        | {"tie at the threshold", "tie of +0 and -0 at the threshold"},
    ),
    "choosing": (
        strategies.choosing(),
        of_choosing,
        DTYPES
        | {"scope layer", "scope global", "one layer", "layers", "nothing to change"}
        | {"a layer without connections", "a layer without candidates"}
        | {"fewer candidates than the count", "fewer candidates than all counts"}
        | {f"{what} tie {how}" for what in ("scores", "weights") for how in ("within", "across")},
    ),
    "changes": (
        strategies.changes(),
        of_change,
        DTYPES
        | {"nothing pruned", "some pruned", "all pruned", "nothing grown", "grown", "a whole row pruned"}
        | {"other numbers pruned and grown"}
        | {f"{name} with {what}" for name in ("weights", "momentum") for what in ("NaN", "-0")},
    ),
    "shared": (
        strategies.shared(),
        of_shared,
        {"uniform", "erdos_renyi", "erdos_renyi_kernel", "scaled"}
        | {"equal layers", "convolution", "excess", "total to be rounded"},
    ),
    "moments": (
        strategies.moments(),
        of_moment,
        {"cosine", "constant", "linear", "first step", "last step", "between"},
    ),
}


@pytest.mark.parametrize("name", sorted(CORNERS))
def test_each_corner_is_drawn_again_and_again(name: str) -> None:
    seldom = rare(*CORNERS[name], EXAMPLES)
    assert not seldom, f"{name} seldom draws {seldom} in {EXAMPLES} examples"


@pytest.mark.parametrize(
    ("name", "wanted", "size"),
    [
        ("ranked", "tie at the threshold", lambda case: len(case.scores)),
        ("choosing", "scores tie across", lambda case: sum(len(layer.scores) for layer in case.layers)),
    ],
)
def test_ties_shrink_to_two(name: str, wanted: str, size: Any) -> None:
    strategy, corners_of, _ = CORNERS[name]
    ways = settings(max_examples=2000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    smallest = find(strategy, lambda case: wanted in corners_of(case), settings=ways)
    assert size(smallest) == 2


def test_a_connection_to_prune_shrinks_to_the_smallest_layer() -> None:
    ways = settings(max_examples=500, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    smallest = find(strategies.changes(), lambda case: len(case.pruned) > 0, settings=ways)
    assert smallest.weights.shape == (1, 1)
    assert not len(smallest.rows)
