"""The gpu backend's dealings with a device: what it takes from the host, what it refuses, what it reads back."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from gse_ref.backends import get, gpu
from gse_ref.backends.device import ceil_div, grid_of, ranks, warps_for
from gse_ref.errors import InputError
from tests.contract.test_backends import some_product
from tests.host_cuda.build import needs_compiler
from tests.host_cuda.device import HostDevice


class Elsewhere(np.ndarray):
    """Stands for an array of a device: NumPy's functions give it back, but it is told from NumPy's own."""


class Remote(HostDevice):
    """A device whose arrays are told from those of the host, and which counts the transfers."""

    name = "a device elsewhere"

    def __init__(self) -> None:
        super().__init__()
        self.transfers: Counter[str] = Counter()
        self.xp = Library()

    def holds(self, array: Any) -> bool:
        return isinstance(array, Elsewhere)

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        return super().empty(shape, dtype).view(Elsewhere)

    def to_device(self, array: np.ndarray) -> Any:
        assert not self.holds(array)
        self.transfers["to device"] += array.size
        return super().to_device(array).view(Elsewhere)

    def to_host(self, array: Any) -> np.ndarray:
        assert self.holds(array)
        self.transfers["to host"] += array.size
        return super().to_host(array).view(np.ndarray)

    def launch(self, entry: str, blocks: Any, threads: int, args: tuple[Any, ...], shared_bytes: int = 0) -> None:
        arrays = [value for value in args if isinstance(value, np.ndarray)]
        assert all(map(self.holds, arrays)), f"{entry} got an array of the host"
        super().launch(entry, blocks, threads, args, shared_bytes)


class Library:
    """NumPy, but what it makes is elsewhere; it has only what the gpu backend may ask of a library."""

    def __getattr__(self, name: str) -> Any:
        allowed = {"sort", "cumsum", "where", "zeros", "full", "ascontiguousarray"}
        assert name in allowed, f"device.xp.{name} is not among what a Device promises"
        function = getattr(np, name)
        return lambda *args, **kwargs: np.asanyarray(function(*args, **kwargs)).view(Elsewhere)


def there(value: Any) -> Any:
    """Return `value` with its arrays on the device."""
    if isinstance(value, np.ndarray):
        return value.view(Elsewhere)
    if isinstance(value, tuple):
        parts = [there(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def flat(value: Any) -> list[Any]:
    return [part for item in value for part in flat(item)] if isinstance(value, tuple) else [value]


NAIVE = get("naive")
TOPOLOGY, VALUES, X, DY, BIAS = some_product(np.float32)
PATTERN = (TOPOLOGY.indptr, TOPOLOGY.indices)
PLAN = NAIVE.transpose_index(*PATTERN, TOPOLOGY.n_in)
SIGNS, UNIFORMS, MASS = np.where(np.arange(20) % 3, 1.0, -1.0), np.linspace(0, 0.99, 9), np.arange(1.0, 8)
NONE = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32)
FEATURES, ORDER = np.arange(12, dtype=np.uint8).reshape(4, 3), np.array([2, 0, 2, 3, 1])
SCALE = np.array([1.0, 0.5, 2.0])
CALLS: dict[str, tuple[Any, ...]] = {
    "spmm": (*PATTERN, VALUES, X, BIAS),
    "spmm_t": (PLAN, VALUES, DY),
    "spmm_backward": (PLAN, VALUES, X, DY),
    "sddmm": (*PATTERN, DY, X),
    "sddmm_pairs": (TOPOLOGY.rows, TOPOLOGY.indices, DY, X),
    "gradient_rows": (DY, X),
    "relu_backward": (X, X),
    "gather": (FEATURES, ORDER, SCALE, 0.5, np.dtype(np.float32)),
    "abs_sums": (X,),
    "signed_sums": (X, SIGNS),
    "alias_table": (MASS,),
    "alias_draw": (NAIVE.alias_table(MASS), UNIFORMS),
    "candidates": (TOPOLOGY.rows, TOPOLOGY.indices[::-1].copy(), *PATTERN, TOPOLOGY.n_in),
    "inactive": (*PATTERN, TOPOLOGY.n_in),
    "top_k": (VALUES, 3),
    "merge": (*PATTERN, *NONE),
    "carry": (VALUES, np.arange(TOPOLOGY.nnz, dtype=np.int32), TOPOLOGY.nnz),
    "transpose_index": (*PATTERN, TOPOLOGY.n_in),
}


@needs_compiler
@pytest.mark.parametrize("function", CALLS)
def test_everything_stays_on_the_device(function: str) -> None:
    device = Remote()
    result = getattr(gpu.backend_on(device), function)(*there(CALLS[function]))
    assert all(map(device.holds, flat(result)))
    expected = {"to host": 1} if function == "candidates" else {}  # how many there are
    assert device.transfers == expected
    for actual, wanted in zip(flat(result), flat(getattr(NAIVE, function)(*CALLS[function])), strict=True):
        assert (actual.shape, actual.dtype) == (wanted.shape, wanted.dtype)


@pytest.mark.parametrize("function", CALLS)
def test_an_array_of_the_host_is_refused(function: str) -> None:
    backend = gpu.backend_on(Remote())
    for position, value in enumerate(CALLS[function]):
        if position in gpu.FROM_HOST.get(function, ()) or not any(isinstance(v, np.ndarray) for v in flat(value)):
            continue
        args = [there(v) if at != position else v for at, v in enumerate(CALLS[function])]
        with pytest.raises(InputError, match=rf"{function} .* NumPy array .* cupy.asarray"):
            getattr(backend, function)(*args)


def test_an_array_of_the_host_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"spmm .* float32\(5,\)"):
        gpu.backend_on(Remote()).spmm(*there((*PATTERN, VALUES, X)), bias=BIAS)


@needs_compiler
@pytest.mark.parametrize("function", sorted(gpu.FROM_HOST.keys() & CALLS.keys()))
def test_what_is_drawn_or_stored_on_the_host_is_copied_at_the_door(function: str) -> None:
    device, doors = Remote(), gpu.FROM_HOST[function]
    args = [v if at in doors else there(v) for at, v in enumerate(CALLS[function])]
    actual = getattr(gpu.backend_on(device), function)(*args)
    np.testing.assert_array_equal(actual, getattr(gpu.backend_on(HostDevice()), function)(*CALLS[function]))
    copied = {"gather": ORDER.size * 3 + ORDER.size + 3, "signed_sums": SIGNS.size, "alias_draw": UNIFORMS.size}
    assert device.transfers == {"to device": copied[function]}, "a batch is copied, not the data set"


@needs_compiler
def test_what_may_come_from_the_host_may_come_by_name() -> None:
    device = Remote()
    mass = gpu.backend_on(device).signed_sums(signs=SIGNS, x=there(X))
    np.testing.assert_array_equal(mass, gpu.backend_on(HostDevice()).signed_sums(X, SIGNS))
    with pytest.raises(InputError, match="signed_sums"):
        gpu.backend_on(device).signed_sums(signs=SIGNS, x=X)


class Flushing(np.ndarray):
    """Compares as CuPy does float32: subnormal numbers are zeros."""

    def __gt__(self, other: Any) -> Any:
        return np.where(np.abs(self) < np.finfo(self.dtype).smallest_normal, 0, self).view(np.ndarray) > other


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_passes_the_gradient_of_a_subnormal_output(dtype: type) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    y = np.array([tiny, -tiny, 0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, -np.nan, np.inf, -np.inf], dtype)
    y[-2:].view(f"uint{8 * y.itemsize}")[:] += 1  # the NaNs whose bits follow those of infinity
    dy = np.arange(1, y.size + 1, dtype=dtype)
    dx = gpu.backend_on(HostDevice()).relu_backward(y.view(Flushing), dy)
    np.testing.assert_array_equal(dx, NAIVE.relu_backward(y, dy), strict=True)


@pytest.mark.parametrize(("blocks", "grid"), [(7, (7, 1, 1)), ((2, 3), (2, 3, 1)), ((2, 3, 4), (2, 3, 4))])
def test_grids(blocks: Any, grid: tuple[int, ...]) -> None:
    assert grid_of(blocks) == grid


def test_sizes() -> None:
    assert [ceil_div(size, 4) for size in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]
    assert [warps_for(size) for size in (0, 1, 32, 33, 96, 97, 1000)] == [32, 32, 32, 64, 96, 128, 128]


def test_ranks_count_what_lies_before() -> None:
    assert ranks(HostDevice(), np.array([1, 0, 1, 1])).tolist() == [0, 1, 1, 2, 3]
    assert ranks(HostDevice(), np.empty(0, np.int64)).tolist() == [0]
