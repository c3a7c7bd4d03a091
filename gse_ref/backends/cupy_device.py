"""The device that CuPy gives: NVIDIA GPUs. The only place that imports it, and only when asked for."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import MissingDependencyError
from . import cuda
from .device import Blocks, grid_of

#: Under these names the wheels of CuPy are published, one for each version of CUDA, and its source.
DISTRIBUTIONS = ("cupy-cuda12x", "cupy-cuda13x", "cupy")
INSTALL = "pip install gse_ref[gpu] brings it for CUDA 12, pip install cupy-cuda13x[ctk] for CUDA 13"
CHECK = "check that nvidia-smi lists a GPU, that the driver is as new as the CUDA of CuPy, and CUDA_VISIBLE_DEVICES"


class CupyDevice:
    """The GPU that is current in CuPy (``cupy.cuda.Device``), its arrays, and the kernels compiled for it."""

    def __init__(self, cupy: Any, name: str) -> None:
        self.xp = cupy
        self.name = name
        self._functions: dict[tuple[int, str], Any] = {}

    def holds(self, array: Any) -> bool:
        """Return whether `array` is one of CuPy's."""
        return isinstance(array, self.xp.ndarray)

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Return an uninitialised C-ordered array of CuPy."""
        return self.xp.empty(shape, dtype)

    def to_device(self, array: np.ndarray) -> Any:
        """Copy an array of the host to the device."""
        return self.xp.asarray(array)

    def to_host(self, array: Any) -> np.ndarray:
        """Copy an array of the device to the host; waits for the kernels that write it."""
        return self.xp.asnumpy(array)

    def _function(self, entry: str) -> Any:
        """Return an entry point on the current device; not by RawModule, which compiles with -ftz=true."""
        number = self.xp.cuda.runtime.getDevice()
        if (number, entry) not in self._functions:
            file = next(file for file in cuda.files() if entry in cuda.entries(file))
            code, _ = self.xp.cuda.compiler.compile_using_nvrtc(cuda.source(file), cuda.OPTIONS)
            module = self.xp.cuda.function.Module()
            module.load(code)
            for name in cuda.entries(file):
                self._functions[number, name] = module.get_function(name)
        return self._functions[number, entry]

    def launch(
        self, entry: str, blocks: Blocks, threads: int, args: tuple[Any, ...], shared_bytes: int = 0
    ) -> None:
        """Run a kernel, compiled by NVRTC at its file's first launch: a tenth of a second, in every process."""
        grid = grid_of(blocks)
        if 0 not in grid:
            given = tuple(_argument(value) for value in args)
            self._function(entry)(grid, (threads,), given, shared_mem=shared_bytes)


def _argument(value: Any) -> Any:
    """Return `value` as CuPy passes it: 64 bits for a number, a null pointer for None, an array by its pointer."""
    if value is None:
        return np.uint64(0)
    if isinstance(value, int):
        return np.int64(value)
    return np.float64(value) if isinstance(value, float) else value


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise MissingDependencyError(f"the gpu backend needs CuPy ({error}): {INSTALL}") from error
    return cupy


def _device_names(cupy: Any) -> list[str]:
    """Return the names of the devices that CuPy sees.

    Raises
    ------
    MissingDependencyError : it sees none.
    """
    runtime = cupy.cuda.runtime
    try:
        count, why = runtime.getDeviceCount(), "it counts none"
    except runtime.CUDARuntimeError as error:
        count, why = 0, str(error)
    if count == 0:
        raise MissingDependencyError(f"the gpu backend needs a CUDA device, CuPy sees none ({why}): {CHECK}")
    return [_told(runtime.getDeviceProperties(number)) for number in range(count)]


def _told(properties: dict[str, Any]) -> str:
    memory = properties["totalGlobalMem"] / 2**30
    return f"{properties['name'].decode()} (sm_{properties['major']}{properties['minor']}, {memory:.1f} GiB)"


def _demand_compiler(cupy: Any) -> None:
    """Load NVRTC, which CuPy's wheels come without.

    Raises
    ------
    MissingDependencyError : it is not there.
    """
    try:
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, OSError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        raise MissingDependencyError(
            f"the gpu backend needs NVRTC, the compiler of CUDA ({why}): {INSTALL}"
        ) from error


def open_device() -> CupyDevice:
    """Return the current device of CuPy.

    Raises
    ------
    MissingDependencyError : CuPy is not installed, sees no device, or finds no NVRTC; the message says what to
        install or check.
    """
    cupy = _cupy()
    names = _device_names(cupy)
    _demand_compiler(cupy)
    return CupyDevice(cupy, names[cupy.cuda.runtime.getDevice()])


def cupy_version() -> str | None:
    """Return the version of CuPy, None where it is not installed; nothing is imported."""
    if find_spec("cupy") is None:
        return None
    for name in DISTRIBUTIONS:
        try:
            return f"{version(name)} ({name})"
        except PackageNotFoundError:
            continue
    return "of unknown version"


def cuda_versions() -> dict[str, int] | None:
    """Return the versions of CUDA that the driver and CuPy's runtime are of, 12090 for 12.9; None without CuPy.

    The driver's is 0 where there is none.
    """
    if cupy_version() is None:
        return None
    try:
        runtime = _cupy().cuda.runtime
    except MissingDependencyError:
        return None
    return {"driver": int(runtime.driverGetVersion()), "runtime": int(runtime.runtimeGetVersion())}


def device_names() -> list[str]:
    """Return the names of the devices that the gpu backend could use; none where CuPy is missing or sees none."""
    if cupy_version() is None:
        return []
    try:
        return _device_names(_cupy())
    except MissingDependencyError:
        return []
