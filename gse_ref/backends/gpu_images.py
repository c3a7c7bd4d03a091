"""The gpu backend's convolutions, normalisation and pools: images are (channels, height, width, batch)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .api import Geometry, TransposePlan
from .device import WARP, Device, admitted, ceil_div, each

#: Threads of a block; of one that sums over a channel.
THREADS, WIDE_THREADS = 128, 256

Size = tuple[int, int]


def _windows(geometry: Geometry, size: Size, batch: int) -> tuple[int, ...]:
    """Return the numbers that ``WINDOWS`` of the kernels stands for."""
    return (*size, *map(geometry.positions, size), batch, *geometry)


def _ordered(device: Device, *images: Any) -> tuple[Any, ...]:
    return tuple(device.xp.ascontiguousarray(image) for image in images)


def _partial(threads: int, itemsize: int) -> int:
    """Return the bytes of shared memory that hold one number for each warp."""
    return threads // WARP * itemsize


def _conv(
    device: Device, indptr: Any, indices: Any, values: Any, x: Any, geometry: Geometry, bias: Any = None
) -> Any:
    windows = _windows(geometry, x.shape[1:3], x.shape[3])
    y = device.empty((len(indptr) - 1, *windows[2:4], x.shape[3]), values.dtype)
    args = (indptr, indices, values, *_ordered(device, x), bias, y, *windows)
    device.launch(f"conv_{y.dtype}", len(y) * ceil_div(y.size // max(1, len(y)), THREADS), THREADS, args)
    return y


def _conv_t(device: Device, plan: TransposePlan, values: Any, dy: Any, geometry: Geometry, size: Size) -> Any:
    channels, batch = (len(plan.indptr) - 1) // geometry.kernel**2, dy.shape[3]
    dx = device.empty((channels, *size, batch), values.dtype)
    pattern = (plan.indptr, plan.rows, plan.slots)
    args = (*pattern, values, *_ordered(device, dy), dx, *_windows(geometry, size, batch))
    device.launch(f"conv_t_{dx.dtype}", channels * ceil_div(dx.size // max(1, channels), THREADS), THREADS, args)
    return dx


def _conv_backward(
    device: Device, plan: TransposePlan, values: Any, x: Any, dy: Any, geometry: Geometry
) -> tuple[Any, Any]:
    size = x.shape[1:3]
    dx = _conv_t(device, plan, values, dy, geometry, size)
    dvalues = device.empty(values.shape, values.dtype)
    pattern = (plan.indptr, plan.rows, plan.slots)
    args = (*pattern, *_ordered(device, dy, x), dvalues, *_windows(geometry, size, x.shape[3]))
    shared = _partial(THREADS, values.dtype.itemsize)
    device.launch(f"conv_gradient_{values.dtype}", len(plan.indptr) - 1, THREADS, args, shared)
    return dx, dvalues


def _conv_pairs(device: Device, rows: Any, cols: Any, dy: Any, x: Any, geometry: Geometry) -> Any:
    scores = device.empty(rows.shape, x.dtype)
    args = (rows, cols, *_ordered(device, dy, x), scores, *_windows(geometry, x.shape[1:3], x.shape[3]))
    device.launch(f"conv_pairs_{x.dtype}", len(rows), THREADS, args, _partial(THREADS, x.dtype.itemsize))
    return scores


def _conv_rows(device: Device, dy: Any, x: Any, geometry: Geometry) -> Any:
    """Every pair of these rows."""
    n_out, n_in = len(dy), len(x) * geometry.kernel**2
    edges = device.xp.arange(n_out * n_in)
    rows, cols = (edges // n_in).astype("int32"), (edges % n_in).astype("int32")
    return _conv_pairs(device, rows, cols, dy, x, geometry).reshape(n_out, n_in)


def _patch_sums(device: Device, kernel: str, x: Any, signs: tuple[Any, ...], geometry: Geometry) -> Any:
    mass = device.empty((len(x) * geometry.kernel**2,), "float64")
    args = (*_ordered(device, x), *signs, mass, *_windows(geometry, x.shape[1:3], x.shape[3]))
    device.launch(f"{kernel}_{x.dtype}", len(mass), THREADS, args, _partial(THREADS, 8))
    return mass


def _patch_abs_sums(device: Device, x: Any, geometry: Geometry) -> Any:
    return _patch_sums(device, "patch_abs_sums", x, (), geometry)


def _patch_signed_sums(device: Device, x: Any, signs: Any, geometry: Geometry) -> Any:
    return _patch_sums(device, "patch_signed_sums", x, _ordered(device, admitted(device, signs)), geometry)


def _normalise(
    device: Device,
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    epsilon: float,
    residual: Any,
    relu: bool,
) -> Any:
    y = device.empty(x.shape, x.dtype)
    operands = _ordered(device, x, gamma, beta, mean, variance)
    added = None if residual is None else _ordered(device, residual)[0]
    size = x.size // max(1, len(x))
    each(device, f"normalise_{x.dtype}", x.size, (*operands, added, y, size, len(x), int(relu), float(epsilon)))
    return y


def _batch_norm(
    device: Device, x: Any, gamma: Any, beta: Any, epsilon: float, residual: Any, relu: bool
) -> tuple[Any, Any, Any]:
    mean, variance = (device.empty((len(x),), "float64") for _ in range(2))
    args = (*_ordered(device, x), mean, variance, x.size // max(1, len(x)))
    device.launch(f"moments_{x.dtype}", len(x), WIDE_THREADS, args, _partial(WIDE_THREADS, 8))
    return _normalise(device, x, gamma, beta, mean, variance, epsilon, residual, relu), mean, variance


def _batch_norm_backward(
    device: Device,
    x: Any,
    y: Any,
    dy: Any,
    gamma: Any,
    mean: Any,
    variance: Any,
    epsilon: float,
    relu: bool,
    masked: bool,
    beta: Any = None,
) -> tuple[Any, Any, Any, Any]:
    """`beta` is not needed: y is read."""
    channels, size, kind = len(x), x.size // max(1, len(x)), x.dtype
    x, y, dy, gamma, mean, variance = _ordered(device, x, y, dy, gamma, mean, variance)
    dx, t = device.empty(x.shape, kind), device.empty(x.shape, kind) if masked and relu else None
    dgamma, dbeta = (device.empty((channels,), kind) for _ in range(2))
    sums = device.empty((channels, 2), "float64")
    options = int(relu), float(epsilon)
    args = (x, y, dy, mean, variance, sums, dgamma, dbeta, size, *options)
    device.launch(f"norm_sums_{kind}", channels, WIDE_THREADS, args, _partial(WIDE_THREADS, 8))
    more = (x, y, dy, gamma, mean, variance, sums, dx, t, size, channels, *options)
    each(device, f"norm_gradient_{kind}", x.size, more)
    return dx, dgamma, dbeta, t


def _max_pool(device: Device, x: Any, geometry: Geometry) -> tuple[Any, Any]:
    windows = _windows(geometry, x.shape[1:3], x.shape[3])
    shape = (len(x), *windows[2:5])
    y, taps = device.empty(shape, x.dtype), device.empty(shape, "uint8")
    each(device, f"max_pool_{x.dtype}", y.size, (*_ordered(device, x), y, taps, len(x), *windows))
    return y, taps


def _unpool(device: Device, dy: Any, taps: Any, geometry: Geometry, size: Size) -> Any:
    dx = device.empty((len(dy), *size, dy.shape[3]), dy.dtype)
    args = (*_ordered(device, dy, taps), dx, len(dy), *_windows(geometry, size, dy.shape[3]))
    each(device, f"unpool_{dy.dtype}", dx.size, args)
    return dx


def _pick(device: Device, x: Any, taps: Any, geometry: Geometry) -> Any:
    y = device.empty(taps.shape, x.dtype)
    args = (*_ordered(device, x, taps), y, len(x), *_windows(geometry, x.shape[1:3], x.shape[3]))
    each(device, f"pick_{x.dtype}", y.size, args)
    return y


#: Each takes the device and then what the specification says.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv": _conv,
    "conv_t": _conv_t,
    "conv_backward": _conv_backward,
    "conv_pairs": _conv_pairs,
    "conv_rows": _conv_rows,
    "patch_abs_sums": _patch_abs_sums,
    "patch_signed_sums": _patch_signed_sums,
    "batch_norm": _batch_norm,
    "normalise": _normalise,
    "batch_norm_backward": _batch_norm_backward,
    "max_pool": _max_pool,
    "unpool": _unpool,
    "pick": _pick,
}
