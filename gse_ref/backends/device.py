"""What the gpu backend asks of a device: memory, an array library, launches; the tests have their own."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

#: Threads of a warp.
WARP = 32
#: A number of blocks, or up to three of them.
Blocks = int | tuple[int, ...]


class Device(Protocol):
    """A place where kernels run, and the arrays that live there."""

    name: str
    xp: Any
    """The array library of the device. Used of it: arithmetic, sort, cumsum, where, zeros, ascontiguousarray."""

    def holds(self, array: Any) -> bool:
        """Return whether `array` is an array of this device."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Return an uninitialised C-ordered array on the device."""
        ...

    def to_device(self, array: np.ndarray) -> Any:
        """Copy an array of the host to the device: a transfer that was asked for."""
        ...

    def to_host(self, array: Any) -> np.ndarray:
        """Copy an array of the device to the host: a transfer that was asked for."""
        ...

    def launch(
        self, entry: str, blocks: Blocks, threads: int, args: tuple[Any, ...], shared_bytes: int = 0
    ) -> None:
        """Run the entry point `entry` of a kernel of `cuda.KERNELS`.

        Parameters
        ----------
        entry : name of the kernel and, joined by ``_``, the dtype it is compiled for, e.g. ``spmm_float32``.
        blocks : how many blocks, along up to three axes; nothing is done where one of them is 0.
        threads : threads of a block, along one axis: a multiple of 32 wherever lanes of a warp work together.
        args : arrays of the device, C-ordered and of the dtypes of the kernel's pointers; None for a null pointer;
            int for ``long long``; float for ``double``. Kernels take no other types.
        shared_bytes : what ``extern __shared__ unsigned char shared_memory[]`` holds.
        """
        ...


def grid_of(blocks: Blocks) -> tuple[int, int, int]:
    """Return the number of blocks along each of three axes."""
    sides = (blocks,) if isinstance(blocks, int) else blocks
    return (*sides, 1, 1, 1)[:3]  # type: ignore[return-value]  # the slice has three


def ceil_div(size: int, by: int) -> int:
    """Return how many pieces of `by` cover `size`."""
    return -(-size // by)


def warps_for(size: int, most: int = 128) -> int:
    """Return how many threads, in whole warps, `size` neighbouring elements get: at least 32, at most `most`."""
    return min(most, max(1, ceil_div(size, WARP)) * WARP)


def admitted(device: Device, array: Any) -> Any:
    """Return `array` on the device, copied there if it is one of the host.

    The one place where the gpu backend takes what was drawn or stored on the host; `gpu.FROM_HOST` says of what.
    """
    return array if device.holds(array) else device.to_device(array)


def each(device: Device, kernel: str, size: int, args: tuple[Any, ...], threads: int = 128) -> None:
    """Launch a kernel that gives one thread to each of `size` elements; nothing is launched for none."""
    device.launch(kernel, ceil_div(size, threads), threads, args)


def ranks(device: Device, marks: Any) -> Any:
    """Return (size + 1,) int64: how many of `marks`, (size,) int64 of 0 or 1, lie before each; last, all."""
    before = device.xp.zeros(len(marks) + 1, "int64")
    if len(marks):
        device.xp.cumsum(marks, out=before[1:])
    return before
