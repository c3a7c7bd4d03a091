"""Cases of level kernels that are run before any is drawn, the smallest first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...backends import Geometry
from ...sparse import Topology
from ..strategies import BATCHES, KERNELS, NOT_FINITE, Convolution, ConvPairs, Product, Sampled, of_mask
from ..subject import Declaration

#: A side at which edge ids pass 2^32.
SIDE = 70_000


def _some(shape: tuple[int, ...], dtype: np.dtype, first: int) -> np.ndarray:
    """Return small integers that differ between neighbours; none is 0."""
    size = int(np.prod(shape))
    return ((np.arange(first, first + size) * 5 % 11 + 1) * (-1.0) ** np.arange(size)).reshape(shape).astype(dtype)


def product(mask: list[list[int]], dtype: np.dtype, batch: int = 1, bias: bool = True) -> Product:
    """Return a layer with these connections and numbers."""
    topology = of_mask(np.array(mask, bool))
    n_out, n_in = topology.shape
    return Product(
        topology,
        _some((topology.nnz,), dtype, 0),
        _some((n_in, batch), dtype, 1),
        _some((n_out, batch), dtype, 2),
        _some((n_out,), dtype, 3) if bias else None,
    )


#: None at all, the only one, empty rows and columns at the beginning and the end and between, everything.
MASKS: tuple[list[list[int]], ...] = (
    [[0]],
    [[1]],
    [[0, 0], [0, 1]],
    [[1, 0], [0, 0]],
    [[1], [0], [1]],
    [[1, 0, 1]],
    [[1, 1], [1, 1], [1, 1]],
    [[0, 0, 0], [0, 0, 0]],
    [[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]],
)


def products(states: Declaration) -> Iterator[Product]:
    """Yield layers of every shape of `MASKS`, every tile of a batch, and one long row and column."""
    for dtype in states.dtypes:
        for mask in MASKS:
            yield from (product(mask, dtype, bias=bias) for bias in (True, False))
        yield from (product([[1], [1]], dtype, batch) for batch in BATCHES)
        yield product([[1] * 300], dtype)
        yield product([[1]] * 300, dtype)


def pairs(states: Declaration) -> Iterator[Sampled]:
    """Yield no pair, one, the same again and again, all of a layer backwards, and every tile of a batch."""
    lists: tuple[tuple[list[int], list[int]], ...] = (
        ([], []),
        ([0], [0]),
        ([0, 0, 0], [1, 1, 0]),
        ([2, 2, 1, 1, 0, 0], [1, 0, 1, 0, 1, 0]),
    )
    for dtype in states.dtypes:
        for rows, cols in lists:
            sides = np.array(rows, np.int32), np.array(cols, np.int32)
            yield Sampled(*sides, _some((3, 1), dtype, 2), _some((2, 1), dtype, 1))
        for batch in BATCHES:
            yield Sampled(*sides, _some((3, batch), dtype, 2), _some((2, batch), dtype, 1))


def convolution(
    mask: list[list[int]], geometry: Geometry, size: tuple[int, int], dtype: np.dtype, batch: int = 1
) -> Convolution:
    """Return a convolution with these connections and numbers."""
    topology = of_mask(np.array(mask, bool))
    n_out, channels = topology.n_out, topology.n_in // geometry.kernel**2
    return Convolution(
        topology,
        _some((topology.nnz,), dtype, 0),
        _some((channels, *size, batch), dtype, 1),
        _some((n_out, *map(geometry.positions, size), batch), dtype, 2),
        _some((n_out,), dtype, 3),
        geometry,
    )


def convolutions(states: Declaration) -> Iterator[Convolution]:
    """Yield one pixel, one tap, every kernel with and without padding, windows beside the image, strides, tiles."""
    for dtype in states.dtypes:
        yield convolution([[0]], Geometry(1), (1, 1), dtype)
        yield convolution([[1]], Geometry(1), (1, 1), dtype)
        for tap in range(4):
            yield convolution([[int(tap == j) for j in range(4)]], Geometry(2), (2, 3), dtype)
        for kernel in KERNELS:
            everything = [[1] * kernel**2]
            yield convolution(everything, Geometry(kernel, 1, kernel // 2), (1, 1), dtype)
            yield convolution(everything, Geometry(kernel), (kernel, kernel + 1), dtype)
            yield convolution(everything, Geometry(kernel, 1, kernel), (1, 1), dtype)
        for stride in (2, 3):
            yield convolution([[1]], Geometry(1, stride), (4, 5), dtype)
            yield convolution([[1] * 9], Geometry(3, stride, 1), (4, 5), dtype)
        yield convolution([[0] * 8, [1] * 8, [0] * 8], Geometry(2), (2, 2), dtype)
        yield convolution([[0] * 4] * 2, Geometry(2), (2, 2), dtype)
        yield from (convolution([[1], [1]], Geometry(1), (1, 1), dtype, batch) for batch in BATCHES)
        yield from (convolution([[1] * 4], Geometry(2, 1, 1), (2, 2), dtype, batch) for batch in (16, 17, 43))


def conv_pairs(states: Declaration) -> Iterator[ConvPairs]:
    """Yield the pairs of the convolutions, backwards and the first one twice, and all pairs of one."""
    for case in convolutions(states):
        rows, cols = case.topology.rows[::-1], case.topology.indices[::-1]
        again = np.concatenate([rows, rows[:1]]), np.concatenate([cols, cols[:1]])
        yield ConvPairs(*again, case.dy, case.x, case.geometry)


def _spoil(array: np.ndarray, at: tuple[int, ...], bad: float) -> np.ndarray:
    spoilt = array.copy()
    spoilt[at] = bad
    return spoilt


def products_not_finite(states: Declaration) -> Iterator[Product]:
    """Yield NaN and infinities in one operand at a time, infinity times 0, infinity minus infinity."""
    mask = [[1, 1, 0], [0, 0, 0], [0, 1, 1]]
    for dtype in states.dtypes:
        for bad in NOT_FINITE:
            case = product([[1]], dtype)
            yield case._replace(x=_spoil(case.x, (0, 0), bad), dy=_spoil(case.dy, (0, 0), bad))
            for batch in (1, 17, 129):
                case = product(mask, dtype, batch)
                yield case._replace(x=_spoil(case.x, (1, -1), bad), dy=_spoil(case.dy, (0, -1), bad))
            case = product(mask, dtype)
            yield case._replace(values=_spoil(case.values, (1,), bad))
            yield case._replace(values=_spoil(case.values, (1,), bad), x=case.x * 0, dy=case.dy * 0)
            yield case._replace(bias=_spoil(_some((3,), dtype, 3), (1,), bad))
        case = product([[1, 1], [1, 1]], dtype)._replace(values=np.array([1, 1, 1, -1], dtype))
        both = np.full((2, 1), np.inf, dtype)
        yield case._replace(x=both, dy=both)


def pairs_not_finite(states: Declaration) -> Iterator[Sampled]:
    """Yield all pairs of a layer, of which two read what is not finite; infinity times 0."""
    rows, cols = (side.ravel().astype(np.int32) for side in np.indices((3, 2)))
    for case in pairs(states):
        if len(case.rows) < len(rows) or case.x.shape[1] not in (1, 17, 129):
            continue
        for bad in NOT_FINITE:
            one = _spoil(case.x, (1, -1), bad)
            yield Sampled(rows, cols, case.dy, one)
            yield Sampled(rows, cols, case.dy * 0, one)
            yield Sampled(rows, cols, _spoil(case.dy, (1, -1), -bad), one)


def convolutions_not_finite(states: Declaration) -> Iterator[Convolution]:
    """Yield NaN and infinities in one operand at a time: no window multiplies the padding with them."""
    for dtype in states.dtypes:
        for bad in NOT_FINITE:
            case = convolution([[1]], Geometry(1), (1, 1), dtype)
            yield case._replace(x=_spoil(case.x, (0, 0, 0, 0), bad), dy=_spoil(case.dy, (0, 0, 0, 0), bad))
            for geometry in (Geometry(3, 1, 1), Geometry(3, 2, 2), Geometry(2, 1, 2)):
                case = convolution([[1] * geometry.kernel**2, [0] * geometry.kernel**2], geometry, (3, 2), dtype, 3)
                yield case._replace(values=_spoil(case.values, (0,), bad))
                yield case._replace(x=_spoil(case.x, (0, 0, 1, 2), bad), dy=_spoil(case.dy, (0, 0, 0, 1), bad))


def conv_pairs_not_finite(states: Declaration) -> Iterator[ConvPairs]:
    """Yield the pairs of the convolutions whose images are not finite."""
    for case in convolutions_not_finite(states):
        yield ConvPairs(case.topology.rows, case.topology.indices, case.dy, case.x, case.geometry)


def explicit_zeros(states: Declaration) -> Iterator[Product]:
    """Yield layers whose weights are 0, some or all, and operands with an infinity or NaN to be multiplied."""
    for dtype in states.dtypes:
        for bad in (np.inf, np.nan):
            for mask, zeros in (([[1]], [0]), ([[1, 0], [0, 1]], [0, 0]), ([[1, 1], [1, 1]], [0, 1, -0.0, 2])):
                case = product(mask, dtype, bias=False)
                x, dy = _spoil(case.x, (0, 0), bad), _spoil(case.dy, (0, 0), bad)
                yield case._replace(values=np.array(zeros, dtype), x=x, dy=dy)


def _rare(at: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return ½ everywhere but at some units of a wide layer, where it is 1, 2, 3, …: another unit shows."""
    column = np.full((SIDE, 1), 0.5, dtype)
    units = np.unique(at)
    column[units, 0] = np.arange(1, 1 + len(units))
    return column


def wide_product(dtype: np.dtype) -> Product:
    """Return a layer with few connections, at its ends and where edge ids modulo 2^32 or 2^16 are others."""
    rows = np.array([0, 0, 17, 61_357, SIDE - 1, SIDE - 1, SIDE - 1])
    cols = np.array([0, SIDE - 1, 5, SIDE - 2, 0, SIDE - 2, SIDE - 1])
    topology = Topology.from_edges(rows, cols, (SIDE, SIDE))
    return Product(topology, np.arange(1, 8).astype(dtype), _rare(cols, dtype), _rare(rows, dtype), None)


def wide_products(states: Declaration) -> Iterator[Product]:
    """Yield one wide layer for each dtype."""
    yield from map(wide_product, states.dtypes)


def wide_pairs(states: Declaration) -> Iterator[Sampled]:
    """Yield the connections of a wide layer as pairs, backwards."""
    for case in wide_products(states):
        yield Sampled(case.topology.rows[::-1].copy(), case.topology.indices[::-1].copy(), case.dy, case.x)


def wide_convolutions(states: Declaration) -> Iterator[Convolution]:
    """Yield the wide layer as a convolution: one pixel, one tap, many channels."""
    for topology, values, x, dy, bias in wide_products(states):
        yield Convolution(topology, values, x[:, None, None], dy[:, None, None], bias, Geometry(1))


def wide_conv_pairs(states: Declaration) -> Iterator[ConvPairs]:
    """Yield the connections of the wide convolution as pairs, backwards."""
    for rows, cols, dy, x in wide_pairs(states):
        yield ConvPairs(rows, cols, dy[:, None, None], x[:, None, None], Geometry(1))
