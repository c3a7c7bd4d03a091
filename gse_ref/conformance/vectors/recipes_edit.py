"""Golden vectors of edits: what stays, what goes, what comes."""

from __future__ import annotations

import numpy as np

from ..problems import Weights
from .recipe import Recipe, floats, ints, weights
from .recipes_sampling import WIDE, WIDE_PATTERN

no = None
LAYER = weights((1, no, 2, no), (no, no, no, no), (3, 4, no, 5))
#: 10 times the weight, so that what belongs together is seen.
MOMENTUM = LAYER.values * 10


def _edit(
    name: str,
    comment: str,
    note: str,
    flags: tuple[str, ...],
    pruned: list[int],
    grown: list[tuple[int, int]],
    layer: Weights = LAYER,
    momentum: np.ndarray | None = None,
) -> Recipe:
    rows, cols = (ints([pair[side] for pair in grown]) for side in (0, 1))
    of = layer.values * 10 if momentum is None else momentum
    arguments = layer, of, ints(pruned), rows, cols
    return Recipe(f"edit-{name}", comment, note, "section 5.7", flags, "edit", arguments)


RECIPES = (
    _edit(
        "survivors",
        "connections before, between and after what changes",
        "survivors' momentum shuffled after an edit: it stays in its old slots while the weights move",
        ("typical", "published"),
        [1],
        [(1, 2)],
    ),
    _edit(
        "grown-in-the-slot-of-pruned",
        "one is pruned, one grown right there in the order",
        "stale momentum on grown weights, and stale weights: a new connection takes over those of the slot",
        ("published",),
        [0],
        [(0, 1)],
    ),
    _edit(
        "grown-at-the-end",
        "one is grown behind all others",
        "all momentum cleared after an edit, or the last slot lost",
        ("published",),
        [],
        [(2, 2)],
    ),
    _edit(
        "explicit-zeros",
        "two weights 0, one of them pruned, a third grown",
        "explicit zeros lost in CSR addition, and the connections with them",
        ("explicit-zeros", "published"),
        [2],
        [(0, 0)],
        weights((no, 0, 2), (0, no, no), (no, 1, -0.0)),
        floats([1, 2, 3, 4, 5]),
    ),
    _edit(
        "every-bit",
        "infinities, NaN, -0, the smallest subnormal of float32 and a NaN momentum",
        "weights are copied by arithmetic: adding 0 to -0 gives +0, subtracting an infinity NaN",
        ("not-finite",),
        [1],
        [(1, 1)],
        weights((-0.0, 7, np.inf), (np.nan, no, float(np.float32(2.0**-149)))),
        floats([np.nan, 1, -0.0, 2, -np.inf]),
    ),
    _edit("nothing", "nothing is pruned, nothing grown", "an empty edit crashes", ("corner",), [], []),
    _edit(
        "everything",
        "all are pruned, none grown",
        "a layer without connections crashes",
        ("corner",),
        [0, 1, 2, 3, 4],
        [],
    ),
    _edit(
        "from-nothing",
        "a layer without connections grows two",
        "a layer without connections crashes",
        ("corner",),
        [],
        [(0, 1), (1, 0)],
        weights((no, no), (no, no)),
    ),
    _edit(
        "more-than-pruned",
        "one is pruned, three are grown, as under global scope",
        "as many must be grown as are pruned, or the rest is lost",
        ("typical",),
        [3],
        [(0, 3), (1, 0), (2, 2)],
    ),
    _edit(
        "beyond-int32",
        "2,200 x 2,000,000: one is grown on either side of id 2³¹, one is id 5 modulo 2³²",
        "edge ids overflow 32 bits: what is grown takes a wrong place, or that of another",
        ("int32",),
        [1],
        [(1073, 1_483_647), (1073, 1_483_648), (2147, 967_301)],
        Weights(*WIDE_PATTERN[:2], floats([1, 2, 3]), WIDE),
    ),
)
