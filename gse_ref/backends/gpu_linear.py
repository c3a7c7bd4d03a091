"""The gpu backend's products of a sparse matrix, and the gradients they leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .device import Device, ceil_div, warps_for


def _spmm(device: Device, indptr: Any, indices: Any, values: Any, x: Any, bias: Any = None) -> Any:
    n_out, batch = len(indptr) - 1, x.shape[1]
    y = device.empty((n_out, batch), values.dtype)
    threads = warps_for(batch)
    args = (indptr, indices, values, device.xp.ascontiguousarray(x), bias, y, batch)
    device.launch(f"spmm_{y.dtype}", n_out * ceil_div(batch, threads), threads, args)
    return y


#: Each takes the device and then what the specification says.
OPERATIONS: dict[str, Callable[..., Any]] = {"spmm": _spmm}
