"""What the tests of images draw: constant and shifted channels, NaN, infinity, strided rows, windows of any fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...backends import Geometry, get
from .layer import KINDS, arrays, batches, dtypes, generators

Shape = tuple[int, int, int, int]
#: Positions and samples of a channel that go through several chunks of the kernels, the last one not full.
MANY: Shape = (1, 5, 5, 200)
#: Kinds whose products with the squares of any other still fit the dtype.
_MODERATE = sorted(set(KINDS) - {"large", "mixed"})


@st.composite
def image_shapes(draw: st.DrawFn, most: int = 600) -> Shape:
    """(channels, height, width, batch) of at most about `most` values per channel, one pixel often."""
    batch = draw(st.integers(1, 5) | batches())
    side = st.just(1) | st.integers(1, max(1, min(5, int((most / batch) ** 0.5))))
    return draw(st.integers(1, 3)), draw(side), draw(side), batch


@st.composite
def moderate(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    make = KINDS[draw(st.sampled_from(_MODERATE))]
    return make(draw(generators()), shape, dtype).astype(dtype)


@st.composite
def spoilt(draw: st.DrawFn, array: np.ndarray, bad: tuple[float, ...] = (np.nan, np.inf, -np.inf)) -> np.ndarray:
    """Return `array` with, at times, one `bad` element, and at times as a view with strided rows."""
    if draw(st.integers(0, 5)) == 0:
        array.reshape(-1)[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(bad))
    return np.repeat(array, 2, axis=-1)[..., ::2] if draw(st.integers(0, 3)) == 0 else array


@st.composite
def channels(draw: st.DrawFn, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """Images whose channels are as drawn, constant, or small beside their mean."""
    x = draw(arrays(shape, dtype))
    for plane in x:
        kind = draw(st.sampled_from(("drawn", "drawn", "constant", "shifted")))
        if kind == "constant":
            plane[...] = plane.flat[0] if draw(st.booleans()) else 0.1
        elif kind == "shifted":
            plane[...] = 1000 + draw(moderate(plane.shape, dtype))
    return x


class Normalised(NamedTuple):
    """Operands of batch normalisation, its moments (any) and what comes back through it."""

    x: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    residual: np.ndarray | None
    relu: bool
    dy: np.ndarray


@st.composite
def normalised(draw: st.DrawFn) -> Normalised:
    shape, dtype = draw(image_shapes() | st.just(MANY)), draw(dtypes())
    each, generator = shape[:1], draw(generators())
    return Normalised(
        draw(spoilt(draw(channels(shape, dtype)))),
        draw(moderate(each, dtype)),
        draw(arrays(each, dtype)),
        generator.standard_normal(each) * draw(st.sampled_from((0.0, 1.0, 1e4))),
        generator.random(each) * draw(st.sampled_from((0.0, 1e-8, 1.0, 1e8))),
        draw(st.sampled_from((1e-12, 1e-5, 1.0))),
        draw(spoilt(draw(arrays(shape, dtype)))) if draw(st.booleans()) else None,
        draw(st.booleans()),
        # Infinity times an x̂ that rounds to 0 is NaN or infinity, as the rounding goes: no case for an equality.
        draw(spoilt(draw(moderate(shape, dtype)), bad=(np.nan,))),
    )


class Pooled(NamedTuple):
    """An image, the windows on it, what they picked, and a gradient of theirs."""

    x: np.ndarray
    geometry: Geometry
    taps: np.ndarray
    dy: np.ndarray


@st.composite
def pooled(draw: st.DrawFn) -> Pooled:
    """Windows of side 1 to 3 that overlap, touch or leave gaps, on images that they need not cover."""
    (count, height, width, batch), dtype = draw(image_shapes(300)), draw(dtypes())
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    geometry = Geometry(kernel, stride, draw(st.integers(0, kernel - 1)))
    least = max(1, kernel - 2 * geometry.padding)
    shape = (count, max(height, least), max(width, least), batch)
    x = draw(spoilt(draw(arrays(shape, dtype))))
    y, taps = get("naive").max_pool(x, geometry)
    return Pooled(x, geometry, taps, draw(spoilt(draw(arrays(y.shape, dtype)))))
