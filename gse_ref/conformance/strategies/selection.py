"""What the level selection draws: scores and weights with many ties, budgets with excess, edits, fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ..problems import Layer, Weights
from .exploration import edits
from .values import DTYPES, arrays, dtypes, generators

#: Numbers of which many are equal, or differ in the sign of zero alone.
_SCORES = (0.0, 0.5, 1.0, 2.0, np.inf)
_WEIGHTS = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0)


def _tied(levels: Sequence[float], dtype: np.dtype, most: int, **limits: Any) -> st.SearchStrategy[np.ndarray]:
    """Up to `most` numbers, of a few levels or any within the limits."""
    number = st.sampled_from(levels) | st.floats(allow_nan=False, width=32 if dtype == np.float32 else 64, **limits)
    return st.lists(number, max_size=most).map(lambda values: np.array(values, dtype))


def _count(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most) | st.sampled_from((0, most))


class Ranked(NamedTuple):
    """Scores, (m,), and how many of them to take."""

    scores: np.ndarray
    k: int


@st.composite
def ranked(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Ranked:
    """Scores with many ties, zeros of both signs and infinities; none and all of them taken."""
    dtype = draw(dtypes(allowed))
    levels = (*_SCORES, -0.0, -1.0, float(np.finfo(dtype).smallest_subnormal))
    scores = draw(_tied(levels, dtype, 30))
    return Ranked(scores, draw(_count(len(scores))))


class Choosing(NamedTuple):
    """What layers choose from, ⌈αN⌉ of each, and the scope."""

    layers: tuple[Layer, ...]
    counts: tuple[int, ...]
    scope: str


@st.composite
def _layers(draw: st.DrawFn, dtype: np.dtype) -> tuple[Layer, int]:
    """One layer and its count."""
    values = draw(_tied(_WEIGHTS, dtype, 10, allow_infinity=False))
    scores = draw(_tied(_SCORES, dtype, 10, min_value=0))
    return Layer(values, scores), draw(_count(len(values)))


@st.composite
def choosing(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Choosing:
    """One to four layers: ties within and across them, no connections, no candidates, fewer than the counts."""
    scope, dtype = draw(st.sampled_from(("layer", "global"))), draw(dtypes(allowed))
    layers, counts = zip(*draw(st.lists(_layers(dtype), min_size=1, max_size=4)), strict=True)
    return Choosing(layers, counts, scope)


class Change(NamedTuple):
    """A layer, its momentum, slots to prune (increasing) and inactive pairs to grow (by edge id)."""

    weights: Weights
    momentum: np.ndarray
    pruned: np.ndarray
    rows: np.ndarray
    cols: np.ndarray


@st.composite
def changes(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Change:
    """Edits of which any number is pruned and any other grown; explicit zeros, -0 and NaN; distinct momenta."""
    topology, pruned, rows, cols, _ = draw(edits())
    dtype = draw(dtypes(allowed))
    values = draw(arrays((topology.nnz,), dtype))
    momentum = (draw(generators()).permutation(topology.nnz) + 1).astype(dtype)
    for array in (values, momentum):
        if len(array) and draw(st.booleans()):
            array[draw(st.integers(0, len(array) - 1))] = draw(st.sampled_from((-0.0, np.nan, np.inf)))
    layer = Weights(topology.indptr, topology.indices, values, topology.shape)
    return Change(layer, momentum, pruned, rows, cols)


class Shared(NamedTuple):
    """A budget: its kind, (n_out, channels, kernel) of each layer, and the density in thousandths."""

    kind: str
    layers: tuple[tuple[int, int, int], ...]
    thousandths: int

    @property
    def exact(self) -> Fraction:
        """density · Σ n_out · n_in in exact arithmetic."""
        return Fraction(self.thousandths, 1000) * sum(n * c * kernel**2 for n, c, kernel in self.layers)


@st.composite
def shared(draw: st.DrawFn) -> Shared:
    """One to six layers, small beside large and equal ones; densities that leave excess; no total on the half."""
    kind = draw(st.sampled_from(("uniform", "erdos_renyi", "erdos_renyi_kernel", "scaled")))
    side = st.integers(1, 3) | st.integers(1, 300)
    layer = st.tuples(side, side, st.sampled_from((1, 1, 3, 5)))
    layers = draw(st.lists(layer, min_size=1, max_size=4))
    layers += draw(st.lists(st.sampled_from(layers), max_size=2))
    case = Shared(kind, tuple(layers), draw(st.integers(1, 1000) | st.sampled_from((10, 100, 500, 900))))
    if case.exact >= 1 and case.exact % 1 != Fraction(1, 2):
        return case
    return case._replace(thousandths=1000)


class Moment(NamedTuple):
    """A schedule, its initial fraction, and a step from 1 to `end`."""

    schedule: str
    initial: float
    step: int
    end: int


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    """Any step from the first to the last, both often; initial fractions in thousandths."""
    end = draw(st.integers(1, 10) | st.integers(1, 10**6))
    step = draw(st.sampled_from((1, end)) | st.integers(1, end))
    schedule = draw(st.sampled_from(("cosine", "constant", "linear")))
    return Moment(schedule, draw(st.integers(0, 1000)) / 1000, step, end)
