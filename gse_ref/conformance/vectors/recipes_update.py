"""Golden vectors of whole updates.

What a probe saw are multiples of 1/8, so that scores and masses are exact in any order; no draw depends on how a
table of Walker's method is rounded.
"""

from __future__ import annotations

import numpy as np

from ...backends import Geometry
from ..problems import Draws, ExploredLayer, UpdateProblem, Weights
from .recipe import Recipe, eighths, floats, scattered, signs, uniforms, weights

no = None


def linear(layer: Weights, samples: int, seed: int, draws: int, **other: np.ndarray) -> ExploredLayer:
    """Return a linear layer before an update; `other` replaces what was drawn for it."""
    n_out, n_in = layer.shape
    seen = {"x": eighths((n_in, samples), seed), "delta": eighths((n_out, samples), seed + 1)} | other
    numbers = Draws(uniforms(draws, seed + 2), uniforms(draws, seed + 3), signs((samples,), seed + 4))
    return ExploredLayer(layer, layer.values * 10, seen["x"], seen["delta"], None, numbers)


def convolution(layer: Weights, size: int, geometry: Geometry, seed: int, draws: int) -> ExploredLayer:
    """Return a convolution before an update, seen on two samples."""
    samples = 2
    channels, out = layer.shape[1] // geometry.kernel**2, geometry.positions(size)
    x = eighths((channels, size, size, samples), seed)
    delta = eighths((layer.shape[0], out, out, samples), seed + 1)
    numbers = Draws(uniforms(draws, seed + 2), uniforms(draws, seed + 3), signs((out, out, samples), seed + 4))
    return ExploredLayer(layer, layer.values * 10, x, delta, geometry, numbers)


def _update(
    name: str,
    comment: str,
    note: str,
    flags: tuple[str, ...],
    method: str,
    *layers: ExploredLayer,
    fraction: float = 0.3,
    scope: str = "global",
    subset_factor: float = 1.0,
    only: tuple[str, ...] = (),
) -> Recipe:
    problem = UpdateProblem(layers, method, fraction, scope, subset_factor, 0)
    return Recipe(f"update-{name}", comment, note, "section 5", flags, "update", (problem,), only)


def _connections(layer: Weights) -> int:
    return len(layer.indices)


FIRST, SECOND, THIRD = scattered((5, 6), 3, 100), scattered((4, 5), 3, 102), scattered((6, 4), 4, 104)
FILTERS = scattered((4, 8), 3, 106)
NEARLY_FULL = weights((1, 2, no), (4, no, 0.5), (-1, -2, -4))
#: The weakest connection has the largest gradient of all.
TEMPTING = weights((0.125, no, 2), (4, no, no))
#: Every other connection of 12, of 50, of 100; a row of both signs over an empty one; zeros of both signs.
HALF = weights((1, no, -2, no), (no, 4, no, 0.5), (-1, no, 3, no))
FIFTIETHS = weights(
    *[[(row + 1) * (col + 1) / 8 if (row + col) % 2 else None for col in range(10)] for row in range(5)]
)
HUNDRED = weights([(col + 1) / 8 if col % 2 else None for col in range(100)])
BOTH_SIGNS = weights((0.5, -0.25, 1, -1, 2, -2, 3, -3, 4, -4), [no] * 10)
ODD = weights((1, no, no, 2, no), (no, -2, no, no, 4), (no, no, 3, no, no), (-1, no, no, 8, no))
ZEROS = weights((0, no, 2, no, 0), (no, 0, no, 1, no), (-0.0, no, 4, no, no))

RECIPES = (
    _update(
        "gse-layer",
        "one layer under layer scope",
        "a candidate that is active already, or scores of all connections instead of the candidates'",
        ("typical",),
        "gse",
        linear(FIRST, 3, 110, _connections(FIRST)),
        scope="layer",
    ),
    _update(
        "gse-global",
        "three layers under global scope",
        "per-layer counts under global scope; nnz drifting under Bernoulli growth: exactly k go, k come",
        ("typical", "published"),
        "gse",
        linear(FIRST, 3, 120, _connections(FIRST)),
        linear(SECOND, 2, 130, _connections(SECOND)),
        linear(THIRD, 4, 140, _connections(THIRD)),
    ),
    _update(
        "gse-all-inactive",
        "two inactive connections, fewer than draws",
        "where all inactive connections are no more than the draws they are the candidates, drawn or not",
        ("corner",),
        "gse",
        linear(NEARLY_FULL, 2, 150, _connections(NEARLY_FULL)),
        fraction=0.2,
    ),
    _update(
        "gse-full-layer",
        "a full layer beside one that is not",
        "a layer without inactive connections crashes, or is pruned without being grown",
        ("corner",),
        "gse",
        linear(weights((1, -0.5), (2, 4)), 2, 160, 4),
        linear(SECOND, 2, 170, _connections(SECOND)),
        scope="layer",
    ),
    _update(
        "gse-twice-the-draws",
        "γ = 2",
        "γ is taken for 1, or ⌈γN⌉ draws are made of each side in turn",
        ("typical",),
        "gse",
        linear(THIRD, 2, 180, 2 * _connections(THIRD)),
        subset_factor=2.0,
    ),
    _update(
        "gse-half-the-draws",
        "γ = 1/2 of an odd number of connections",
        "⌊γN⌋ instead of ⌈γN⌉ draws",
        ("corner",),
        "gse",
        linear(ODD, 2, 331, 4),
        subset_factor=0.5,
    ),
    _update(
        "gse-as-many-as-draws",
        "six inactive connections, six draws",
        "all inactive connections are candidates only where they are fewer than the draws",
        ("corner",),
        "gse",
        linear(HALF, 2, 340, _connections(HALF)),
        fraction=0.2,
    ),
    _update(
        "gse-zeros",
        "weights 0 of both signs, as grown ones are; all but -0 are pruned",
        "γ is taken of the weights that are not 0; -0 becomes +0 in an addition",
        ("explicit-zeros", "published"),
        "gse",
        linear(ZEROS, 2, 366, _connections(ZEROS))._replace(momentum=floats([1, 2, 3, 4, 5, 6, 7])),
        fraction=0.3,
    ),
    _update(
        "set-both-signs",
        "one of ten connections, five of either sign; the first row loses what the second gains",
        "SET pruning more than asked because both signs are counted apart: 1/2 and 1/2, each rounded up",
        ("published",),
        "set",
        linear(BOTH_SIGNS, 1, 360, 0),
        fraction=0.1,
        only=("0.indptr",),
    ),
    _update(
        "set-keeps-its-number",
        "four layers of one row, half of their connections replaced; only how many there are is determined",
        "nnz drifting under Bernoulli growth",
        ("published",),
        "set",
        *(linear(HUNDRED, 1, 370 + number, 0) for number in range(4)),
        fraction=0.5,
        scope="layer",
        only=tuple(f"{number}.indptr" for number in range(4)),
    ),
    _update(
        "gse-nothing-to-do",
        "α = 0, as at T_end",
        "at least one connection is replaced",
        ("corner",),
        "gse",
        linear(FIRST, 2, 190, _connections(FIRST)),
        fraction=0.0,
    ),
    _update(
        "gse-grabo",
        "samples of both signs",
        "signed sums instead of sums of absolute values in GraBo",
        ("typical", "published"),
        "gse-grabo",
        linear(FIRST, 4, 200, _connections(FIRST)),
        linear(SECOND, 4, 210, _connections(SECOND)),
    ),
    _update(
        "gse-grabo-no-mass",
        "an output gradient of 0 throughout",
        "0 / 0: a distribution without mass is uniform; all scores are 0, and ties go to the lower edge id",
        ("corner", "ties"),
        "gse-grabo",
        linear(FIRST, 2, 220, _connections(FIRST), delta=floats(np.zeros((5, 2)))),
    ),
    _update(
        "gse-graest",
        "five samples, signs given",
        "two different sign vectors for inputs and outputs in GraEst",
        ("typical", "published"),
        "gse-graest",
        linear(FIRST, 5, 230, _connections(FIRST)),
        linear(THIRD, 5, 240, _connections(THIRD)),
    ),
    _update(
        "gse-graest-convolution",
        "a 2 x 2 convolution of two channels, padded, before a linear layer",
        "GraEst on convolutions takes the first patch row alone, or one sign a sample",
        ("typical", "published"),
        "gse-graest",
        convolution(FILTERS, 3, Geometry(2, 1, 1), 250, _connections(FILTERS)),
        linear(SECOND, 2, 260, _connections(SECOND)),
    ),
    _update(
        "rigl",
        "two layers",
        "scores by their sign instead of their absolute value",
        ("typical",),
        "rigl",
        linear(FIRST, 3, 270, 0),
        linear(SECOND, 3, 280, 0),
    ),
    _update(
        "rigl-decimal-fraction",
        "0.28 of 25 connections",
        "0.28 · 25 exceeds 7 in floats, and its ceiling is 8",
        ("corner",),
        "rigl",
        linear(FIFTIETHS, 2, 380, 0),
        fraction=0.28,
    ),
    _update(
        "rigl-tempting",
        "the connection that is pruned has the largest gradient of all",
        "a just pruned connection regrown: candidates are what was inactive before the update",
        ("published",),
        "rigl",
        linear(TEMPTING, 1, 290, 0, x=floats([[4], [1], [2]]), delta=floats([[4], [1]])),
        fraction=0.2,
    ),
    _update(
        "rigl-convolution",
        "a 2 x 2 convolution of stride 2",
        "scores of a convolution from one position or one sample alone",
        ("typical",),
        "rigl",
        convolution(FILTERS, 4, Geometry(2, 2), 300, 0),
    ),
    _update(
        "rigl-ties",
        "all gradients and all magnitudes equal, in two layers",
        "ties by unstable order: they go to the lower layer, then to the lower edge id",
        ("ties",),
        "rigl",
        *(
            linear(
                weights((1, no, -1), (no, 1, no)), 1, 310, 0, x=floats([[1], [1], [-1]]), delta=floats([[1], [-1]])
            )
            for _layer in range(2)
        ),
        fraction=0.4,
    ),
    _update(
        "rigl-grown-zeros",
        "weights 0 with momentum",
        "explicit zeros lost in CSR addition, or their momentum with them",
        ("explicit-zeros",),
        "rigl",
        linear(weights((0, no, 3), (0, 2, no)), 2, 320, 0)._replace(momentum=floats([1, 2, 3, 4])),
        fraction=0.25,
    ),
)
