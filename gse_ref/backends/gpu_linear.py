"""The gpu backend's products of a sparse matrix, the gradients they leave, and what stands around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .api import Scaling, TransposePlan
from .device import WARP, Device, admitted, ceil_div, warps_for

#: Threads of a block whose warps work for themselves.
THREADS = 128
#: Bits from 1 to those of infinity are the positive numbers.
POSITIVE = {"float32": ("uint32", 0x7F800000), "float64": ("uint64", 0x7FF0000000000000)}
#: Side of the tile that `gather` turns, and the threads that share it.
TILE, TILE_THREADS = 32, 256


def _spmm(device: Device, indptr: Any, indices: Any, values: Any, x: Any, bias: Any = None) -> Any:
    n_out, batch = len(indptr) - 1, x.shape[1]
    y = device.empty((n_out, batch), values.dtype)
    threads = warps_for(batch)
    args = (indptr, indices, values, device.xp.ascontiguousarray(x), bias, y, batch)
    device.launch(f"spmm_{y.dtype}", n_out * ceil_div(batch, threads), threads, args)
    return y


def _spmm_t(device: Device, plan: TransposePlan, values: Any, dy: Any) -> Any:
    n_in, batch = len(plan.indptr) - 1, dy.shape[1]
    dx = device.empty((n_in, batch), values.dtype)
    threads = warps_for(batch)
    args = (plan.indptr, plan.rows, plan.slots, values, device.xp.ascontiguousarray(dy), dx, batch)
    device.launch(f"spmm_t_{dx.dtype}", n_in * ceil_div(batch, threads), threads, args)
    return dx


def _spmm_backward(device: Device, plan: TransposePlan, values: Any, x: Any, dy: Any) -> tuple[Any, Any]:
    dx, dvalues = device.empty(x.shape, x.dtype), device.empty(values.shape, values.dtype)
    x, dy = (device.xp.ascontiguousarray(operand) for operand in (x, dy))
    args = (plan.indptr, plan.rows, plan.slots, values, x, dy, dx, dvalues, x.shape[1])
    device.launch(f"spmm_backward_{dx.dtype}", len(x), THREADS, args)
    return dx, dvalues


def _sddmm(device: Device, indptr: Any, indices: Any, dy: Any, x: Any) -> Any:
    dvalues = device.empty(indices.shape, x.dtype)
    dy, x = (device.xp.ascontiguousarray(operand) for operand in (dy, x))
    device.launch(f"sddmm_{x.dtype}", len(dy), THREADS, (indptr, indices, dy, x, dvalues, x.shape[1]))
    return dvalues


def _sddmm_pairs(device: Device, rows: Any, cols: Any, dy: Any, x: Any) -> Any:
    scores = device.empty(rows.shape, x.dtype)
    dy, x = (device.xp.ascontiguousarray(operand) for operand in (dy, x))
    args = (rows, cols, dy, x, scores, len(rows), x.shape[1])
    device.launch(f"sddmm_pairs_{x.dtype}", ceil_div(len(rows), THREADS // WARP), THREADS, args)
    return scores


def _gradient_rows(device: Device, dy: Any, x: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN propagate, as in the kernels
        return dy @ x.T


def _relu_backward(device: Device, y: Any, dy: Any) -> Any:
    """By the bits of y: the comparisons of CuPy take subnormal float32 for zeros."""
    unsigned, infinity = POSITIVE[str(y.dtype)]
    return device.xp.where(y.view(unsigned) - 1 < infinity, dy, dy.dtype.type(0))


def _gather(device: Device, features: Any, order: Any, scale: Scaling, shift: Scaling, dtype: Any) -> Any:
    """Samples stored on the host are picked there, so that a batch is copied and not the data set."""
    xp = device.xp
    if not device.holds(features):
        features, order = features[order], np.arange(len(order))
    n_features, batch = features.shape[1], len(order)
    one_for_all = not any(getattr(value, "ndim", 0) for value in (scale, shift))
    scaling = []
    for value in (scale, shift):
        if not getattr(value, "ndim", 0):
            scaling.append(xp.full(1 if one_for_all else n_features, float(value), "float64"))
        else:
            scaling.append(admitted(device, value))
    x = device.empty((n_features, batch), dtype)
    features = xp.ascontiguousarray(admitted(device, features))
    args = (features, admitted(device, order).astype("int64"), *scaling, x, n_features, batch, int(not one_for_all))
    tiles = (ceil_div(batch, TILE), ceil_div(n_features, TILE))
    shared_bytes = TILE * (TILE + 1) * x.dtype.itemsize
    device.launch(f"gather_{features.dtype}_{x.dtype}", tiles, TILE_THREADS, args, shared_bytes)
    return x


#: Each takes the device and then what the specification says.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "spmm": _spmm,
    "spmm_t": _spmm_t,
    "spmm_backward": _spmm_backward,
    "sddmm": _sddmm,
    "sddmm_pairs": _sddmm_pairs,
    "gradient_rows": _gradient_rows,
    "relu_backward": _relu_backward,
    "gather": _gather,
}
