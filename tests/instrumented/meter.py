"""Arrays that count each load and store of an element, and arithmetic that counts itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gse_ref.backends.counting import Tally


class Metered:
    """An array of which single elements are loaded and stored, each counted with its bytes."""

    def __init__(self, array: np.ndarray, meter: Meter) -> None:
        self.array, self.meter, self.item = array, meter, array.itemsize

    def __getitem__(self, index: Any) -> Any:
        self.meter.bytes_read += self.item
        return self.array[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self.meter.bytes_written += self.item
        self.array[index] = value

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


class Meter:
    """Counts what literal loops do: they can reach elements and operations only through it."""

    def __init__(self) -> None:
        self.multiply_adds = self.bytes_read = self.bytes_written = 0
        self.moves = self.allocations = self.largest_allocation = 0

    def over(self, *arrays: np.ndarray) -> list[Metered]:
        """See arguments through the meter."""
        return [Metered(array, self) for array in arrays]

    def empty(self, shape: Any, dtype: Any) -> Metered:
        array = np.empty(shape, dtype)
        self.allocations += 1
        self.largest_allocation = max(self.largest_allocation, array.nbytes)
        return Metered(array, self)

    def full(self, shape: Any, dtype: Any, value: Any = 0) -> Metered:
        made = self.empty(shape, dtype)
        for index in np.ndindex(*made.shape):
            made[index] = value
        return made

    def fma(self, a: float, b: float, c: float) -> float:
        self.multiply_adds += 1
        return a * b + c

    def add(self, a: float, b: float) -> float:
        self.multiply_adds += 1
        return a + b

    def times(self, a: float, b: float) -> float:
        self.multiply_adds += 1
        return a * b

    def less(self, a: Any, b: Any) -> bool:
        self.moves += 1
        return a < b

    def equal(self, a: Any, b: Any) -> bool:
        self.moves += 1
        return a == b

    def move(self) -> None:
        self.moves += 1

    def tally(self, calls: int) -> Tally:
        return Tally(**vars(self), calls=calls)


def root(value: float) -> float:
    """A channel's own operation, which is not counted."""
    return math.sqrt(value)
