"""Refuse beforehand what would make dense more than fits into memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..backends import available_memory
from ..errors import InputError
from ..explore import DENSE, Method
from ..nn import SparseParameter

#: Bytes of a connection besides its numbers: column, row, and the transpose plan's row, slot and place.
STRUCTURE = 20


def dense_bytes(method: Method, sizes: Iterable[int], dtype: np.dtype, slots: int) -> int:
    """Return at least how many bytes a method takes for what it makes dense.

    Parameters
    ----------
    sizes : possible connections of each sparse layer.
    slots : numbers that the optimizer keeps for each weight.
    """
    numbers = method.dense_arrays + (2 + slots if method.dense_start else 0)  # weight and gradient
    return sum(sizes) * (numbers * dtype.itemsize + (STRUCTURE if method.dense_start else 0))


def require_room(name: str, method: Method, parameters: Iterable[SparseParameter], slots: int) -> None:
    """Raise InputError, with the size, if what the method `name` makes dense exceeds the memory that is free."""
    layers = list(parameters)
    needed = dense_bytes(method, (p.topology.size for p in layers), layers[0].dtype, slots)
    free = available_memory()
    if needed > free:
        what = DENSE[method.densifies]
        raise InputError(
            f"{name} makes something dense ({what}), which takes at least {needed / 1e9:,.1f} GB; "
            f"{free / 1e9:,.1f} GB are free: lower the widths, or choose a method that makes nothing dense"
        )
