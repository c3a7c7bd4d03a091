"""What the level sampling draws: what a probe saw of a layer, masses that vanish or cancel among it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...backends import Geometry
from .convolution import WORK, windows
from .layer import shapes
from .values import DTYPES, KINDS, batches, dtypes, generators

#: Values whose sums neither overflow nor lose what is below the smallest normal number, in any order.
PROBED = ("ties", "normal", "large", "small", "zeros", "single", "cancelling")


class Probed(NamedTuple):
    """What a probe saw of a layer.

    x : (n_in, batch) or (channels, height, width, batch). delta : (n_out, batch) or (n_out, height', width',
    batch). signs : (batch,) or (height', width', batch) of ±1, float64. geometry : of a convolution, else None.
    """

    x: np.ndarray
    delta: np.ndarray
    signs: np.ndarray
    geometry: Geometry | None = None


def _cancelling(signs: np.ndarray, rows: int, generator: np.random.Generator) -> np.ndarray:
    """Return (rows, samples) small integers of which every signed sum is 0."""
    turns = np.resize([1.0, -1.0], signs.size)
    if signs.size % 2:
        turns[-1] = 0
    return generator.integers(0, 3, (rows, 1)) * signs.reshape(-1) * turns


def _values(draw: st.DrawFn, shape: tuple[int, ...], signs: np.ndarray, dtype: np.dtype) -> np.ndarray:
    kind, generator = draw(st.sampled_from(PROBED)), draw(generators())
    if kind == "cancelling" and shape[1:] == signs.shape:
        return _cancelling(signs, shape[0], generator).reshape(shape).astype(dtype)
    if kind in ("single", "cancelling"):
        values = np.zeros(shape, dtype)
        values.reshape(-1)[draw(st.integers(0, values.size - 1))] = draw(st.sampled_from((1, -2)))
        return values
    return KINDS[kind](generator, shape, dtype).astype(dtype)


@st.composite
def probed(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Probed:
    """A linear layer: ties, zeros of both signs, one value alone, signed sums that cancel, magnitudes far apart."""
    (n_out, n_in), dtype, batch = draw(shapes()), draw(dtypes(allowed)), draw(batches())
    signs = draw(generators()).integers(0, 2, batch) * 2.0 - 1.0
    return Probed(_values(draw, (n_in, batch), signs, dtype), _values(draw, (n_out, batch), signs, dtype), signs)


@st.composite
def conv_probed(draw: st.DrawFn, allowed: Sequence[np.dtype] = DTYPES) -> Probed:
    """A convolution: as `probed`, with padding, strides, kernels of 1 to 7 and images of one pixel."""
    window, dtype = draw(windows()), draw(dtypes(allowed))
    channels = draw(st.integers(1, max(1, min(3, WORK // window.work))))
    signs = draw(generators()).integers(0, 2, (*window.output, window.batch)) * 2.0 - 1.0
    x = _values(draw, (channels, *window.size, window.batch), signs, dtype)
    delta = _values(draw, (draw(st.integers(1, 3)), *signs.shape), signs, dtype)
    return Probed(x, delta, signs, window.geometry)
