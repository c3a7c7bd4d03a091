"""Faults in sparse convolutions, for level kernels to find."""

from __future__ import annotations

import numpy as np

from ...backends import Geometry
from ..adapter import Array
from ..adapters.own import Naive
from ..problems import Pattern, Weights
from .fault import Fault


def _framed(x: Array, before: int, after: int, mode: str = "constant") -> Array:
    """Return images with a frame around each."""
    around = (before, after)
    return np.pad(x, ((0, 0), around, around, (0, 0)), mode=mode)  # type: ignore[call-overload]


def _taps(indices: Array, n_in: int, kernel: int, turned: str) -> Array:
    """Return, for each column, the column of another tap: both axes "reversed", or "exchanged"."""
    taps = np.arange(n_in).reshape(-1, kernel, kernel)
    others = taps[:, ::-1, ::-1] if turned == "reversed" else taps.transpose(0, 2, 1)
    return others.reshape(-1)[indices]


def _sorted(weights: Weights, columns: Array) -> Weights:
    """Return the weights at other columns, in canonical order."""
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    order = np.lexsort((columns, rows))
    return weights._replace(indices=columns[order], values=weights.values[order])


class KernelRotated(Naive):
    """A convolution in the sense of mathematics: the kernel is turned by half a turn."""

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution with reversed taps."""
        columns = _taps(weights.indices, weights.shape[1], geometry.kernel, "reversed")
        return super().conv_forward(_sorted(weights, columns), x, geometry, bias)


class RowsAndColumnsExchanged(Naive):
    """Column (c, v, u) is taken for the tap (u, v)."""

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution with transposed taps."""
        columns = _taps(weights.indices, weights.shape[1], geometry.kernel, "exchanged")
        return super().conv_forward(_sorted(weights, columns), x, geometry, bias)


class EdgePixelsRepeated(Naive):
    """What lies beside the image is read as its nearest pixel."""

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution of images whose padding repeats their edge."""
        kernel, stride, padding = geometry
        framed = _framed(x, padding, padding, "edge")
        return super().conv_forward(weights, framed, Geometry(kernel, stride), bias)


class PaddingMultiplied(Naive):
    """The padding is made of zeros that are multiplied: NaN where a weight is infinite."""

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution of framed images."""
        kernel, stride, padding = geometry
        return super().conv_forward(weights, _framed(x, padding, padding), Geometry(kernel, stride), bias)


class BiasOfTheFirstRow(Naive):
    """The bias is added to the first row of positions alone."""

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution with a bias in its first row."""
        y = super().conv_forward(weights, x, geometry, None)
        if bias is not None:
            y[:, 0] += bias[:, None, None]
        return y


class TapsNotFlippedBackwards(Naive):
    """The gradient of the images is the convolution of dy with the same taps, not with reversed ones."""

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return the transposed convolution by reversed taps."""
        columns = _taps(weights.indices, weights.shape[1], geometry.kernel, "reversed")
        return super().conv_transposed(_sorted(weights, columns), dy, geometry, size)


class StrideIgnoredBackwards(Naive):
    """The gradients of windows are added side by side, whatever their distance."""

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return the transposed convolution of stride 1, cut or filled with zeros to the size."""
        kernel, _, padding = geometry
        side = tuple(n + kernel - 1 - 2 * padding for n in dy.shape[1:3])
        near = super().conv_transposed(
            weights, dy, Geometry(kernel, 1, 0), (side[0] + 2 * padding, side[1] + 2 * padding)
        )
        dx = np.zeros((near.shape[0], *size, dy.shape[3]), dy.dtype)
        part = near[:, padding : padding + size[0], padding : padding + size[1]]
        dx[:, : part.shape[1], : part.shape[2]] = part
        return dx


class ImagesSmallerByTheStride(Naive):
    """The size of the images is computed from that of dy: pixels left over by the stride are missing."""

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return the pixels up to the last one that a window reads."""
        kernel, stride, padding = geometry
        height, width = ((n - 1) * stride + kernel - 2 * padding for n in dy.shape[1:3])
        dx = super().conv_transposed(weights, dy, geometry, size)
        return dx[:, : max(1, height), : max(1, width)]


class TapsBeforeChannels(Naive):
    """The gradient's columns are ordered (u, v, c)."""

    def conv_gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the gradient of the columns that stand elsewhere in that order."""
        columns = np.arange(pattern.shape[1]).reshape(-1, len(x)).T.reshape(-1)[pattern.indices]
        rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        return super().conv_gradient_on_pairs(rows, columns, dy, x, geometry)


class LastRowOfPositions(Naive):
    """Each row of positions overwrites the sums of the row before."""

    def conv_gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the sums over the last row of positions."""
        last = dy.copy()
        last[:, :-1] = 0
        return super().conv_gradient_on_pattern(pattern, last, x, geometry)


class StrideIgnoredInTheGradient(Naive):
    """The gradient of pairs takes neighbouring patches, whatever the stride."""

    def conv_gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the gradient of a convolution of stride 1 at the first positions."""
        kernel, _, padding = geometry
        height, width = (n + kernel - 1 for n in dy.shape[1:3])
        framed = _framed(x, padding, padding + max(height, width))[:, :height, :width]
        return super().conv_gradient_on_pairs(rows, cols, dy, framed, Geometry(kernel))


class FirstRowOfPatches(Naive):
    """Only the first row of patches is looked at."""

    def conv_gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the sums over the first row of positions."""
        first = dy.copy()
        first[:, 1:] = 0
        return super().conv_gradient_on_pairs(rows, cols, first, x, geometry)


FAULTS = (
    Fault("kernel-rotated", "taps reversed on both axes", "conv_forward", KernelRotated),
    Fault("rows-and-columns-exchanged", "tap (v, u) for (u, v)", "conv_forward", RowsAndColumnsExchanged),
    Fault("edge-pixels-repeated", "padding read as the nearest pixel", "conv_forward", EdgePixelsRepeated),
    Fault("bias-of-the-first-row", "bias in the first row of positions only", "conv_forward", BiasOfTheFirstRow),
    Fault("padding-multiplied", "0 · ∞ beside the image", "conv_forward_not_finite", PaddingMultiplied),
    Fault("taps-not-flipped-backwards", "dx by unflipped taps", "conv_transposed", TapsNotFlippedBackwards),
    Fault("stride-ignored-backwards", "dx as of stride 1", "conv_transposed", StrideIgnoredBackwards),
    Fault(
        "images-smaller-by-the-stride", "dx without left-over pixels", "conv_transposed", ImagesSmallerByTheStride
    ),
    Fault("taps-before-channels", "columns as (u, v, c)", "conv_gradient_on_pattern", TapsBeforeChannels),
    Fault(
        "last-row-of-positions", "sums set, not added, by each row", "conv_gradient_on_pattern", LastRowOfPositions
    ),
    Fault(
        "stride-ignored-in-the-gradient",
        "neighbouring patches",
        "conv_gradient_on_pairs",
        StrideIgnoredInTheGradient,
    ),
    Fault("first-row-of-patches", "one row of patches for all", "conv_gradient_on_pairs", FirstRowOfPatches),
)
