"""Activations start on a cache line; what is already there is not copied."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest

from gse_ref.backends import aligned, empty, keep_freed_memory
from gse_ref.backends.memory import ALIGNMENT, STREAMED, streamed


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 5), (7, 0), (2, 3, 4), (33, 17)])
def test_empty_is_aligned_ordered_and_writable(shape: tuple[int, ...], dtype: type) -> None:
    kept = [empty(shape, dtype) for _ in range(8)]
    for array in kept:
        assert (array.shape, array.dtype) == (shape, dtype)
        assert address(array) % ALIGNMENT == 0
        assert array.flags.c_contiguous
        assert array.flags.aligned
    for number, array in enumerate(kept):
        array[...] = number
    assert all((array == number).all() for number, array in enumerate(kept)), "arrays overlap"


def test_aligned_returns_what_is_aligned() -> None:
    array = empty((4, 16), np.float32)
    assert aligned(array) is array
    readonly = array.view()
    readonly.flags.writeable = False
    assert aligned(readonly) is readonly


@pytest.mark.parametrize(
    "lay",
    [
        lambda a: a[:, 1:],
        lambda a: a[:, ::2],
        lambda a: a.T,
        lambda a: np.asfortranarray(a),
        lambda a: a.reshape(-1)[1:17].reshape(4, 4),
        lambda a: np.broadcast_to(a[0], (4, 16)),
    ],
)
def test_aligned_copies_everything_else(lay) -> None:
    array = empty((4, 16), np.float32)
    array[...] = np.arange(64).reshape(4, 16)
    given = lay(array)
    copy = aligned(given)
    assert not np.shares_memory(copy, array)
    assert address(copy) % ALIGNMENT == 0
    assert copy.flags.c_contiguous
    assert copy.dtype == given.dtype
    np.testing.assert_array_equal(copy, given)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_kept_for_the_next_array() -> None:
    """Repeating a 64 MB allocation maps its pages anew each time, unless freed memory is kept."""
    code = (
        "import resource, sys, numpy as np\n"
        "from gse_ref.backends import keep_freed_memory\n"
        "assert sys.argv[1] == 'default' or keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(3): np.ones(1 << 23)\n"
        "before = faults()\n"
        "for _ in range(5): np.ones(1 << 23)\n"
        "print(faults() - before)"
    )
    faults = {}
    for mode in ("default", "kept"):
        done = subprocess.run([sys.executable, "-c", code, mode], capture_output=True, text=True, check=True)
        faults[mode] = int(done.stdout)
    assert 10 * faults["kept"] < faults["default"]


def test_without_glibc_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False


@pytest.mark.parametrize(
    ("elements", "run", "dtype", "expected"),
    [
        (STREAMED // 4, 16, np.float32, True),
        (STREAMED // 4 - 16, 16, np.float32, False),
        (STREAMED // 4, 8, np.float32, False),
        (STREAMED // 8, 8, np.float64, True),
        (STREAMED // 4 + 17, 17, np.float32, False),
    ],
)
def test_large_results_with_aligned_runs_are_streamed(elements: int, run: int, dtype: type, expected: bool) -> None:
    assert streamed(empty((elements,), dtype), run) is expected
