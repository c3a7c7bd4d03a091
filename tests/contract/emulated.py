"""The gpu backend on the host: its own binding code, its own kernels, threads run in three orders."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from gse_ref.backends import Backend, get
from gse_ref.backends.gpu import backend_on
from tests.host_cuda.build import COMPILER
from tests.host_cuda.device import ORDERS, HostDevice

#: Names of the emulated backends: the order in which the threads run. None where there is no compiler for them.
EMULATED = {f"gpu on the host, order {order}": order for order in ORDERS if COMPILER is not None}


def emulated(order: int = 0, sources: Mapping[str, str] | None = None, device: HostDevice | None = None) -> Backend:
    """Return the gpu backend on the host; `sources` replace the texts of the files they name."""
    return backend_on(device or HostDevice(order, sources))


@cache
def named(name: str) -> Backend:
    """Return a backend of `EMULATED`, or of the package."""
    return emulated(EMULATED[name]) if name in EMULATED else get(name)
