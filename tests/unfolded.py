"""The unfolded input of a convolution as NumPy's sliding windows give it, sharing nothing with the package."""

from __future__ import annotations

import numpy as np

from gse_ref.backends import Geometry


def unfolded(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Return the patch matrix (channels · kernel², height' · width' · batch), zeros for what lies outside.

    x : (channels, height, width, batch). Rows are (c, u, v) and columns (i, j, b), each in C order.
    """
    kernel, stride, padding = geometry
    around = (padding, padding)
    framed = np.pad(x, ((0, 0), around, around, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (kernel, kernel), axis=(1, 2))
    strided = windows[:, ::stride, ::stride]  # (c, i, j, b, u, v)
    return strided.transpose(0, 4, 5, 1, 2, 3).reshape(len(x) * kernel**2, -1)


def flat(images: np.ndarray) -> np.ndarray:
    """Return (channels, height · width · batch): every position of every sample is a column."""
    return images.reshape(len(images), -1)


def folded(patches: np.ndarray, geometry: Geometry, shape: tuple[int, ...]) -> np.ndarray:
    """Return images of `shape` in which every pixel is the sum of the patch entries that are copies of it."""
    size = int(np.prod(shape))
    copies = unfolded(np.arange(1, 1 + size).reshape(shape), geometry)  # 0 is the frame
    return np.bincount(copies.ravel(), patches.ravel(), 1 + size)[1:].reshape(shape)
