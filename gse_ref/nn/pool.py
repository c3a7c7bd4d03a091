"""Pools of images (channels, height, width, batch): largest, mean, and the mean of the whole image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..autodiff import Op, Tensor, apply, compute
from ..backends import Geometry, active
from ..backends.arrays import new
from ..errors import InputError, ShapeError
from .module import Module

Grads = tuple[Tensor | None, ...]
Needs = tuple[bool, ...]
Size = tuple[int, int]


def _max_vjp(
    grad: Tensor,
    out: Tensor,
    inputs: tuple[Tensor],
    needs: Needs,
    y: np.ndarray,
    taps: np.ndarray,
    geometry: Geometry,
) -> Grads:
    height, width = inputs[0].shape[1:3]
    return (apply(UNPOOL, grad, taps=taps, geometry=geometry, size=(height, width)),)


def _unpool_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, taps: np.ndarray, geometry: Geometry, size: Size
) -> Grads:
    return (apply(PICK, grad, taps=taps, geometry=geometry),)


def _pick_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, taps: np.ndarray, geometry: Geometry
) -> Grads:
    height, width = inputs[0].shape[1:3]
    return (apply(UNPOOL, grad, taps=taps, geometry=geometry, size=(height, width)),)


#: The kernel has run before, since it gives the taps too.
MAX_POOL = Op("max_pool", lambda x, y, taps, geometry: y, _max_vjp)
UNPOOL = Op("unpool", lambda dy, taps, geometry, size: active().unpool(dy, taps, geometry, size), _unpool_vjp)
PICK = Op("pick", lambda x, taps, geometry: active().pick(x, taps, geometry), _pick_vjp)


def _reach(tap: int, geometry: Geometry, size: int) -> tuple[slice, slice]:
    """Return the windows along one side whose `tap` lies inside the image, and the pixels it lies on."""
    _, stride, padding = geometry
    first = max(0, -(-(padding - tap) // stride))
    stop = max(first, min(geometry.positions(size), (size - 1 + padding - tap) // stride + 1))
    start = first * stride + tap - padding
    return slice(first, stop), slice(start, start + (stop - first) * stride, stride)


def _taps(
    geometry: Geometry, size: Size
) -> Iterator[tuple[tuple[slice, slice, slice], tuple[slice, slice, slice]]]:
    """Yield, tap by tap, the windows and the pixels that meet there, as indices of all channels."""
    everything = slice(None)
    for u in range(geometry.kernel):
        rows, pixel_rows = _reach(u, geometry, size[0])
        for v in range(geometry.kernel):
            cols, pixel_cols = _reach(v, geometry, size[1])
            yield (everything, rows, cols), (everything, pixel_rows, pixel_cols)


def _average_forward(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    channels, height, width, batch = x.shape
    y = new((channels, geometry.positions(height), geometry.positions(width), batch), x)
    y[...] = 0
    for windows, pixels in _taps(geometry, (height, width)):
        y[windows] += x[pixels]
    y *= 1 / geometry.kernel**2
    return y


def _average_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, geometry: Geometry) -> Grads:
    height, width = inputs[0].shape[1:3]
    return (apply(SPREAD, grad, geometry=geometry, size=(height, width)),)


def _spread_forward(dy: np.ndarray, geometry: Geometry, size: Size) -> np.ndarray:
    dx = new((len(dy), *size, dy.shape[3]), dy)
    dx[...] = 0
    share = compute.multiply(dy, 1 / geometry.kernel**2)
    for windows, pixels in _taps(geometry, size):
        dx[pixels] += share[windows]
    return dx


def _spread_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, geometry: Geometry, size: Size
) -> Grads:
    return (apply(AVERAGE, grad, geometry=geometry),)


#: Mean of each window, and its transpose.
AVERAGE = Op("average_pool", _average_forward, _average_vjp)
SPREAD = Op("average_pool_transposed", _spread_forward, _spread_vjp)


class _Pool(Module):
    """Abstract: a window that slides over each channel; `stride` None is the side of the window."""

    def __init__(self, kernel: int, stride: int | None = None, padding: int = 0) -> None:
        super().__init__()
        self.geometry = Geometry(kernel, kernel if stride is None else stride, padding)
        if kernel < 1 or self.geometry.stride < 1 or not 0 <= padding <= kernel // 2:
            wanted = "a kernel and a stride of at least 1 and a padding of at most half the kernel"
            raise InputError(f"a pool needs {wanted}, got {self.geometry}")

    def _require(self, x: Tensor) -> None:
        _require_images(x)
        kernel, _, padding = self.geometry
        if min(x.shape[1:3]) + 2 * padding < kernel:
            raise ShapeError(
                f"a window of {kernel}x{kernel} does not fit into x of shape {x.shape}, padding {padding}"
            )


def _require_images(x: Tensor) -> None:
    if x.ndim != 4 or not x.size:
        wanted = "(channels, height, width, batch), none of them 0"
        raise ShapeError(f"a pool wants x of shape {wanted}, got {x.shape}; the batch is the last axis")


class MaxPool2d(_Pool):
    """The largest value of each window; the gradient goes to the first of equal ones.

    Parameters
    ----------
    kernel : side of the window, 1 to 15.
    stride : distance of two windows, by default `kernel`.
    padding : rows and columns around the image that never win, at most half of `kernel`.

    Raises
    ------
    InputError : a number out of range. ShapeError, in `forward` : an image smaller than the window.
    """

    def __init__(self, kernel: int, stride: int | None = None, padding: int = 0) -> None:
        super().__init__(kernel, stride, padding)
        if kernel > 15:
            raise InputError(f"a pool takes the largest of windows up to 15x15, got {kernel}: pool twice")

    def forward(self, x: Tensor) -> Tensor:
        self._require(x)
        y, taps = active().max_pool(x.data, self.geometry)
        return apply(MAX_POOL, x, y=y, taps=taps, geometry=self.geometry)


class AvgPool2d(_Pool):
    """The mean of each window, the zeros of the padding included (PyTorch's ``count_include_pad``).

    Parameters
    ----------
    kernel : side of the window.
    stride : distance of two windows, by default `kernel`.
    padding : rows and columns of zeros around the image, at most half of `kernel`.

    Raises
    ------
    InputError : a number out of range. ShapeError, in `forward` : an image smaller than the window.
    """

    def forward(self, x: Tensor) -> Tensor:
        self._require(x)
        return apply(AVERAGE, x, geometry=self.geometry)


class GlobalAvgPool(Module):
    """The mean of each channel over all positions, (channels, batch)."""

    def forward(self, x: Tensor) -> Tensor:
        _require_images(x)
        return x.mean(axis=(1, 2))
