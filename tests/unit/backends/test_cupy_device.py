"""The CuPy device without CuPy: what it says where something is missing, and what it asks of CuPy (a stand-in)."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gse_ref.backends import cuda, cupy_device, get, select
from gse_ref.backends.cupy_device import CupyDevice, cupy_version, device_names, open_device
from gse_ref.backends.gpu_facts import facts
from gse_ref.errors import MissingDependencyError


class NoDevice(Exception):
    """Stands for CuPy's CUDARuntimeError."""


class Module:
    """Stands for CuPy's Module; remembers what was launched."""

    launches: list[tuple[Any, ...]]

    def load(self, code: bytes) -> None:
        assert code == b"machine code"

    def get_function(self, name: str) -> Any:
        return lambda grid, block, args, shared_mem: self.launches.append((name, grid, block, args, shared_mem))


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """CuPy with two devices, of which the second is current."""
    module = ModuleType("cupy")
    kind = type("Module", (Module,), {"launches": []})
    made: list[tuple[Any, ...]] = []

    def compile_using_nvrtc(*given: Any) -> tuple[bytes, None]:
        made.append(given)
        return b"machine code", None

    runtime = SimpleNamespace(
        CUDARuntimeError=NoDevice,
        getDeviceCount=lambda: 2,
        getDevice=lambda: 1,
        getDeviceProperties=lambda number: {
            "name": f"GPU {number}".encode(),
            "major": 9,
            "minor": number,
            "totalGlobalMem": 80 << 30,
        },
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 12090,
    )
    module.__dict__.update(
        __spec__=SimpleNamespace(),
        ndarray=np.ma.MaskedArray,
        made=made,
        cuda=SimpleNamespace(
            runtime=runtime,
            nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)),
            compiler=SimpleNamespace(compile_using_nvrtc=compile_using_nvrtc),
            function=SimpleNamespace(Module=kind),
        ),
        empty=np.ma.empty,
        asarray=np.ma.asarray,
        asnumpy=np.asarray,
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.fixture
def without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(cupy_device, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_cupy")
def test_without_cupy() -> None:
    with pytest.raises(
        MissingDependencyError, match=r"needs CuPy .* pip install gse_ref\[gpu\] .* cupy-cuda13x\[ctk\]"
    ):
        get("gpu")
    assert cupy_version() is None
    assert facts()["cuda"] is None
    assert device_names() == []


def _raise() -> int:
    raise NoDevice("cudaErrorNoDevice: no CUDA-capable device is detected")


@pytest.mark.parametrize(("count", "why"), [(_raise, "cudaErrorNoDevice"), (lambda: 0, "it counts none")])
def test_without_a_device(cupy: ModuleType, count: Any, why: str) -> None:
    cupy.cuda.runtime.getDeviceCount = count
    with pytest.raises(MissingDependencyError, match=rf"CuPy sees none \({why}.*nvidia-smi") as caught:
        get("gpu")
    assert caught.value.exit_code == 3
    assert device_names() == []


def test_without_the_compiler(cupy: ModuleType) -> None:
    def missing() -> tuple[int, int]:
        raise RuntimeError('Failure finding "libnvrtc.so.12": No such file\nsearched in many places')

    cupy.cuda.nvrtc.getVersion = missing
    with pytest.raises(MissingDependencyError, match=r"needs NVRTC.*libnvrtc.so.12.*file\): pip install gse_ref"):
        get("gpu")


def test_the_current_device_is_opened(cupy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_names() == ["GPU 0 (sm_90, 80.0 GiB)", "GPU 1 (sm_91, 80.0 GiB)"]
    assert facts()["cuda"] == {"driver": 13000, "runtime": 12090}
    device = open_device()
    assert (device.name, device.xp) == ("GPU 1 (sm_91, 80.0 GiB)", cupy)
    monkeypatch.setattr(select, "_loaded", {})
    assert get("gpu").name == "gpu"


def test_the_version_is_that_of_whatever_wheel_is_installed(cupy: ModuleType, monkeypatch) -> None:
    def version(name: str) -> str:
        if name != "cupy-cuda13x":
            raise cupy_device.PackageNotFoundError(name)
        return "14.1"

    assert cupy_version() == "of unknown version"
    monkeypatch.setattr(cupy_device, "version", version)
    assert cupy_version() == "14.1 (cupy-cuda13x)"


def test_arrays(cupy: ModuleType) -> None:
    device = CupyDevice(cupy, "GPU")
    made = device.empty((2, 3), "float32")
    assert device.holds(made)
    assert (made.shape, made.dtype) == ((2, 3), np.float32)
    assert not device.holds(np.zeros(3))
    assert device.holds(device.to_device(np.zeros(3)))
    assert not device.holds(device.to_host(made))


def test_a_launch_compiles_its_file_once_and_types_its_numbers(cupy: ModuleType) -> None:
    device, array = CupyDevice(cupy, "GPU"), np.ma.zeros(3)
    for entry in ("spmm_float32", "spmm_float32", "spmm_t_float64", "alias_table"):
        device.launch(entry, (4, 5), 64, (array, None, 3, 0.5), shared_bytes=16)
    device.launch("spmm_float32", (0, 5), 64, ())
    made, launches = cupy.made, cupy.cuda.function.Module.launches
    assert made == [(cuda.source(file), cuda.OPTIONS) for file in ("products", "alias")]
    assert [row[0] for row in launches] == ["spmm_float32", "spmm_float32", "spmm_t_float64", "alias_table"]
    _, grid, block, args, shared = launches[0]
    assert (grid, block, shared) == ((4, 5, 1), (64,), 16)
    assert args[0] is array
    assert [(type(value), value) for value in args[1:]] == [(np.uint64, 0), (np.int64, 3), (np.float64, 0.5)]


def test_a_function_is_that_of_the_current_device(cupy: ModuleType) -> None:
    device = CupyDevice(cupy, "GPU")
    for number in (0, 1, 0):
        cupy.cuda.runtime.getDevice = lambda number=number: number
        device.launch("alias_table", 1, 1, ())
    assert [code for code, _ in cupy.made] == [cuda.source("alias")] * 2
