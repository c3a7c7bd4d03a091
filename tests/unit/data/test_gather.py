"""The gather kernels against their definition in NumPy, bit for bit."""

import numba
import numpy as np
import pytest

from gse_ref.kernels.gather import gather_affine, gather_lookup

SIZES = [(1, 1), (1, 16), (3, 15), (7, 17), (255, 16), (256, 32), (257, 33), (784, 128), (300, 1)]
FLOATS = [np.float32, np.float64]


def definition(rows, order, scale, shift, dtype):
    """Return rows[order] · scale + shift in float64, rounded once, transposed."""
    return np.ascontiguousarray((rows[order].astype(np.float64) * scale + shift).astype(dtype).T)


def draw_rows(dtype, samples, n_features):
    draw = np.random.default_rng(samples * 1000 + n_features)
    if dtype == np.uint8:
        return draw.integers(0, 256, (samples, n_features), dtype=np.uint8), draw
    rows = draw.standard_normal((samples, n_features)).astype(dtype)
    special = np.array([0.0, -0.0, np.finfo(dtype).smallest_subnormal, 1e30, -1e-30], dtype)
    places = draw.integers(0, rows.size, len(special))
    rows.ravel()[places] = special
    return rows, draw


def assert_same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n_features", "batch"), SIZES)
def test_lookup_is_the_definition(n_features, batch, dtype):
    rows, draw = draw_rows(np.uint8, 50, n_features)
    order = draw.integers(0, 50, batch)
    table = (np.arange(256) * 0.0123 - 0.8).astype(dtype)
    actual = np.full((n_features, batch), np.nan, dtype)
    gather_lookup(rows, order, table, actual)
    assert_same_bits(actual, definition(rows, order, 0.0123, -0.8, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("stored", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("n_features", "batch"), SIZES)
def test_affine_is_the_definition(n_features, batch, stored, dtype):
    rows, draw = draw_rows(stored, 50, n_features)
    order = draw.integers(0, 50, batch)
    scale, shift = draw.standard_normal((2, n_features))
    actual = np.full((n_features, batch), np.nan, dtype)
    gather_affine(rows, order, scale, shift, actual)
    assert_same_bits(actual, definition(rows, order, scale, shift, dtype))


def test_number_of_threads_changes_no_bit():
    rows, draw = draw_rows(np.float32, 200, 1000)
    order = draw.integers(0, 200, 77)
    scale, shift = draw.standard_normal((2, 1000))
    before = numba.get_num_threads()
    results = []
    try:
        for threads in {1, numba.config.NUMBA_NUM_THREADS}:
            numba.set_num_threads(threads)
            out = np.empty((1000, 77), np.float32)
            gather_affine(rows, order, scale, shift, out)
            results.append(out.tobytes())
    finally:
        numba.set_num_threads(before)
    assert len(set(results)) == 1


def test_reads_rows_that_cannot_be_written():
    rows, _ = draw_rows(np.uint8, 5, 20)
    rows.flags.writeable = False
    order = np.arange(5)
    table = np.arange(256, dtype=np.float32)
    actual = np.empty((20, 5), np.float32)
    gather_lookup(rows, order, table, actual)
    assert_same_bits(actual, definition(rows, order, 1.0, 0.0, np.float32))
