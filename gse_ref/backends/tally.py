"""What is counted of an algorithm, and how two counts add up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any


@dataclass(frozen=True)
class Tally:
    """Work of an algorithm, exact integers.

    An element of an array is counted each time that the algorithm loads or stores it; what fits registers (a
    running sum, a loop bound, the element just loaded) is not counted again. A compiled kernel works on tiles: it
    loads some elements more rarely and some more often, by constant factors.

    Attributes
    ----------
    multiply_adds : a·b + c, or a sum, difference or product alone, of floating-point numbers.
    bytes_read, bytes_written : elements loaded and stored, in bytes, those of scratch and the zeros of a new array
        included.
    random_numbers : numbers drawn from a generator.
    moves : comparisons of elements, and moves of an entry to its place or bucket.
    allocations : arrays made. largest_allocation : bytes of the largest single one, scratch included.
    calls : how many operations these are the counts of.
    """

    multiply_adds: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    random_numbers: int = 0
    moves: int = 0
    allocations: int = 0
    largest_allocation: int = 0
    calls: int = 0

    def __add__(self, other: Tally) -> Tally:
        sums = {name: mine + getattr(other, name) for name, mine in vars(self).items()}
        return Tally(**{**sums, "largest_allocation": max(self.largest_allocation, other.largest_allocation)})


def total(*parts: Tally) -> Tally:
    """Return the sum of the parts; the largest allocation is that of the largest."""
    return reduce(add, parts, Tally())


def arrays(*sizes: Any) -> Tally:
    """Return the tally of making arrays of these sizes in bytes, whatever is written to them."""
    return Tally(allocations=len(sizes), largest_allocation=max((int(size) for size in sizes), default=0))


def work(multiply_adds: Any = 0, read: Any = 0, written: Any = 0, moves: Any = 0) -> Tally:
    """Return the tally of loads, stores and operations; NumPy integers become Python's."""
    return Tally(int(multiply_adds), int(read), int(written), moves=int(moves))
