"""Strategies of numbers: dtypes, batch sizes, and arrays of every nasty kind.

Structure is drawn by Hypothesis, so that it shrinks; the bulk of the numbers comes from a drawn seed and a drawn
kind, so that drawing is cheap. Everything shrinks to one sample of the numbers 1, 2, 3, …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from ...rng import stream

Generator = np.random.Generator
Make = Callable[[Generator, tuple[int, ...], np.dtype], np.ndarray]

#: What values may be.
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
#: Kernels work in tiles, here of 128, 16 and 1 samples: around each edge, and sums of tiles.
BATCHES = (1, 15, 16, 17, 127, 128, 129, 144, 257)
#: What is not finite, and goes through a product as IEEE 754 says.
NOT_FINITE = (np.nan, np.inf, -np.inf)

#: Magnitudes whose products still fit the dtype when 300 of them are summed, and whose products vanish.
_LARGE = {np.dtype(np.float32): 1e15, np.dtype(np.float64): 1e120}
_SMALL = {np.dtype(np.float32): 1e-30, np.dtype(np.float64): 1e-200}


def _counted(generator: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.arange(1, 1 + int(np.prod(shape)), dtype=np.float64).reshape(shape)


def _mixed(generator: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    layers = [make(generator, shape, dtype) for kind, make in KINDS.items() if kind != "mixed"]
    return np.choose(generator.integers(0, len(layers), shape), layers)


#: Kinds of numbers by name, the plainest first: (generator, shape, dtype) → float64, all finite in that dtype.
KINDS: dict[str, Make] = {
    "counted": _counted,
    "ties": lambda g, shape, dtype: g.integers(-2, 3, shape).astype(np.float64),
    "normal": lambda g, shape, dtype: g.standard_normal(shape),
    "zeros": lambda g, shape, dtype: np.where(g.integers(0, 2, shape) > 0, 0.0, -0.0),
    "subnormal": lambda g, shape, dtype: g.integers(-9, 10, shape) * float(np.finfo(dtype).smallest_subnormal),
    "large": lambda g, shape, dtype: g.standard_normal(shape) * _LARGE[dtype],
    "small": lambda g, shape, dtype: g.standard_normal(shape) * _SMALL[dtype],
    "mixed": _mixed,
}


def dtypes(allowed: Sequence[np.dtype] = DTYPES) -> st.SearchStrategy[np.dtype]:
    """One of the dtypes that are allowed."""
    return st.sampled_from(allowed)


def batches() -> st.SearchStrategy[int]:
    """Batch sizes of 1 to 300; every second one lies at the edge of a tile (`BATCHES`)."""
    edges = st.sampled_from(BATCHES)
    return st.one_of(edges, edges.map(int), st.integers(1, 300))


def generators() -> st.SearchStrategy[Generator]:
    """Generators of a drawn seed, for what need not shrink."""
    return st.integers(0, 2**32 - 1).map(lambda seed: stream(seed, "check"))


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Finite values of one kind: ties, ±0, subnormals, large and small magnitudes, or a mixture of them.

    Products of two, and sums of 300 of those, do not overflow; of small ones, all bits may vanish.
    """
    make = KINDS[draw(st.sampled_from(list(KINDS)))]
    return make(draw(generators()), shape, dtype).astype(dtype)


@st.composite
def spoilt(draw: st.DrawFn, array: np.ndarray, bad: Sequence[float] = NOT_FINITE) -> np.ndarray:
    """Return `array` with one `bad` element; an empty one as it is."""
    if array.size:
        array.reshape(-1)[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(bad))
    return array


@st.composite
def perhaps_spoilt(draw: st.DrawFn, array: np.ndarray, bad: Sequence[float] = NOT_FINITE) -> np.ndarray:
    """Return `array` with, at times, one `bad` element, and at times as a view with strided rows."""
    if draw(st.integers(0, 5)) == 5:
        array = draw(spoilt(array, bad))
    return np.repeat(array, 2, axis=-1)[..., ::2] if draw(st.integers(0, 3)) == 3 else array
