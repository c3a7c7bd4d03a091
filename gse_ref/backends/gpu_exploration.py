"""The gpu backend's part of exploration: masses, alias tables and draws, candidates, selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .device import WARP, Device, warps_for


def _row_sums(device: Device, kernel: str, x: Any, *signs: Any) -> Any:
    mass = device.empty((len(x),), "float64")
    threads = warps_for(x.shape[1])
    args = (device.xp.ascontiguousarray(x), *signs, mass, x.shape[1])
    device.launch(f"{kernel}_{x.dtype}", len(x), threads, args, shared_bytes=threads // WARP * 8)
    return mass


def _abs_sums(device: Device, x: Any) -> Any:
    return _row_sums(device, "abs_sums", x)


def _signed_sums(device: Device, x: Any, signs: Any) -> Any:
    return _row_sums(device, "signed_sums", x, device.xp.ascontiguousarray(signs))


#: Each takes the device and then what the specification says.
OPERATIONS: dict[str, Callable[..., Any]] = {"abs_sums": _abs_sums, "signed_sums": _signed_sums}
