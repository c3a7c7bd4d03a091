"""The gpu backend's part of exploration: masses, alias tables and draws, candidates, selection.

Sorting and running counts are the array library's. The keys it sorts are integers, and nothing depends on the order
of equal ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .api import AliasTable, Pairs
from .device import WARP, Device, admitted, each, ranks, warps_for


def _row_sums(device: Device, kernel: str, x: Any, *signs: Any) -> Any:
    mass = device.empty((len(x),), "float64")
    threads = warps_for(x.shape[1])
    args = (device.xp.ascontiguousarray(x), *signs, mass, x.shape[1])
    device.launch(f"{kernel}_{x.dtype}", len(x), threads, args, shared_bytes=threads // WARP * 8)
    return mass


def _abs_sums(device: Device, x: Any) -> Any:
    return _row_sums(device, "abs_sums", x)


def _signed_sums(device: Device, x: Any, signs: Any) -> Any:
    return _row_sums(device, "signed_sums", x, device.xp.ascontiguousarray(admitted(device, signs)))


def _alias_table(device: Device, mass: Any) -> AliasTable:
    n = len(mass)
    table = AliasTable(device.empty((n,), "float64"), device.empty((n,), "int32"))
    scratch = device.empty((n,), "float64"), device.empty((n,), "int32")
    device.launch("alias_table", 1, 1, (mass, scratch[0], *table, scratch[1], n))
    return table


def _alias_draw(device: Device, table: AliasTable, uniforms: Any) -> Any:
    uniforms = device.xp.ascontiguousarray(admitted(device, uniforms))
    slots = device.empty(uniforms.shape, "int32")
    args = (table.threshold, table.alias, uniforms, slots, len(table.threshold), len(uniforms))
    each(device, "alias_draw", len(uniforms), args)
    return slots


def _candidates(device: Device, rows: Any, cols: Any, indptr: Any, indices: Any, n_in: int) -> Pairs:
    """How many there are decides the size of the results: one number is read from the device for it."""
    size = len(rows)
    ids, is_new = device.empty((size,), "int64"), device.empty((size,), "int64")
    each(device, "edge_ids", size, (rows, cols, ids, n_in, size))
    ids = device.xp.sort(ids)
    each(device, "mark_new", size, (ids, indptr, indices, is_new, n_in, size))
    rank = ranks(device, is_new)
    count = int(device.to_host(rank[size:])[0])
    new_rows, new_cols = device.empty((count,), "int32"), device.empty((count,), "int32")
    each(device, "write_marked", size, (ids, rank, new_rows, new_cols, n_in, size))
    return new_rows, new_cols


def _inactive(device: Device, indptr: Any, indices: Any, n_in: int) -> Pairs:
    size = (len(indptr) - 1) * n_in
    count = size - len(indices)
    rows, cols = device.empty((count,), "int32"), device.empty((count,), "int32")
    each(device, "inactive", size, (indptr, indices, rows, cols, n_in, size))
    return rows, cols


def _top_k(device: Device, scores: Any, k: int) -> Any:
    size = len(scores)
    positions = device.empty((k,), "int64")
    if k == 0:
        return positions
    keys, above, tied = (device.empty((size,), "int64") for _ in range(3))
    each(device, f"ordered_keys_{scores.dtype}", size, (device.xp.ascontiguousarray(scores), keys, size))
    highest = device.xp.sort(keys)[size - k : size - k + 1]
    each(device, "compare_keys", size, (keys, highest, above, tied, size))
    args = (ranks(device, above), ranks(device, tied), positions, k, size)
    each(device, "write_selected", size, args)
    return positions


#: Each takes the device and then what the specification says.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "abs_sums": _abs_sums,
    "signed_sums": _signed_sums,
    "alias_table": _alias_table,
    "alias_draw": _alias_draw,
    "candidates": _candidates,
    "inactive": _inactive,
    "top_k": _top_k,
}
