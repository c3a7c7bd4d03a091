"""Golden vectors of counts, schedules, choices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..problems import Layer
from .recipe import Recipe, floats

#: A perceptron, 784-300-100-10, and a small convolutional network.
PERCEPTRON = ((300, 784, 1), (100, 300, 1), (10, 100, 1))
NETWORK = ((16, 3, 3), (32, 16, 3), (10, 32, 1))


def _budget(name: str, comment: str, note: str, flags: tuple[str, ...], *arguments: object) -> Recipe:
    return Recipe(f"budget-{name}", comment, note, "section 3", flags, "budget", arguments)


BUDGETS = (
    _budget(
        "uniform",
        "a perceptron at 2 %",
        "every layer is rounded by itself, and the total is missed",
        ("typical",),
        "uniform",
        PERCEPTRON,
        0.02,
    ),
    _budget(
        "erdos-renyi",
        "a perceptron at 2 %",
        "shares of the layer's size instead of n_in + n_out",
        ("typical",),
        "erdos_renyi",
        PERCEPTRON,
        0.02,
    ),
    _budget(
        "erdos-renyi-excess",
        "at 40 % the small layers are full: their excess goes to the large one",
        "budget excess lost: shares above 1 are clipped, and the network is sparser than asked for",
        ("published",),
        "erdos_renyi",
        PERCEPTRON,
        0.4,
    ),
    _budget(
        "erdos-renyi-second-excess",
        "sharing the excess of the first layer out again fills the second",
        "the excess is shared out once only, and a layer gets more than its size",
        ("corner",),
        "erdos_renyi",
        ((1, 2, 1), (4, 4, 1), (40, 40, 1)),
        0.16,
    ),
    _budget(
        "erdos-renyi-convolutions",
        "a small convolutional network at 10 %",
        "n_in of a convolution without its window",
        ("typical",),
        "erdos_renyi",
        NETWORK,
        0.1,
    ),
    _budget(
        "erdos-renyi-kernel",
        "a small convolutional network at 10 %",
        "kernel sides are multiplied instead of added",
        ("typical",),
        "erdos_renyi_kernel",
        NETWORK,
        0.1,
    ),
    _budget(
        "scaled",
        "a small convolutional network at 10 %",
        "shares by inputs instead of outputs",
        ("typical",),
        "scaled",
        NETWORK,
        0.1,
    ),
    _budget(
        "remainders-tie",
        "three equal layers and a total of ten",
        "counts that are floored and sum to nine, or ties that go to a later layer",
        ("ties",),
        "uniform",
        ((3, 3, 1), (3, 3, 1), (3, 3, 1)),
        0.37,
    ),
    _budget(
        "largest-remainder-last",
        "shares of 7.27, 3.27 and 1.45",
        "what flooring loses goes to the first layers instead of the largest fractional parts",
        ("corner",),
        "uniform",
        ((4, 5, 1), (3, 3, 1), (2, 2, 1)),
        0.37,
    ),
    _budget(
        "halves",
        "a total of 7.5, one of 8 by the rule of halves to even",
        "the total is floored",
        ("corner",),
        "uniform",
        ((3, 5, 1),),
        0.5,
    ),
)


def _alpha(name: str, comment: str, note: str, flags: tuple[str, ...], *arguments: object) -> Recipe:
    return Recipe(f"prune-fraction-{name}", comment, note, "section 4", flags, "prune_fraction", arguments)


def _due(name: str, comment: str, note: str, *arguments: object) -> Recipe:
    return Recipe(f"update-due-{name}", comment, note, "section 4", ("corner",), "update_due", arguments)


def _count(name: str, comment: str, note: str, *arguments: object) -> Recipe:
    return Recipe(f"prune-count-{name}", comment, note, "section 5.5", ("corner",), "prune_count", arguments)


SCHEDULES = (
    _alpha(
        "cosine-first",
        "step 1 of 8",
        "α off by one step: steps count from 1, and step 1 has left a little of α already",
        ("typical",),
        "cosine",
        0.2,
        1,
        8,
    ),
    _alpha("cosine-middle", "step 4 of 8", "a whole period of the cosine", ("typical",), "cosine", 0.2, 4, 8),
    _alpha("cosine-last", "step 8 of 8", "α does not reach 0 at T_end", ("corner",), "cosine", 0.2, 8, 8),
    _alpha("linear", "step 3 of 8", "α off by one step", ("typical",), "linear", 0.5, 3, 8),
    _alpha("constant", "step 3 of 8", "α falls where it should stay", ("typical",), "constant", 0.3, 3, 8),
    _due("at-interval", "step 100 of interval 100", "updates begin one interval late", 100, 100, 1000),
    _due(
        "between", "step 101 of interval 100", "an update follows its step instead of preceding it", 101, 100, 1000
    ),
    _due("at-end", "the last step T_end itself", "the update at T_end is left out", 1000, 100, 1000),
    _due("after-end", "one interval after T_end", "update after T_end", 1100, 100, 1000),
    _due("end-between", "step 300 with T_end 250", "T_end is rounded up to the interval", 300, 100, 250),
    _due("step-zero", "before all steps", "an update before the first step: 0 mod T is 0", 0, 100, 1000),
    _count("hundredths", "0.07 of 100", "0.07 · 100 exceeds 7 in floats, and its ceiling is 8", 0.07, 100),
    _count("many", "0.333 of 9,999,991", "the product is computed in float32", 0.333, 9_999_991),
    _count("ceiling", "a fifth of 11", "the floor, or the nearest integer, instead of the ceiling", 0.2, 11),
    _count("nothing", "nothing of 7", "at least one is pruned", 0.0, 7),
    _count("everything", "all of 7", "one too many or too few", 1.0, 7),
)


def _top_k(name: str, comment: str, note: str, flags: tuple[str, ...], scores: list[float], k: int) -> Recipe:
    return Recipe(f"top-k-{name}", comment, note, "section 5.6", flags, "top_k", (floats(scores), k))


TOP_K = (
    _top_k("typical", "three of six", "smallest instead of highest", ("typical",), [0.5, 3, -1, 2, 8, 1], 3),
    _top_k(
        "ties",
        "seven equal scores about the threshold",
        "ties by unstable order: they go to the lower position",
        ("ties", "published"),
        [1, 2, 1, 1, 3, 1, 1, 1, 0, 1],
        5,
    ),
    _top_k("all-equal", "all scores 0", "ties by unstable order", ("ties",), [0] * 40, 17),
    _top_k("signed-zeros", "+0 and -0", "-0 is less than +0", ("ties",), [-0.0, 0.0, -0.0, 0.0, -1], 2),
    _top_k(
        "infinities",
        "infinities among scores",
        "an infinity is no score",
        ("not-finite",),
        [1, np.inf, -np.inf, 2],
        3,
    ),
    _top_k("none", "none of three", "k = 0 crashes, or gives one", ("corner",), [1, 2, 3], 0),
    _top_k("every", "all of three", "the threshold itself is left out", ("corner",), [1, 2, 3], 3),
)


def _select(
    name: str,
    comment: str,
    note: str,
    flags: tuple[str, ...],
    layers: Sequence[tuple[Sequence[float], Sequence[float]]],
    counts: tuple[int, ...],
    scope: str,
) -> Recipe:
    given = tuple(Layer(floats(values), floats(scores)) for values, scores in layers)
    return Recipe(f"select-{name}", comment, note, "section 5.5, 5.6", flags, "select", (given, counts, scope))


TWO_LAYERS: list[tuple[list[float], list[float]]] = [
    ([0.1, -4, 3, 0.2], [9, 8, 7, 6, 5]),
    ([5, -6, 7, 8], [1, 2, 3]),
]
CHOICES = (
    _select(
        "typical",
        "one layer, two of five",
        "the largest weights are pruned, or the smallest scores grown",
        ("typical",),
        [([3, -1, 0.5, -2, 4], [1, 7, 3, 5])],
        (2,),
        "layer",
    ),
    _select(
        "both-signs",
        "small weights of both signs",
        "SET pruning more than asked because both signs are counted apart, or by value instead of magnitude",
        ("published",),
        [([-3, -0.5, 0.25, 2, -0.125, 5], [1, 2, 3])],
        (3,),
        "layer",
    ),
    _select(
        "few-candidates",
        "four asked for, two candidates",
        "more are pruned than can be grown, and the layer loses connections",
        ("corner",),
        [([1, 2, 3, 4, 5], [6, 7])],
        (4,),
        "layer",
    ),
    _select(
        "nothing",
        "no candidates",
        "an empty set of candidates crashes",
        ("corner",),
        [([1, 2], [])],
        (1,),
        "layer",
    ),
    _select(
        "global-counts",
        "all of what is best lies in the first layer, all that is weakest too",
        "per-layer counts under global scope: connections may move between layers",
        ("published",),
        TWO_LAYERS,
        (2, 2),
        "global",
    ),
    _select(
        "layer-counts",
        "the same under the scope of layers",
        "global counts under layer scope",
        ("typical",),
        TWO_LAYERS,
        (2, 2),
        "layer",
    ),
    _select(
        "global-moves",
        "the first layer is weakest, the second scores best",
        "each layer grows what it prunes: only the total stays",
        ("published",),
        [([0.1, 0.2, 0.3], [1, 2, 3]), ([5, 6, 7], [10, 20, 30])],
        (1, 1),
        "global",
    ),
    _select(
        "global-few-candidates",
        "five asked for, three candidates in all, none in the first layer",
        "k is the least of each layer, summed, instead of the least of the sums",
        ("corner",),
        [([1, 2, 3, 4], []), ([1, 2, 3], [5, 4, 3])],
        (4, 1),
        "global",
    ),
    _select(
        "global-ties",
        "all weights equal, all scores equal",
        "ties by unstable order: they go to the lower layer, then to the lower edge id",
        ("ties",),
        [([1, -1, 1], [2, 2]), ([1, 1, -1], [2, 2, 2])],
        (2, 2),
        "global",
    ),
    _select(
        "grown-zeros",
        "weights 0, +0 and -0, as grown ones are",
        "zeros are protected from pruning, or -0 comes before +0",
        ("explicit-zeros", "ties"),
        [([0.0, 1, -0.0, 2, 0.0], [1, 2])],
        (2,),
        "layer",
    ),
)

RECIPES = (*BUDGETS, *SCHEDULES, *TOP_K, *CHOICES)
