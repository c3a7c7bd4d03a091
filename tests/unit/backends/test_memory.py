"""Activations start on a cache line; what is already there is not copied."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.backends import aligned, empty
from gse_ref.backends.memory import ALIGNMENT


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
