"""Whole update states: layers, what a probe saw of them, random numbers, and what is asked for.

Every probe array holds multiples of 1/64 between -2 and 2, of few samples: all sums of section 5 are then exact in
float32, whatever their order. Scores tie exactly or not at all, so that ties can be judged by equality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from ...backends import Geometry
from ...rng import stream
from ...sparse import Topology
from ..adapter import Adapter
from ..problems import Draws, ExploredLayer, UpdateProblem, Weights
from .exploration import LAST_UNIFORM
from .layer import of_mask
from .values import DTYPES, KINDS, Generator, dtypes

SCOPES = ("layer", "global")
#: Samples of a probe.
PROBE_BATCHES = (1, 2, 3, 5)
#: α in thousandths that are drawn again and again.
FRACTIONS = (0, 1, 200, 300, 500, 1000)
#: γ in thousandths, from the least to the most.
LEAST_FACTOR, MOST_FACTOR = 100, 3000

PROBES = {
    "ones": lambda g, shape: np.ones(shape),
    "zeros": lambda g, shape: np.zeros(shape),
    "few": lambda g, shape: g.integers(-2, 3, shape) / 2,
    "silent units": lambda g, shape: (g.integers(-2, 3, shape).T * g.integers(0, 2, shape[0])).T,
    "fine": lambda g, shape: g.integers(-128, 129, shape) / 64,
}
UNIFORMS = {
    "any": lambda g, m: g.random(m),
    "first": lambda g, m: np.zeros(m),
    "last": lambda g, m: np.full(m, LAST_UNIFORM),
    "mixed": lambda g, m: np.choose(g.integers(0, 3, m), [np.zeros(m), np.full(m, LAST_UNIFORM), g.random(m)]),
}
#: Kinds of weights and momenta, the plainest first.
_VALUES = sorted(KINDS, key=lambda kind: kind != "ties")
_DENSITIES = ("empty", "full", "half", "thin", "thin")
_probes, _uniforms, _values = (st.sampled_from(list(kinds)) for kinds in (PROBES, UNIFORMS, _VALUES))
_densities, _seeds = st.sampled_from(_DENSITIES), st.integers(0, 2**32 - 1)


def draws_of(factor: float, nnz: int) -> int:
    """Return ⌈γN⌉ of a γ that is a decimal number."""
    return math.ceil(Fraction(repr(factor)) * nnz)


def numbers(generator: Generator, kind: str, count: int, samples: tuple[int, ...]) -> Draws:
    """Return uniforms of a kind of `UNIFORMS`, and signs."""
    inputs, outputs = (UNIFORMS[kind](generator, count) for _ in range(2))
    return Draws(inputs, outputs, generator.integers(0, 2, samples) * 2.0 - 1.0)


def probe(generator: Generator, kind: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array of a kind of `PROBES`."""
    return PROBES[kind](generator, shape).astype(dtype)


@st.composite
def _topologies(draw: st.DrawFn, shape: tuple[int, int]) -> Topology:
    """Any connections, about a quarter or half of all, or none, or all."""
    size, kind = shape[0] * shape[1], draw(_densities)
    everything = 2**size - 1
    bits = 0 if kind == "empty" else everything
    for _ in range({"thin": 2, "half": 1}.get(kind, 0)):
        bits &= draw(st.integers(0, everything))
    return of_mask(np.array([bits >> edge & 1 for edge in range(size)], bool).reshape(shape))


@st.composite
def _shapes(
    draw: st.DrawFn, batch: int, convolution: bool
) -> tuple[tuple[int, int], Geometry | None, tuple, tuple]:
    """(n_out, n_in), geometry, shape of x, shape of δ without the channels."""
    n_out = draw(st.integers(1, 5))
    if not convolution:
        n_in = draw(st.integers(1, 6))
        return (n_out, n_in), None, (n_in, batch), (batch,)
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    geometry = Geometry(kernel, stride, draw(st.integers(0, kernel - 1)))
    channels = draw(st.integers(1, 2))
    least = max(1, kernel - 2 * geometry.padding)
    size = draw(st.integers(least, 4)), draw(st.integers(least, 4))
    shape = min(n_out, 3), channels * kernel**2
    return shape, geometry, (channels, *size, batch), (*map(geometry.positions, size), batch)


@st.composite
def explored_layers(
    draw: st.DrawFn, dtype: np.dtype, batch: int, subset_factor: float, convolutions: bool = True
) -> ExploredLayer:
    """Layers before an update, any density from none to full; weights and momenta of any kind, ties and ±0 too.

    Parameters
    ----------
    dtype, batch : of the layer and of its probe.
    subset_factor : γ, which sets how many uniforms there are.
    convolutions : whether the layer may be one.
    """
    convolution = convolutions and draw(st.integers(0, 3)) == 3
    shape, geometry, inputs, samples = draw(_shapes(batch, convolution))
    topology, generator = draw(_topologies(shape)), stream(draw(_seeds), "check")
    values, momentum = (KINDS[draw(_values)](generator, (topology.nnz,), dtype).astype(dtype) for _ in range(2))
    return ExploredLayer(
        Weights(topology.indptr, topology.indices, values, topology.shape),
        momentum,
        probe(generator, draw(_probes), inputs, dtype),
        probe(generator, draw(_probes), (shape[0], *samples), dtype),
        geometry,
        numbers(generator, draw(_uniforms), draws_of(subset_factor, topology.nnz), samples),
    )


def fractions() -> st.SearchStrategy[float]:
    """α in thousandths, none, all and the smallest often: what must be pruned is then exact in integers."""
    return (st.sampled_from(FRACTIONS) | st.integers(0, 1000)).map(lambda k: k / 1000)


def subset_factors() -> st.SearchStrategy[float]:
    """γ in thousandths."""
    return (st.just(1000) | st.integers(LEAST_FACTOR, MOST_FACTOR)).map(lambda k: k / 1000)


@st.composite
def updates(
    draw: st.DrawFn,
    methods: Sequence[str] = Adapter.methods,
    allowed: Sequence[np.dtype] = DTYPES,
    scopes: Sequence[str] = SCOPES,
    convolutions: bool = True,
) -> UpdateProblem:
    """Whole updates of one to three layers, linear and convolutional.

    Guaranteed to come up again and again (tests/meta): nothing to grow, full and empty layers, distributions
    without mass, ties of scores and of weights within and across layers, layers all of whose inactive connections
    are candidates, at exactly as many draws too, uniforms at both ends, one sample.

    Parameters
    ----------
    methods, allowed, scopes : from which method, dtype and scope are drawn.
    convolutions : whether some layers are.
    """
    dtype, batch, factor = draw(dtypes(allowed)), draw(st.sampled_from(PROBE_BATCHES)), draw(subset_factors())
    layers = draw(st.lists(explored_layers(dtype, batch, factor, convolutions), min_size=1, max_size=3))
    return UpdateProblem(
        tuple(layers),
        draw(st.sampled_from(list(methods))),
        draw(fractions()),
        draw(st.sampled_from(list(scopes))),
        factor,
        draw(_seeds),
    )
