"""Initial connectivity: patterns drawn in O(n + nnz) (ALGORITHM section 3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backends import active
from ..errors import InputError
from .edit import edit
from .sampling import sample_inactive, sample_inactive_in_rows
from .topology import Topology, checked_shape

#: (shape, nnz, generator) → topology.
Pattern = Callable[[tuple[int, int], int, np.random.Generator], Topology]


def empty(shape: tuple[int, int]) -> Topology:
    """Return the topology without connections."""
    n_out, n_in = checked_shape(shape)
    return Topology(np.zeros(n_out + 1, np.int64), np.empty(0, np.int32), (n_out, n_in))


def full(shape: tuple[int, int]) -> Topology:
    """Return the topology with every connection; O(n_out · n_in) by its nature."""
    n_out, n_in = checked_shape(shape)
    return Topology(np.arange(n_out + 1, dtype=np.int64) * n_in, np.tile(np.arange(n_in), n_out), shape)


def _room_for(shape: tuple[int, int], nnz: int) -> Topology:
    """Return the topology without connections, or raise InputError if the layer cannot hold `nnz`."""
    nothing = empty(shape)
    if not 0 <= nnz <= nothing.size:
        raise InputError(f"a layer of shape {shape} holds 0 to {nothing.size} connections, asked for {nnz}")
    return nothing


def erdos_renyi(shape: tuple[int, int], nnz: int, generator: np.random.Generator) -> Topology:
    """Return G(n, M): `nnz` connections uniformly without replacement; above half density by its complement.

    Raises
    ------
    InputError : `nnz` is negative or exceeds n_out · n_in.
    """
    nothing = _room_for(shape, nnz)
    if 2 * nnz <= nothing.size:
        [(rows, cols)] = sample_inactive([nothing], nnz, generator)
        return Topology.from_edges(rows, cols, shape)
    [(rows, cols)] = sample_inactive([nothing], nothing.size - nnz, generator)
    absent = Topology.from_edges(rows, cols, shape)
    [(rows, cols)] = sample_inactive([absent], nnz, generator)
    return Topology.from_edges(rows, cols, shape)


def bernoulli(shape: tuple[int, int], probability: float, generator: np.random.Generator) -> Topology:
    """Return G(n, p): each connection with `probability`, so nnz itself is binomial.

    Raises
    ------
    InputError : the probability is outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise InputError(f"probability must lie in [0, 1], got {probability}")
    return erdos_renyi(shape, int(generator.binomial(shape[0] * shape[1], probability)), generator)


def _windows(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return start, start + 1, … for each row in turn, (Σ lengths,) int64."""
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum()), dtype=np.int64) + np.repeat(starts - before, lengths)


def _nearest(shape: tuple[int, int], nnz: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each output unit where its window of nearest inputs starts and how many it has, (n_out,) int64.

    Numbers differ by at most one, the larger ones spread evenly. Unit i sits at (i + 1/2) · n_in / n_out among
    inputs at j + 1/2; a window may stick out at either end.
    """
    n_out, n_in = shape
    edges = np.arange(n_out + 1, dtype=np.int64) * nnz // n_out
    lengths = np.diff(edges)
    middles = (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in
    return (middles + (1 - lengths) * n_out) // (2 * n_out), lengths


def banded(shape: tuple[int, int], nnz: int, generator: np.random.Generator) -> Topology:
    """Return a band around the scaled diagonal: each output unit has its nearest inputs; O(n + nnz).

    nnz // n_out or one more a unit, the additional ones spread evenly; nothing is drawn. At the ends of the layer
    the band is pushed inwards, so that no unit has fewer.

    Raises
    ------
    InputError : `nnz` is negative or exceeds n_out · n_in.
    """
    n_out, n_in = _room_for(shape, nnz).shape
    starts, lengths = _nearest((n_out, n_in), nnz)
    cols = _windows(np.clip(starts, 0, n_in - lengths), lengths)
    return Topology(np.concatenate([[0], np.cumsum(lengths)]), cols, (n_out, n_in))


def small_world(shape: tuple[int, int], nnz: int, generator: np.random.Generator, rewired: float = 0.1) -> Topology:
    """Return a bipartite small world: nearest inputs on a ring, each connection rewired with probability `rewired`.

    Watts and Strogatz 1998, on two sides: each output unit starts from its nearest inputs, as in `banded` but with
    the last input beside the first. Every connection is then rewired with probability `rewired`: the connections of
    a unit that are rewired go to a uniform set of inputs that it did not keep. Its number of inputs stays.
    O(n + nnz) for each of a few rounds of draws, see `sample_inactive_in_rows`.

    Differs from the paper in: 1. Only the input end moves. 2. The connections of a unit are rewired together, not
    one after another, so one of them may return to a place just left.

    Raises
    ------
    InputError : `nnz` is negative or exceeds n_out · n_in, or `rewired` is outside [0, 1].
    """
    if not 0 <= rewired <= 1:
        raise InputError(f"the share of connections rewired must lie in [0, 1], got {rewired}")
    n_out, n_in = _room_for(shape, nnz).shape
    starts, lengths = _nearest((n_out, n_in), nnz)
    rows = np.repeat(np.arange(n_out, dtype=np.int32), lengths)
    cols = (_windows(starts, lengths) % n_in).astype(np.int32)
    kept = generator.random(nnz) >= rewired
    ring = _of_pairs(rows[kept], cols[kept], (n_out, n_in))
    moved = sample_inactive_in_rows(ring, lengths - ring.fan_in(), generator)
    return edit(ring, np.empty(0, np.int64), *moved)[0]


def _of_pairs(rows: np.ndarray, cols: np.ndarray, shape: tuple[int, int]) -> Topology:
    """Return the topology of (int32) pairs in any order, repetitions dropped; O(n + pairs) by counting sorts."""
    nothing = empty(shape)
    return Topology.from_edges(*active().candidates(rows, cols, nothing.indptr, nothing.indices, shape[1]), shape)


def _attached(units: int, ends: int, generator: np.random.Generator) -> np.ndarray:
    """Draw the units at one end of `ends` successive connections by preferential attachment, (ends,) int32.

    Units arrive evenly, in random order. Each end goes to an arrived unit with probability ∝ its degree so far plus
    the mean degree ends / units. Choosing by degree is copying the end of an earlier connection; chains of copies,
    O(log ends) long, are followed by pointer jumping, O(ends) for each doubling.
    """
    step = np.arange(ends, dtype=np.int64)
    arrived = 1 + step * units // ends
    mean = ends / units
    fresh = generator.random(ends) * (step + mean * arrived) < mean * arrived
    unit = generator.integers(0, arrived)
    source = np.where(fresh, step, generator.integers(0, np.maximum(step, 1)))
    while not np.array_equal(further := source[source], source):
        source = further
    return generator.permutation(units).astype(np.int32)[unit[source]]


def scale_free(shape: tuple[int, int], nnz: int, generator: np.random.Generator) -> Topology:
    """Return a bipartite scale-free graph: a few hubs on either side, degrees k with P(k) ~ k⁻³ in the tail.

    Growth and preferential attachment (Barabási and Albert 1999), on two sides: units arrive one after another, and
    each connection chooses its output and its input unit independently, with probability ∝ degree + mean degree.
    With a constant c beside the degree the exponent is 2 + c / mean (Price 1976): this one makes it the paper's 3.
    A pair drawn twice is replaced by a pair drawn by the degrees reached; where the hubs are saturated (not half of
    these are new), by an inactive one drawn uniformly. O(n + nnz) for each round of replacements, O(log nnz) rounds
    at most.

    Raises
    ------
    InputError : `nnz` is negative or exceeds n_out · n_in.
    """
    n_out, n_in = _room_for(shape, nnz).shape
    if nnz == 0:
        return empty(shape)
    rows, cols = _attached(n_out, nnz, generator), _attached(n_in, nnz, generator)
    topology, nothing = _of_pairs(rows, cols, (n_out, n_in)), np.empty(0, np.int64)
    while missing := nnz - topology.nnz:
        i, j = rows[generator.integers(0, nnz, missing)], cols[generator.integers(0, nnz, missing)]
        fresh = active().candidates(i, j, topology.indptr, topology.indices, n_in)
        topology, _ = edit(topology, nothing, *fresh)
        if 2 * len(fresh[0]) < missing:
            [fresh] = sample_inactive([topology], nnz - topology.nnz, generator)
            topology, _ = edit(topology, nothing, *fresh)
    return topology


def block(shape: tuple[int, int], nnz: int, generator: np.random.Generator, side: int = 16) -> Topology:
    """Return dense blocks of `side` × `side` at random places of a grid; O(n + nnz).

    Blocks at the lower and right border are cut off where `side` does not divide the layer. The last block gets the
    connections that are left, at random places in it.

    Raises
    ------
    InputError : `nnz` is negative or exceeds n_out · n_in, or `side` is below 1.
    """
    if side < 1:
        raise InputError(f"the side of a block must be at least 1, got {side}")
    n_out, n_in = _room_for(shape, nnz).shape
    if nnz == 0:
        return empty(shape)
    grid, nothing = empty((-(-n_out // side), -(-n_in // side))), np.empty(0, np.int64)
    while True:
        heights = np.minimum(side, n_out - grid.rows.astype(np.int64) * side)
        widths = np.minimum(side, n_in - grid.indices.astype(np.int64) * side)
        missing = nnz - int((heights * widths).sum())
        if missing <= 0:
            break
        [chosen] = sample_inactive([grid], min(-(-missing // side**2), grid.size - grid.nnz), generator)
        grid, _ = edit(grid, nothing, *chosen)
    order = generator.permutation(grid.nnz)
    tops, lefts = grid.rows[order] * np.int64(side), grid.indices[order] * np.int64(side)
    heights, widths = heights[order], widths[order]
    sizes = heights * widths
    ends = np.cumsum(sizes)
    last = int(np.searchsorted(ends, nnz))
    block_of = np.repeat(np.arange(last), sizes[:last])
    place = _windows(np.zeros(last, np.int64), sizes[:last])
    within = erdos_renyi((heights[last], widths[last]), nnz - int(ends[last] - sizes[last]), generator)
    rows = np.concatenate([tops[block_of] + place // widths[block_of], tops[last] + within.rows])
    cols = np.concatenate([lefts[block_of] + place % widths[block_of], lefts[last] + within.indices])
    return _of_pairs(rows.astype(np.int32), cols.astype(np.int32), (n_out, n_in))


def _expected(shape: tuple[int, int], nnz: int, generator: np.random.Generator) -> Topology:
    return bernoulli(shape, nnz / _room_for(shape, nnz).size, generator)


def _full(shape: tuple[int, int], nnz: int, generator: np.random.Generator) -> Topology:
    if nnz != (size := _room_for(shape, nnz).size):
        raise InputError(
            f"the pattern full has all {size} connections of a layer of shape {shape}, asked for {nnz}: set the "
            "density to 1 or choose another pattern"
        )
    return full(shape)


#: Patterns by name. All have exactly `nnz` connections but `bernoulli`, which has them in expectation.
PATTERNS: dict[str, Pattern] = {
    "erdos_renyi": erdos_renyi,
    "bernoulli": _expected,
    "small_world": small_world,
    "scale_free": scale_free,
    "banded": banded,
    "block": block,
    "full": _full,
}
