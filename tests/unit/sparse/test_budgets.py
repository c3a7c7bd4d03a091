"""Budgets: the total is exact whatever the kind, no layer overflows, the excess is shared out again."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref.conformance import strategies
from gse_ref.counts import rounded
from gse_ref.errors import InputError
from gse_ref.sparse import BUDGETS, LayerShape, layer_budgets, layer_shares
from tests.bounds import assert_close

layers = strategies.layer_shapes().map(lambda rows: [LayerShape(*row) for row in rows])
kinds = st.sampled_from(sorted(BUDGETS))


def shares(kind: str, shape: LayerShape) -> Fraction:
    """Relative share of a layer in exact arithmetic, by the formulas of the literature."""
    kh, kw = shape.kernel or (0, 0)
    channels = Fraction(shape.n_in, max(1, kh * kw))
    return {
        "uniform": Fraction(shape.size),
        "erdos_renyi": Fraction(shape.n_in + shape.n_out),
        "erdos_renyi_kernel": (channels + shape.n_out + kh + kw)
        / (channels * shape.n_out * max(1, kh * kw))
        * shape.size,
        "scaled": Fraction(shape.n_out),
    }[kind]


@given(kind=kinds, shapes=layers, density=st.floats(1e-3, 1) | st.sampled_from((0.5, 0.9, 0.99, 1.0)))
def test_totals_are_exact_and_layers_hold_them(kind: str, shapes: list[LayerShape], density: float) -> None:
    sizes = [shape.size for shape in shapes]
    total = rounded(density, sum(sizes))
    if total < 1:
        with pytest.raises(InputError, match="leaves none: raise the density"):
            layer_budgets(kind, shapes, density)
        return
    budgets = layer_budgets(kind, shapes, density)
    assert sum(budgets) == total
    assert all(type(n) is int and 0 <= n <= size for n, size in zip(budgets, sizes, strict=True))


@given(kind=kinds, shapes=layers, density=st.floats(1e-3, 1))
def test_the_excess_goes_to_the_others_in_proportion(kind: str, shapes: list[LayerShape], density: float) -> None:
    sizes = [shape.size for shape in shapes]
    total = rounded(density, sum(sizes))
    if total < 1:
        return
    weights = [shares(kind, shape) for shape in shapes]
    full: set[int] = set()
    while True:  # water filling, one layer at a time
        rest = [i for i in range(len(shapes)) if i not in full]
        if not rest:
            break
        level = (total - sum(sizes[i] for i in full)) / Fraction(sum(weights[i] for i in rest))
        worst = max(rest, key=lambda i: level * weights[i] / sizes[i])
        if level * weights[worst] <= sizes[worst]:
            break
        full.add(worst)
    event(f"{min(len(full), 2)} or more full layers")
    budgets = layer_budgets(kind, shapes, density)
    for i, budget in enumerate(budgets):
        exact = sizes[i] if i in full else level * weights[i]
        assert abs(budget - exact) < 1 + 1e-6, f"layer {i} of {shapes}"


@given(shapes=layers)
def test_at_density_one_every_layer_is_full(shapes: list[LayerShape]) -> None:
    for kind in BUDGETS:
        assert layer_budgets(kind, shapes, 1.0) == [shape.size for shape in shapes]


def test_budgets_of_a_small_network() -> None:
    # 10 % of 784·100 + 100·10 are 7940, shared out as 884 : 110: the last layer is nearly full.
    shapes = [LayerShape(100, 784), LayerShape(10, 100)]
    assert layer_budgets("erdos_renyi", shapes, 0.1) == [7061, 879]
    assert layer_budgets("uniform", shapes, 0.1) == [7840, 100]
    assert layer_budgets("scaled", shapes, 0.1) == [7218, 722]
    # At 20 % the last layer's share is 1757: it becomes dense, and 757 go to the first.
    assert layer_budgets("erdos_renyi", shapes, 0.2) == [14880, 1000]


def test_the_kernel_counts_in_erdos_renyi_kernel() -> None:
    # 16·9 inputs: (16 + 32 + 3 + 3) against (16 + 32 + 1 + 1) for 1×1.
    shapes = [LayerShape(32, 16 * 9, (3, 3)), LayerShape(32, 16, (1, 1))]
    assert layer_budgets("erdos_renyi_kernel", shapes, 208 / 5120) == [108, 100]
    # A linear layer is (n_in + n_out).
    linear = [LayerShape(30, 20), LayerShape(20, 30)]
    assert layer_budgets("erdos_renyi_kernel", linear, 0.1) == [60, 60]
    assert LayerShape(32, 16 * 9, (3, 3)).size == 32 * 16 * 9


@given(kind=kinds, shapes=layers, density=st.floats(1e-3, 1))
def test_shares_are_what_budgets_round(kind: str, shapes: list[LayerShape], density: float) -> None:
    sizes, shares = [shape.size for shape in shapes], layer_shares(kind, shapes, density)
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))
    total = np.array(density * sum(sizes))
    assert_close(np.array(sum(shares)), total, total, len(shapes))
    if total >= 1:
        # the total itself is rounded, by half a connection at most
        budgets = layer_budgets(kind, shapes, density)
        assert all(abs(a - b) < 1.5 + 1e-6 for a, b in zip(shares, budgets, strict=True))


def test_shares_below_one_connection() -> None:
    assert layer_shares("uniform", [LayerShape(2, 4), LayerShape(2, 12)], 2**-8) == [2**-5, 3 * 2**-5]
    assert layer_shares("scaled", [LayerShape(1, 4), LayerShape(3, 4)], 2**-8) == [2**-6, 3 * 2**-6]


def test_rounding_follows_the_largest_remainder() -> None:
    assert layer_budgets("uniform", [LayerShape(1, 3)] * 3, 4 / 9) == [2, 1, 1]


@pytest.mark.parametrize("density", [0, -0.1, 1.0000001, math.nan, math.inf, -math.inf])
def test_densities_that_make_no_sense(density: float) -> None:
    with pytest.raises(InputError, match=r"density must lie in \(0, 1\], got"):
        layer_budgets("uniform", [LayerShape(3, 3)], density)


def test_what_else_is_refused() -> None:
    for shared_out in (layer_budgets, layer_shares):
        with pytest.raises(InputError, match="unknown budget 'erdos': did you mean 'erdos_renyi'"):
            shared_out("erdos", [LayerShape(3, 3)], 0.5)
        with pytest.raises(InputError, match="at least one sparse layer"):
            shared_out("uniform", [], 0.5)
    with pytest.raises(InputError, match=r"density 0\.01 of 9 possible connections leaves none: raise the density"):
        layer_budgets("uniform", [LayerShape(3, 3)], 0.01)


def test_very_wide_layers_are_exact_too() -> None:
    wide = [LayerShape(2**27, 2**27), LayerShape(2**20, 2**27), LayerShape(10, 2**20)]
    for kind in BUDGETS:
        budgets = layer_budgets(kind, wide, 1e-9)
        assert sum(budgets) == rounded(1e-9, sum(shape.size for shape in wide))
        assert np.all(np.array(budgets) >= 0)
