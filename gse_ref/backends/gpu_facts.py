"""What can be said of the gpu backend on this machine: CuPy, devices, and the rung of each kernel."""

from __future__ import annotations

from typing import Any

from .cuda.record import record
from .cupy_device import cuda_versions, cupy_version, device_names


def facts() -> dict[str, Any]:
    """Return `cupy` (its version or None), `cuda` (versions), `devices` and `kernels` (entry point: its rung).

    `cuda` holds what `driver` and CuPy's `runtime` are of, None where CuPy is missing; `devices` are names, with
    what each can compute and its memory.

    The rungs are those of the committed record: what has been verified of the sources as they are, not here.
    """
    kernels = record()["kernels"]
    return {
        "cupy": cupy_version(),
        "cuda": cuda_versions(),
        "devices": device_names(),
        "kernels": {name: row["rung"] for name, row in kernels.items()},
    }
