"""Corners of convolutions that a draw would seldom reach: edges of tiles, layouts, what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.backends import Backend, Geometry, cpu_conv, empty
from gse_ref.conformance.strategies import of_mask
from gse_ref.conformance.strategies.convolution import Convolution, ConvPairs, Patches
from gse_ref.kernels import conv, sums
from gse_ref.sparse import full
from tests.contract.conv_checks import CONV_CHECKS
from tests.contract.emulated import EMULATED
from tests.contract.emulated import named as get
from tests.unfolded import flat, unfolded

BACKENDS = ("cpu", "naive", "shadow")
PRODUCTS, SCORES = ("conv", "conv_t", "conv_backward"), ("conv_pairs", "conv_rows")
PADDED = Geometry(3, 1, 1)

every_backend = pytest.mark.parametrize("backend", [*BACKENDS, *EMULATED])
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def some_convolution(
    dtype: type, batch: int = 20, geometry: Geometry = PADDED, size: tuple[int, int] = (3, 5), bias: bool = True
) -> Convolution:
    generator = np.random.default_rng(1)
    mask = generator.random((4, 2 * geometry.kernel**2)) < 0.3
    mask[0], mask[1] = mask[0] | (np.arange(mask.shape[1]) < 2), False
    topology = of_mask(mask)

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(dtype)

    x, dy = normal(2, *size, batch), normal(4, *map(geometry.positions, size), batch)
    return Convolution(topology, normal(topology.nnz), x, dy, normal(4) if bias else None, geometry)


def run(backend: Backend, case: Convolution) -> None:
    """Run every check of a convolution on the operands of one."""
    topology, _, x, dy, _, geometry = case
    signs = np.where(np.arange(dy[0].size) % 3 == 0, -1.0, 1.0).reshape(dy.shape[1:])
    for function in PRODUCTS:
        CONV_CHECKS[function].body(backend, case)
    for function in SCORES:
        CONV_CHECKS[function].body(backend, ConvPairs(topology.rows, topology.indices, dy, x, geometry))
    for function in ("patch_abs_sums", "patch_signed_sums"):
        CONV_CHECKS[function].body(backend, Patches(x, signs, geometry))


@pytest.mark.parametrize("batch", [1, 3, 5, 15, 16, 17, 42, 43, 48, 127, 128, 129])
@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
def test_each_tile_of_pixels_and_samples(batch: int, bias: bool) -> None:
    """Three pixels lie side by side inside the image: runs of 3 · batch, on either side of 16 and 128 elements."""
    for function in PRODUCTS:
        CONV_CHECKS[function].body(get("cpu"), some_convolution(np.float32, batch, bias=bias))


@pytest.mark.parametrize("kernel", [1, 2])
@pytest.mark.parametrize("side", [127, 128, 129, 144, 257, 1023, 1025, 1151])
def test_each_tile_of_pixels(kernel: int, side: int) -> None:
    """One sample, and a row of the image as long as a tile, a run and their neighbours."""
    run(get("cpu"), some_convolution(np.float64, 1, Geometry(kernel, 1, kernel - 1), (2, side)))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [0, 1, 2, 3, 5])
def test_each_way_of_sticking_out(stride: int, padding: int) -> None:
    """Windows of side 3 over, beside and altogether outside of the image; strides that leave pixels unread."""
    run(get("cpu"), some_convolution(np.float32, 3, Geometry(3, stride, padding), (4, 6)))


@every_backend
def test_pixels_that_no_window_reads_have_gradient_zero(backend: str) -> None:
    geometry = Geometry(1, 3, 0)
    case = some_convolution(np.float64, 5, geometry, (5, 6))
    topology = full((4, 2))
    plan = get("naive").transpose_index(topology.indptr, topology.indices, topology.n_in)
    dx = get(backend).conv_t(plan, np.ones(8), case.dy, geometry, (5, 6))
    read = np.zeros((5, 6), bool)
    read[::3, ::3] = True
    assert (dx != 0).any(axis=(0, 3)).tolist() == read.tolist()


@every_backend
def test_bias_none_is_no_bias(backend: str) -> None:
    topology, values, x, _, _, geometry = some_convolution(np.float64)
    product = get(backend).conv
    without, none = (product(topology.indptr, topology.indices, values, x, geometry, *m) for m in ((), (None,)))
    np.testing.assert_array_equal(without, none)
    named = product(topology.indptr, topology.indices, values, x, geometry, bias=np.ones(4))
    assert np.all(named[1] == 1), "an empty row is its bias"


@every_backend
@both_dtypes
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("batch", "geometry"), [(3, PADDED), (16, Geometry(3, 2, 2)), (45, Geometry(3, 1, 3))])
def test_what_is_not_finite_stays_where_it_is_read(
    backend: str, dtype: type, bad: float, batch: int, geometry: Geometry
) -> None:
    """A corner is not finite: windows that stick out read it, but none multiplies the padding with it."""
    case = some_convolution(dtype, batch, geometry)
    topology, values, x, dy, _, _ = case
    where = np.zeros(x.shape)
    x[1, 0, 4, 1], where[1, 0, 4, 1] = bad, 1
    run(get(backend), case)
    reads = unfolded(where, geometry)
    assert reads.any()
    with np.errstate(invalid="ignore"):
        y = get(backend).conv(topology.indptr, topology.indices, values, x, geometry)
        scores = get(backend).conv_pairs(topology.rows, topology.indices, dy, x, geometry)
    mask = np.zeros(topology.shape)
    mask[topology.rows, topology.indices] = 1
    np.testing.assert_array_equal(~np.isfinite(flat(y)), mask @ reads > 0)
    np.testing.assert_array_equal(~np.isfinite(scores), reads.any(axis=1)[topology.indices])

    case.dy[2, 0, 0, 1] = bad
    run(get(backend), case)


@every_backend
def test_infinity_times_an_explicit_zero_is_nan(backend: str) -> None:
    topology = full((1, 9))
    x = np.ones((1, 3, 4, 17))
    x[0, 0, 0, 2] = np.inf
    with np.errstate(invalid="ignore"):
        y = get(backend).conv(topology.indptr, topology.indices, np.zeros(9), x, PADDED)
    expected = np.zeros((3, 4), bool)
    expected[:2, :2] = True
    np.testing.assert_array_equal(np.isnan(y[0, :, :, 2]), expected)
    assert np.isnan(y).sum() == 4


@every_backend
@both_dtypes
def test_explicit_zeros_have_gradients(backend: str, dtype: type) -> None:
    case = some_convolution(dtype)
    case.values[:] = 0
    run(get(backend), case)
    plan = get("naive").transpose_index(case.topology.indptr, case.topology.indices, case.topology.n_in)
    dx, dvalues = get(backend).conv_backward(plan, case.values, case.x, case.dy, case.geometry)
    assert not dx.any()
    assert dvalues.all()


def strided(array: np.ndarray) -> np.ndarray:
    """Return a view that is equal but not contiguous."""
    return np.repeat(array, 2, axis=2)[:, :, ::2]


def unaligned(array: np.ndarray) -> np.ndarray:
    """Return an equal C-ordered array that starts off every cache line, by one element."""
    start = empty((array.size + 1,), array.dtype)[1:]
    start[:] = array.reshape(-1)
    return start.reshape(array.shape)


def turned(array: np.ndarray) -> np.ndarray:
    """Return a view of the image stored batch first, as other libraries store it."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 0)), 0, -1)


@every_backend
@both_dtypes
@pytest.mark.parametrize("lay", [strided, np.asfortranarray, unaligned, turned])
def test_any_layout_of_the_images(backend: str, dtype: type, lay) -> None:
    case = some_convolution(dtype, 37)
    laid = case._replace(x=lay(case.x), dy=lay(case.dy))
    assert lay is unaligned or not laid.x.flags.c_contiguous
    run(get(backend), laid)


@pytest.mark.parametrize("batch", [1, 43, 128, 400])
def test_runs_of_pixels(batch: int) -> None:
    """Pixels of a row with the same neighbours lie in one run up to its limit; not so at stride 2."""
    walk = cpu_conv._walk((3, 5), (3, 5), batch, PADDED, False)
    lengths: dict[int, int] = {}
    for _, length, kind, _ in walk.tiles:
        assert 0 < length <= conv.RUN
        lengths[kind] = lengths.get(kind, 0) + length
    assert len(walk.tiles) == (4 if 3 * batch > conv.RUN else 3)
    assert sum(lengths.values()) == 5 * batch
    assert max(lengths.values()) == 3 * batch
    apart = cpu_conv._walk((2, 3), (3, 5), batch, Geometry(3, 2, 1), False)
    assert {length for _, length, _, _ in apart.tiles} == {batch}


def test_no_run_has_more_tiles_than_room_for_them() -> None:
    widths = (sums.WIDE, sums.HALF, sums.NARROW, sums.SMALL, sums.SINGLE)

    def tiles(length: int) -> int:
        bounds = (0, *sums.ends(length), length)
        return sum((stop - start) // width for start, stop, width in zip(bounds, bounds[1:], widths, strict=False))

    assert max(map(tiles, range(1, conv.RUN + 1))) <= conv.TILES
