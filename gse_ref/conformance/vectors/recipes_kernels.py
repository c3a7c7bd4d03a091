"""Golden vectors of the products of a linear layer."""

from __future__ import annotations

import numpy as np

from .recipe import Recipe, drawn, eighths, floats, ints, pattern_of, scattered, weights

no = None
SECTION = "section 2"
#: Three outputs, four inputs; the second row and the third column have no connection.
SMALL = weights((0.5, no, no, -2), (no, no, no, no), (1, -1.5, no, 0.25))


def _forward(name: str, comment: str, note: str, flags: tuple[str, ...], *arguments: object) -> Recipe:
    return Recipe(f"forward-{name}", comment, note, SECTION, flags, "forward", arguments)


def _transposed(name: str, comment: str, note: str, flags: tuple[str, ...], *arguments: object) -> Recipe:
    return Recipe(f"transposed-{name}", comment, note, SECTION, flags, "transposed", arguments)


FORWARD = (
    _forward(
        "typical",
        "3 x 4, two samples, a bias",
        "absolute values, or rows and columns exchanged",
        ("typical",),
        SMALL,
        eighths((4, 2), 1),
        floats([1, -2, 0.5]),
    ),
    _forward(
        "empty-row-with-bias",
        "no connection but a bias in the first row and in the last",
        "rows without connections are skipped, their bias with them",
        ("corner",),
        weights((no, no), (1, 2), (no, no)),
        eighths((2, 3), 2),
        floats([3, -1, -4]),
    ),
    _forward(
        "nothing",
        "no connection at all, no bias",
        "nnz = 0 crashes, or leaves memory as it was found",
        ("corner",),
        weights((no, no, no), (no, no, no)),
        eighths((3, 2), 3),
        None,
    ),
    _forward(
        "full",
        "every connection",
        "the last slot of a full row lies beyond a bound",
        ("corner",),
        weights((1, 2, -3), (-0.5, 4, 1.5)),
        eighths((3, 3), 4),
        None,
    ),
    _forward(
        "one-unit",
        "one output, one input, one sample",
        "axes of length 1 are dropped",
        ("corner",),
        weights((1.5,)),
        floats([[-3]]),
        floats([0.25]),
    ),
    _forward(
        "explicit-zero-times-infinity",
        "a connection of weight 0 reads an infinity, one reads NaN, a third neither",
        "explicit zeros are dropped: 0 · inf is NaN, and a grown connection is a 0 that must stay",
        ("explicit-zeros", "not-finite"),
        weights((0, no, 2), (no, 0, 1), (no, no, 3)),
        floats([[np.inf, 1], [np.nan, 2], [1, 4]]),
        None,
    ),
    _forward(
        "infinity-unread",
        "infinity and NaN in inputs that nothing is connected to",
        "absent connections are multiplied as zeros: 0 · inf is NaN where nothing was read",
        ("not-finite",),
        weights((1, no, no), (no, no, 2)),
        floats([[1, 2], [np.inf, np.nan], [3, -1]]),
        None,
    ),
    _forward(
        "nineteen-samples",
        "a batch that no vector width divides",
        "the samples beyond a multiple of the vector width are left out, or padding is written",
        ("corner",),
        weights((1, -2, no), (no, 0.5, 3)),
        eighths((3, 19), 5),
        floats([0.5, -1]),
    ),
    _forward(
        "whole-mantissa",
        "5 x 40, numbers of 24 bits",
        "products or sums run in less than the precision of the operands",
        ("rounding",),
        scattered((5, 40), 3, 6)._replace(values=drawn((scattered((5, 40), 3, 6).values.size,), 7)),
        drawn((40, 2), 8),
        drawn((5,), 9),
    ),
)

TRANSPOSED = (
    _transposed(
        "typical",
        "3 x 4, two samples; an input without connection",
        "θ instead of θᵀ, or columns without connections are not set to 0",
        ("typical",),
        SMALL,
        eighths((3, 2), 10),
    ),
    _transposed(
        "meeting-in-a-column",
        "many outputs read one input",
        "two threads add into one column and lose an addition",
        ("corner",),
        weights(*[(value, no) for value in (1, -2, 4, 0.5, 8, -0.25, 3, 1.5)]),
        eighths((8, 3), 11),
    ),
    _transposed(
        "nothing",
        "no connection",
        "nnz = 0 crashes, or leaves memory as it was found",
        ("corner",),
        weights((no, no, no), (no, no, no)),
        eighths((2, 2), 12),
    ),
    _transposed(
        "whole-mantissa",
        "5 x 12, numbers of 24 bits",
        "operands are cut to half precision on the way back",
        ("rounding",),
        scattered((5, 12), 2, 25)._replace(values=drawn((scattered((5, 12), 2, 25).values.size,), 26)),
        drawn((5, 3), 27),
    ),
    _transposed(
        "explicit-zero-times-infinity",
        "a connection of weight 0 and an infinite gradient",
        "explicit zeros are dropped",
        ("explicit-zeros", "not-finite"),
        weights((0, no, 2), (no, 1, no)),
        floats([[np.inf], [2]]),
    ),
)

GRADIENT = (
    Recipe(
        "gradient-on-pattern-typical",
        "3 x 4, three samples",
        "the mean over the batch instead of the sum: δ is of the mean loss already",
        SECTION,
        ("typical",),
        "gradient_on_pattern",
        (SMALL.pattern, eighths((3, 3), 13), eighths((4, 3), 14)),
    ),
    Recipe(
        "gradient-on-pattern-twenty-one-samples",
        "a batch that no vector width divides",
        "padding columns are counted in the sums, or the samples beyond a multiple of the vector width are not",
        SECTION,
        ("corner",),
        "gradient_on_pattern",
        (pattern_of((1, no, 1), (1, 1, 1)), eighths((2, 21), 15), eighths((3, 21), 16)),
    ),
    Recipe(
        "gradient-on-pattern-of-empty-rows",
        "first, middle and last row empty",
        "rows are found by counting in `indptr` and an empty one shifts them",
        SECTION,
        ("corner",),
        "gradient_on_pattern",
        (pattern_of((no, no), (1, no), (no, no), (1, 1), (no, no)), eighths((5, 2), 17), eighths((2, 2), 18)),
    ),
    Recipe(
        "gradient-on-pattern-not-finite",
        "infinity and NaN in one sample of one unit",
        "what is not finite spreads to other connections, or does not propagate",
        SECTION,
        ("not-finite",),
        "gradient_on_pattern",
        (
            pattern_of((1, 1), (1, 1)),
            floats([[np.inf, 1], [1, 1]]),
            floats([[0, 2], [1, np.nan]]),
        ),
    ),
    Recipe(
        "gradient-on-pairs-in-any-order",
        "pairs out of order, one of them three times",
        "pairs are sorted or made distinct, and results come in another order",
        SECTION,
        ("typical",),
        "gradient_on_pairs",
        (ints([2, 0, 2, 1, 2, 0]), ints([1, 3, 1, 0, 1, 0]), eighths((3, 3), 19), eighths((4, 3), 20)),
    ),
    Recipe(
        "gradient-on-no-pairs",
        "no pair at all",
        "an empty set of candidates crashes",
        SECTION,
        ("corner",),
        "gradient_on_pairs",
        (ints([]), ints([]), eighths((2, 2), 21), eighths((2, 2), 22)),
    ),
    Recipe(
        "gradient-on-pairs-whole-mantissa",
        "33 samples of 24 bits",
        "products or sums run in less than the precision of the operands",
        SECTION,
        ("rounding",),
        "gradient_on_pairs",
        (ints([0, 1, 1]), ints([1, 0, 2]), drawn((2, 33), 23), drawn((3, 33), 24)),
    ),
)

RECIPES = (*FORWARD, *TRANSPOSED, *GRADIENT)
