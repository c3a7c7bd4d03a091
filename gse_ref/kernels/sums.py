"""Sums over runs of any length, tile by tile: in one order, whatever the compiler makes of it."""

from __future__ import annotations

from numba import njit

from .simd import accumulator, at, dot, moved

#: Widths of the tiles that a run of elements is cut into, widest first.
WIDE, HALF, NARROW, SMALL, SINGLE = 128, 64, 16, 8, 1


@njit(inline="always")
def ends(length):
    """Return where the tiles of each width but the last end in a run of `length` elements."""
    return length - length % WIDE, length - length % HALF, length - length % NARROW, length - length % SMALL


@njit(inline="always")
def inner(x, y, length, zero):
    """Return the sum of x[:length] * y[:length], tiles in the dtype of x, their sum in the dtype of `zero`."""
    wide, half, narrow, small = ends(length)
    total = zero
    for b in range(0, wide, WIDE):
        total += dot(at(x, b), at(y, b), WIDE)
    for b in range(wide, half, HALF):
        total += dot(at(x, b), at(y, b), HALF)
    for b in range(half, narrow, NARROW):
        total += dot(at(x, b), at(y, b), NARROW)
    for b in range(narrow, small, SMALL):
        total += dot(at(x, b), at(y, b), SMALL)
    for b in range(small, length):
        total += x[b] * y[b]
    return total


def accumulate(formula):
    """Return a function that adds the terms of a formula (see `accumulator`) to tiles of HALF lanes, over a run.

    It takes (outs, sources, scalars, length), the first three tuples; `add_up` of each of outs ends the sums.
    """
    word = accumulator(formula)

    @njit(inline="always")
    def run(outs, sources, scalars, length):
        full = length - length % HALF
        for b in range(0, full, HALF):
            word(outs, moved(sources, b), scalars, HALF, HALF)
        for b in range(full, length, NARROW):
            word(outs, moved(sources, b), scalars, min(NARROW, length - b), NARROW)

    return run


add_products = accumulate(lambda v, x, y: ((x, y),))
