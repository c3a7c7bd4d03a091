"""Golden vectors of distributions, draws and candidates."""

from __future__ import annotations

import numpy as np

from ...backends import Geometry
from .recipe import Recipe, eighths, floats, ints, pattern, pattern_of, signs

no = None
#: The largest float64 below 1.
LAST = float(np.nextafter(1.0, 0.0))
#: Rows and columns of a layer with edge ids beyond 2³¹, and its connections.
WIDE = 2200, 2_000_000
WIDE_PATTERN = pattern([[5], *[[]] * (WIDE[0] - 2), [0, 1_999_999]], WIDE[1])
#: 3 x 3 images under a padded 3 x 3 window: the middle tap reads all pixels, those at corners four.
PADDED = Geometry(3, 1, 1)


def _distributions(name: str, comment: str, note: str, flags: tuple[str, ...], *arguments: object) -> Recipe:
    return Recipe(f"distributions-{name}", comment, note, "section 5.1", flags, "distributions", arguments)


DISTRIBUTIONS = (
    _distributions(
        "uniform",
        "three inputs, two outputs",
        "f and g exchanged, or not made to sum to 1",
        ("typical",),
        "uniform",
        eighths((3, 2), 50),
        eighths((2, 2), 51),
        signs((2,), 52),
    ),
    _distributions(
        "grabo",
        "samples of both signs that cancel in every unit but the last",
        "signed sums instead of sums of absolute values in GraBo: the bound is no bound any more",
        ("typical", "published"),
        "grabo",
        floats([[1, -1, 2, -2], [3, -3, 0, 0], [1, 1, 1, 1]]),
        floats([[2, -2, 1, -1], [0.5, 0.5, 0.5, 0.5]]),
        signs((4,), 53),
    ),
    _distributions(
        "graest",
        "five samples; every other choice of signs, but for all of them turned, gives other masses",
        "two different sign vectors for inputs and outputs in GraEst, or none: the sketch estimates nothing",
        ("typical", "published"),
        "graest",
        floats([[1, 2, 4, 0.5, -1], [-1, 3, 0.5, 2, 1], [2, 2, -1, -3, 1]]),
        floats([[3, 1, -2, 0.5, 4], [1, -4, 1, 2, -0.5], [1, 2, 4, 8, 16]]),
        np.array([1.0, -1.0, -1.0, 1.0, -1.0]),
    ),
    _distributions(
        "graest-absolute-first",
        "sums that differ from sums of absolute values",
        "absolute values are taken before the signed sum, which is GraBo",
        ("typical",),
        "graest",
        floats([[1, -1], [2, 3]]),
        floats([[1, 1], [4, -4], [1, 2]]),
        np.array([1.0, -1.0]),
    ),
    _distributions(
        "no-mass",
        "inputs are 0 throughout, outputs are not",
        "0 / 0: a distribution without mass is uniform, each side for itself",
        ("corner",),
        "grabo",
        floats([[0, 0], [0, -0.0]]),
        floats([[1, 0], [2, -1]]),
        signs((2,), 54),
    ),
    _distributions(
        "one-sample",
        "one sample",
        "the batch axis is dropped where it is of length 1",
        ("corner",),
        "graest",
        floats([[2], [-6]]),
        floats([[-1], [0], [3]]),
        np.array([-1.0]),
    ),
)

CONVOLUTIONS = (
    Recipe(
        "conv-distributions-grabo",
        "3 x 3 images, 3 x 3 window, padding 1: the middle tap reads nine pixels, a corner's four",
        "all taps get the mass of the whole image: padding columns are counted in the sums",
        "section 5.1",
        ("typical",),
        "conv_distributions",
        ("grabo", eighths((1, 3, 3, 2), 55), eighths((2, 3, 3, 2), 56), signs((3, 3, 2), 57), PADDED),
    ),
    Recipe(
        "conv-distributions-graest",
        "the same with signs that differ by position and sample",
        "GraEst on convolutions takes the first patch row alone on the output side, or one sign a sample",
        "section 5.1",
        ("typical", "published"),
        "conv_distributions",
        ("graest", eighths((1, 3, 3, 2), 58), eighths((3, 3, 3, 2), 59), signs((3, 3, 2), 60), PADDED),
    ),
    Recipe(
        "conv-distributions-stride",
        "stride 2, two channels: some pixels are read by no window",
        "the mass of pixels that no window reads is counted",
        "section 5.1",
        ("corner",),
        "conv_distributions",
        ("grabo", eighths((2, 3, 5, 1), 61), eighths((2, 1, 2, 1), 62), signs((1, 2, 1), 63), Geometry(2, 2)),
    ),
)


def _draw(name: str, comment: str, note: str, flags: tuple[str, ...], mass: list[float], us: list[float]) -> Recipe:
    arguments = np.array(mass, np.float64), np.array(us, np.float64)
    return Recipe(f"draw-{name}", comment, note, "section 5.2", flags, "draw", arguments)


DRAWS = (
    _draw(
        "typical",
        "four slots; sixteen uniforms, evenly spaced",
        "slot and coin from two numbers, or the alias taken where the slot should stay",
        ("typical",),
        [1 / 16, 5 / 16, 2 / 16, 8 / 16],
        [(2 * k + 1) / 32 for k in range(16)],
    ),
    _draw(
        "last-slot",
        "the largest uniform below 1, and neighbours, at three slots of which the last is filled up",
        "biased last alias slot: u · n is rounded up to n, or the slot left over loses what it holds",
        ("corner",),
        [0.5, 0.25, 0.25],
        [LAST, 1 - 2**-20, 0.75, 2 / 3, 0.5, 0.0],
    ),
    _draw(
        "coin-equals-threshold",
        "coins that equal the threshold exactly",
        "≤ instead of <: the slot stays only if the coin is below its threshold",
        ("ties",),
        [0.25, 0.75],
        [0.25, 0.25 - 2**-40, 0.25 + 2**-40],
    ),
    _draw(
        "stacks",
        "eight slots, four small and four large",
        "another order of pairing small and large slots: as likely, but other draws than everybody else's",
        ("typical",),
        [1 / 32, 3 / 32, 7 / 32, 6 / 32, 2 / 32, 5 / 32, 1 / 32, 7 / 32],
        [(2 * k + 1) / 64 for k in range(32)],
    ),
    _draw(
        "no-mass-in-places",
        "slots of probability 0, the first and the last among them",
        "a slot of probability 0 is drawn",
        ("corner",),
        [0, 0.5, 0, 0.5, 0],
        [0.0, 0.1, 0.15, 0.3, 0.45, 0.5, 0.65, 0.7, 0.85, LAST],
    ),
    _draw(
        "sum-is-not-one",
        "masses of sum 32",
        "masses are taken for probabilities that sum to 1",
        ("corner",),
        [2.0, 6.0, 8.0, 16.0],
        [(2 * k + 1) / 32 for k in range(16)],
    ),
    _draw("one-slot", "one slot", "a table of one slot", ("corner",), [0.125], [0.0, 0.5, LAST]),
)

CANDIDATES = (
    Recipe(
        "candidates-typical",
        "pairs out of order, repeated, some of them active",
        "repeats are scored twice, active connections are candidates, or the order is that of the draws",
        "section 5.3",
        ("typical",),
        "candidates",
        (
            pattern_of((1, no, 1), (no, 1, no), (no, no, no)),
            ints([2, 0, 1, 2, 0, 1, 0]),
            ints([1, 0, 2, 1, 1, 1, 1]),
        ),
    ),
    Recipe(
        "candidates-none-new",
        "every pair that was drawn is active",
        "nothing left over crashes",
        "section 5.3",
        ("corner",),
        "candidates",
        (pattern_of((1, 1), (no, 1)), ints([0, 1, 0]), ints([1, 1, 1])),
    ),
    Recipe(
        "candidates-beyond-int32",
        "2,200 x 2,000,000: a pair that is an active one modulo 2³², two that are one, one of id 2³¹ exactly",
        "edge ids overflow 32 bits: different pairs are taken for one, or for an active one, or sorted wrongly",
        "section 5.3",
        ("int32",),
        "candidates",
        (
            WIDE_PATTERN,
            ints([2147, 2199, 0, 2147, 1073, 0, 1, 2199]),
            ints([967_301, 1, 5, 967_302, 1_483_648, 6, 4, 1_999_999]),
        ),
    ),
    Recipe(
        "inactive-typical",
        "three rows, one of them full, one empty",
        "row and column exchanged, or the full row shifts what follows",
        "section 5.3",
        ("typical",),
        "inactive",
        (pattern_of((1, no, no), (1, 1, 1), (no, no, no)),),
    ),
    Recipe(
        "inactive-none",
        "a full layer",
        "nothing left over crashes",
        "section 5.3",
        ("corner",),
        "inactive",
        (pattern_of((1, 1), (1, 1)),),
    ),
)

RECIPES = (*DISTRIBUTIONS, *CONVOLUTIONS, *DRAWS, *CANDIDATES)
