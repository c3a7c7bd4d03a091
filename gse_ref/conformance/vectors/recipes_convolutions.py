"""Golden vectors of convolutions: taps, borders, strides."""

from __future__ import annotations

import numpy as np

from ...backends import Geometry
from .recipe import Recipe, drawn, eighths, floats, ints, pattern_of, scattered, weights

no = None
SECTION = "section 2"
#: One output of a 2 x 2 window whose four taps differ, no padding.
TAPS = weights((1, 10, 100, 1000))
PLAIN, SAME, HALF = Geometry(2), Geometry(3, 1, 1), Geometry(3, 2, 1)

FORWARD = (
    Recipe(
        "conv-forward-taps",
        "2 x 2 taps 1, 10, 100, 1000 over a 3 x 3 image of different pixels",
        "flipped taps, as signal processing has it, or rows and columns of the kernel exchanged",
        SECTION,
        ("typical", "published"),
        "conv_forward",
        (TAPS, floats(np.arange(1, 10).reshape(1, 3, 3, 1)), PLAIN, None),
    ),
    Recipe(
        "conv-forward-channels",
        "three channels, two outputs, a bias, an image that is not square",
        "columns in the order (u, v, channel) instead of (channel, u, v), or height and width exchanged",
        SECTION,
        ("typical",),
        "conv_forward",
        (scattered((2, 12), 2, 30), eighths((3, 4, 3, 2), 31), PLAIN, floats([1, -2])),
    ),
    Recipe(
        "conv-forward-stride-and-padding",
        "stride 2, padding 1, even side: the last window does not reach the border",
        "one position too many or too few, or windows that start at the image instead of the padding",
        SECTION,
        ("typical",),
        "conv_forward",
        (scattered((2, 9), 2, 32), eighths((1, 4, 5, 2), 33), HALF, None),
    ),
    Recipe(
        "conv-forward-infinite-tap-outside",
        "an infinite weight whose tap lies outside the image at the border",
        "padding is multiplied as a zero: what lies outside is not read, and inf · 0 is NaN",
        SECTION,
        ("not-finite",),
        "conv_forward",
        (weights((np.inf, no, no, no, 1, no, no, no, 2)), floats(np.arange(1, 5).reshape(1, 2, 2, 1)), SAME, None),
    ),
    Recipe(
        "conv-forward-channel-without-connections",
        "two outputs have no connection but a bias",
        "outputs without connections are skipped, their bias with them",
        SECTION,
        ("corner",),
        "conv_forward",
        (
            weights((no, no, no, no), (1, no, no, 2), (no, no, no, no)),
            eighths((1, 2, 3, 1), 34),
            PLAIN,
            floats([3, -1, 0.5]),
        ),
    ),
    Recipe(
        "conv-forward-one-pixel",
        "a window larger than the image, all but one tap in the padding",
        "positions are computed without the padding: there are none, or the tap is not the middle one",
        SECTION,
        ("corner",),
        "conv_forward",
        (weights((1, 2, 3, 4, 5, 6, 7, 8, 9)), floats([[[[2, -3]]]]), SAME, None),
    ),
    Recipe(
        "conv-forward-whole-mantissa",
        "four channels, numbers of 24 bits",
        "products or sums run in less than the precision of the operands",
        SECTION,
        ("rounding",),
        "conv_forward",
        (
            scattered((2, 36), 2, 35)._replace(values=drawn((scattered((2, 36), 2, 35).values.size,), 36)),
            drawn((4, 3, 3, 2), 37),
            SAME,
            drawn((2,), 38),
        ),
    ),
)

TRANSPOSED = (
    Recipe(
        "conv-transposed-taps",
        "2 x 2 taps 1, 10, 100, 1000, gradients 1 to 4",
        "taps are flipped once too often or not at all on the way back",
        SECTION,
        ("typical", "published"),
        "conv_transposed",
        (TAPS, floats(np.arange(1, 5).reshape(1, 2, 2, 1)), PLAIN, (3, 3)),
    ),
    Recipe(
        "conv-transposed-unreached-pixels",
        "stride 2: a 5 x 4 image of which the last row is read by no window",
        "the size of the image is guessed from the output: several sizes give the same",
        SECTION,
        ("corner",),
        "conv_transposed",
        (weights((1, -2, 0.5, no), (no, 4, no, -1)), eighths((2, 2, 2, 2), 39), Geometry(2, 2), (5, 4)),
    ),
    Recipe(
        "conv-transposed-stride-and-padding",
        "stride 2, padding 1, two channels",
        "gradients of the padding are added to the border",
        SECTION,
        ("typical",),
        "conv_transposed",
        (scattered((2, 18), 2, 40), eighths((2, 2, 3, 1), 41), HALF, (4, 5)),
    ),
)

GRADIENT = (
    Recipe(
        "conv-gradient-on-pattern-typical",
        "two channels, 3 x 3 window, padding 1, two samples",
        "positions are averaged instead of summed, only the first one is taken, or columns are (u, v, channel)",
        SECTION,
        ("typical",),
        "conv_gradient_on_pattern",
        (scattered((2, 18), 2, 42).pattern, eighths((2, 3, 3, 2), 43), eighths((2, 3, 3, 2), 44), SAME),
    ),
    Recipe(
        "conv-gradient-on-pattern-infinite-border",
        "an infinite gradient at a corner, where most taps lie outside",
        "padding is multiplied as a zero: taps outside contribute nothing, and inf · 0 is NaN",
        SECTION,
        ("not-finite",),
        "conv_gradient_on_pattern",
        (
            pattern_of((1, 1, 1, 1, 1, 1, 1, 1, 1)),
            floats([[[[np.inf], [1]], [[2], [3]]]]),
            floats([[[[1], [2]], [[3], [4]]]]),
            SAME,
        ),
    ),
    Recipe(
        "conv-gradient-on-pairs-in-any-order",
        "stride 2, two channels, pairs out of order and repeated",
        "pairs are sorted or made distinct, or the column of a pair is split wrongly into channel and tap",
        SECTION,
        ("typical",),
        "conv_gradient_on_pairs",
        (
            ints([1, 0, 1, 1, 0]),
            ints([7, 3, 0, 7, 4]),
            eighths((2, 2, 2, 3), 45),
            eighths((2, 4, 4, 3), 46),
            Geometry(2, 2),
        ),
    ),
)

RECIPES = (*FORWARD, *TRANSPOSED, *GRADIENT)
