"""The gpu backend's changes of a pattern: merge, carrying of values, transpose index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .api import TransposePlan
from .device import Device, each, ranks


def _merge(
    device: Device, indptr: Any, indices: Any, pruned: Any, grown_rows: Any, grown_cols: Any
) -> tuple[Any, Any, Any]:
    n_out, nnz, grown = len(indptr) - 1, len(indices), len(grown_rows)
    kept = device.xp.full(nnz, 1, "int64")
    each(device, "mark_pruned", len(pruned), (pruned.astype("int64"), kept, len(pruned)))
    rank = ranks(device, kept)
    new_indptr, target = device.empty(indptr.shape, "int64"), device.empty((nnz,), "int32")
    new_indices = device.empty((nnz - len(pruned) + grown,), "int32")
    pairs = (grown_rows, grown_cols)
    each(device, "place_survivors", nnz, (indptr, indices, rank, *pairs, new_indices, target, n_out, nnz, grown))
    each(device, "place_grown", grown, (indptr, indices, rank, *pairs, new_indices, grown))
    each(device, "merged_starts", n_out + 1, (indptr, rank, grown_rows, new_indptr, n_out, grown))
    return new_indptr, new_indices, target


def _carry(device: Device, values: Any, target: Any, size: int) -> Any:
    moved = device.xp.zeros(size, values.dtype)
    each(device, f"carry_{values.dtype}", len(values), (values, target, moved, len(values)))
    return moved


def _transpose_index(device: Device, indptr: Any, indices: Any, n_in: int) -> TransposePlan:
    """Sort (column, slot) as one integer: a radix sort is a counting sort for each of its digits."""
    n_out, nnz = len(indptr) - 1, len(indices)
    keys = device.empty((nnz,), "int64")
    each(device, "column_keys", nnz, (indices, keys, nnz))
    keys = device.xp.sort(keys)
    starts, entries = device.empty((n_in + 1,), "int64"), [device.empty((nnz,), "int32") for _ in range(3)]
    each(device, "transposed_starts", n_in + 1, (keys, starts, n_in, nnz))
    each(device, "transposed_entries", nnz, (keys, indptr, *entries, n_out, nnz))
    return TransposePlan(starts, *entries)


#: Each takes the device and then what the specification says.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "merge": _merge,
    "carry": _carry,
    "transpose_index": _transpose_index,
}
