"""Which CUDA kernel lies in which file, and what it computes."""

from __future__ import annotations

from typing import NamedTuple


class Kernel(NamedTuple):
    """One kernel.

    file : name of its source file, without ``.cu``
    summary : what it computes
    types : what each of its entry points adds to its name: numpy names of the dtypes it is compiled for
    exact : whether it rounds as `naive` does, so that no multiplication may be contracted with an addition
    """

    file: str
    summary: str
    types: tuple[str, ...] = ()
    exact: bool = False


FLOATS = ("float32", "float64")

KERNELS: dict[str, Kernel] = {
    "spmm": Kernel("products", "y[i] = bias[i] + Σ values[k] · x[indices[k]]", FLOATS),
    "abs_sums": Kernel("masses", "mass[i] = Σ_b |x[i, b]|", FLOATS),
    "signed_sums": Kernel("masses", "mass[i] = |Σ_b x[i, b] · signs[b]|", FLOATS),
}


def files() -> list[str]:
    """Return the names of the source files, without ``.cu``."""
    return list(dict.fromkeys(kernel.file for kernel in KERNELS.values()))


def entries(file: str) -> list[str]:
    """Return the entry points of a source file, e.g. ``spmm_float32``."""
    rows = [(name, kernel) for name, kernel in KERNELS.items() if kernel.file == file]
    return [f"{name}_{t}" if t else name for name, kernel in rows for t in kernel.types or ("",)]
