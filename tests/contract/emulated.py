"""The gpu backend on the host: its own binding code, its own kernels, threads run in three orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gse_ref.backends import Backend, gpu
from tests.host_cuda.device import ORDERS, HostDevice

#: Names of the emulated backends: the order in which the threads run.
EMULATED = {f"gpu, order {order}": order for order in ORDERS}


def _absent(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("the gpu backend has no such function")


def emulated(order: int = 0, sources: Mapping[str, str] | None = None, device: HostDevice | None = None) -> Backend:
    """Return the gpu backend on the host; `sources` replace the texts of the files they name."""
    device = device or HostDevice(order, sources)
    bound = {name: gpu._bound(device, name, function) for name, function in gpu.OPERATIONS.items()}
    names = {field.name for field in fields(Backend)} - {"name"}
    return Backend(name="gpu on the host", **{name: bound.get(name, _absent) for name in names})
