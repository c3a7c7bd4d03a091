"""What a golden vector is made of, and short ways to write its inputs down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...rng import stream
from ..problems import Pattern, Weights

Array = np.ndarray

Row = Sequence[float | None]

#: What a flag says of the vectors that carry it.
FLAGS = {
    "typical": "nothing special: the first to try",
    "corner": "an empty row, nothing at all, everything, one unit, one sample",
    "explicit-zeros": "connections whose weight is 0",
    "not-finite": "NaN or infinity among the inputs",
    "int32": "edge ids beyond 2³¹",
    "ties": "equal scores or weights, told apart by position",
    "rounding": "floats that use their whole mantissa",
    "published": "a fault found in published code",
}


class Recipe(NamedTuple):
    """A vector without its results; arguments in the order of the adapter protocol, the batch last.

    id, comment, note, section, flags, operation : as of `Vector`.
    only : the results that are determined, by name; all if empty.
    """

    id: str
    comment: str
    note: str
    section: str
    flags: tuple[str, ...]
    operation: str
    arguments: tuple[Any, ...]
    only: tuple[str, ...] = ()


def floats(values: Any) -> Array:
    """Return an array of floats that an implementation may hold in float32 or in float64."""
    return np.array(values, np.float32)


def ints(values: Any) -> Array:
    """Return an array of integers."""
    return np.array(values, np.int64)


def pattern(rows: Sequence[Sequence[int]], n_in: int) -> Pattern:
    """Return connections, given the columns of each row."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Pattern(indptr, ints([j for row in rows for j in row]), (len(rows), n_in))


def weights(*rows: Row) -> Weights:
    """Return a layer, given as a dense matrix with None where nothing is connected."""
    columns = [[j for j, value in enumerate(row) if value is not None] for row in rows]
    values = floats([value for row in rows for value in row if value is not None])
    return Weights(*pattern(columns, len(rows[0]))[:2], values, (len(rows), len(rows[0])))


def pattern_of(*rows: Row) -> Pattern:
    """Return the connections of a layer, given as a dense matrix with None where nothing is connected."""
    return weights(*rows).pattern


def _bits(count: int, seed: int) -> Array:
    """Return random 64-bit integers; a bit generator, unlike what is made of its bits, never changes its stream."""
    return np.asarray(stream(seed, "check").bit_generator.random_raw(count), np.uint64)


def eighths(shape: tuple[int, ...], seed: int) -> Array:
    """Return multiples of 1/8 between -2 and 2, none of them 0: their sums are exact in any order."""
    bits = _bits(math.prod(shape), seed)
    return floats((bits % 16 + 1.0) * np.where(bits >> 63, 1, -1) / 8).reshape(shape)


def signs(shape: tuple[int, ...], seed: int) -> Array:
    """Return ±1, float64."""
    return np.where(_bits(math.prod(shape), seed) >> 63, 1.0, -1.0).reshape(shape)


def drawn(shape: tuple[int, ...], seed: int) -> Array:
    """Return float32 numbers between -1 and 1 with 24 bits."""
    return floats((_bits(math.prod(shape), seed) >> 39) / 2.0**24 - 1 + 2.0**-24).reshape(shape)


def uniforms(count: int, seed: int) -> Array:
    """Return odd multiples of 1/64: they stand on no threshold of a table of few slots."""
    return (_bits(count, seed) % 32 * 2 + 1) / 64


def scattered(shape: tuple[int, int], every: int, seed: int) -> Weights:
    """Return a layer of which one connection in `every` is there, with multiples of 1/8."""
    mask = (_bits(math.prod(shape), seed) % every == 0).reshape(shape)
    columns = [np.flatnonzero(row).tolist() for row in mask]
    return Weights(*pattern(columns, shape[1])[:2], eighths((int(mask.sum()),), seed + 1), shape)
