"""Counts of what training does outside the backend: the optimizer's step, and random numbers from the generator."""

from __future__ import annotations

from .tally import Tally, arrays, total, work

#: Elements that an optimizer updates at a time: its scratch is no larger.
BLOCK = 1 << 15


def sgd_step(
    size: int, itemsize: int = 4, momentum: bool = True, decay: bool = True, nesterov: bool = False
) -> Tally:
    """Return the tally of one SGD step on a parameter of `size` elements, as NumPy makes it, pass by pass.

    Each of w - rate·v, momentum·v + g, decay·w + g and g + momentum·v is a pass that scales and one that adds: two
    operations an element, three loads, two stores. A block of at most `BLOCK` elements at a time, with a scratch
    array, and two more where nesterov (or decay without momentum) makes its sums in new ones.
    """
    pairs = 1 + momentum + decay + nesterov
    scratch = 1 + 2 * (nesterov if momentum else decay)
    sizes = [min(BLOCK, size - start) * itemsize for start in range(0, max(size, 1), BLOCK)]
    passes = work(2 * pairs * size, 3 * pairs * size * itemsize, 2 * pairs * size * itemsize)
    return total(passes, arrays(*sizes * scratch), Tally(calls=1))


def random_numbers(count: int, itemsize: int = 8) -> Tally:
    """Return the tally of one array of `count` random numbers: uniforms of a draw (8 bytes each) or integers."""
    drawn = Tally(random_numbers=count, bytes_written=count * itemsize, calls=1)
    return drawn + arrays(count * itemsize)


def signs(count: int) -> Tally:
    """Return the tally of `count` signs: integers 0 or 1, doubled, less one, each in a new array."""
    passes = work(2 * count, 2 * 8 * count, 2 * 8 * count)
    return total(random_numbers(count), passes, arrays(8 * count, 8 * count))
