"""Every function of every backend against the definition, and the corners that a draw would not reach."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gse_ref.backends import Backend, cpu, empty, get
from gse_ref.conformance.strategies import BATCHES, Edit, Product, Sampled, Signed, of_mask
from gse_ref.sparse import Topology, full
from tests.contract.checks import CHECKS, wide_cases
from tests.contract.judge import call

BACKENDS = ("cpu", "naive", "shadow")
WIDE = wide_cases()
PRODUCTS = ("spmm", "spmm_t", "spmm_backward", "sddmm")

every_backend = pytest.mark.parametrize("backend", BACKENDS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def test_there_is_a_check_for_each_function() -> None:
    assert set(CHECKS) == {field.name for field in fields(Backend)} - {"name"}


@pytest.mark.parametrize("function", sorted(CHECKS))
@given(data=st.data())
def test_agrees_with_the_definition(function: str, data: st.DataObject) -> None:
    check = CHECKS[function]
    check.body(get("cpu"), data.draw(check.cases))


@pytest.mark.parametrize("backend", ["naive", "shadow"])
@pytest.mark.parametrize("function", sorted(CHECKS))
@settings(max_examples=5)
@given(data=st.data())
def test_the_others_have_no_side_effects(function: str, backend: str, data: st.DataObject) -> None:
    """The definition against itself, and cpu under its judge: only what a call does besides could be wrong."""
    check = CHECKS[function]
    check.body(get(backend), data.draw(check.cases))


def some_product(dtype: type, batch: int = 20, bias: bool = True, n_out: int = 5, n_in: int = 7) -> Product:
    generator = np.random.default_rng(1)
    mask = generator.random((n_out, n_in)) < 0.4
    mask[0], mask[1] = True, False
    topology = of_mask(mask)

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(dtype)

    x, dy = normal(n_in, batch), normal(n_out, batch)
    return Product(topology, normal(topology.nnz), x, dy, normal(n_out) if bias else None)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
def test_each_tile_of_the_batch(batch: int, bias: bool) -> None:
    case = some_product(np.float32, batch, bias)
    for function in PRODUCTS:
        CHECKS[function].body(get("cpu"), case)


@every_backend
def test_bias_none_is_no_bias(backend: str) -> None:
    topology, values, x, _, _ = some_product(np.float64)
    spmm = get(backend).spmm
    without, none = (spmm(topology.indptr, topology.indices, values, x, *more) for more in ((), (None,)))
    np.testing.assert_array_equal(without, none)
    named = spmm(topology.indptr, topology.indices, values, x, bias=np.ones(5))
    assert np.all(named[1] == 1), "an empty row is its bias"


@every_backend
@both_dtypes
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [3, 16, 131])
def test_products_pass_on_what_is_not_finite(backend: str, dtype: type, bad: float, batch: int) -> None:
    case = some_product(dtype, batch)
    case.x[2, 1] = case.dy[3, 2] = bad
    topology = case.topology
    sampled = Sampled(topology.rows, topology.indices, case.dy, case.x)
    with np.errstate(invalid="ignore"):  # a backend may run on NumPy, which warns
        for function in PRODUCTS:
            CHECKS[function].body(get(backend), case)
        for function in ("sddmm_pairs", "gradient_rows"):
            CHECKS[function].body(get(backend), sampled)
        for function in ("abs_sums", "signed_sums"):
            CHECKS[function].body(get(backend), Signed(case.x, np.ones(batch)))
        y = get(backend).spmm(topology.indptr, topology.indices, case.values, case.x)
    touched = np.zeros(y.shape, bool)
    touched[topology.rows[topology.indices == 2], 1] = True
    np.testing.assert_array_equal(~np.isfinite(y), touched)


@every_backend
def test_infinity_times_an_explicit_zero_is_nan(backend: str) -> None:
    topology = of_mask(np.array([[1, 0], [0, 1]], bool))
    x = np.array([[np.inf] * 17, [1.0] * 17])
    with np.errstate(invalid="ignore"):
        y = get(backend).spmm(topology.indptr, topology.indices, np.array([0.0, 0.0]), x)
    assert np.isnan(y[0]).all(), "an explicit zero is a connection"
    assert (y[1] == 0).all()


@every_backend
@both_dtypes
def test_explicit_zeros_have_gradients(backend: str, dtype: type) -> None:
    case = some_product(dtype)
    case.values[:] = 0
    for function in PRODUCTS:
        CHECKS[function].body(get(backend), case)
    plan = get("naive").transpose_index(case.topology.indptr, case.topology.indices, case.topology.n_in)
    dx, dvalues = get(backend).spmm_backward(plan, case.values, case.x, case.dy)
    assert not dx.any()
    assert dvalues.all()


@every_backend
@pytest.mark.parametrize("function", sorted(WIDE))
def test_edge_ids_beyond_32_bits(function: str, backend: str) -> None:
    for case in WIDE[function]:
        CHECKS[function].body(get(backend), case)


@every_backend
def test_columns_up_to_the_last_of_32_bits(backend: str) -> None:
    last = 2**31 - 2
    topology = Topology.from_edges(np.array([0, 2, 2]), np.array([last, 0, last]), (3, last + 1))
    grown = np.array([0, 1, 2], np.int32), np.array([last - 1, last, 1], np.int32)
    edit = Edit(topology, np.array([2]), *grown, np.arange(3.0))
    CHECKS["merge"].body(get(backend), edit)
    CHECKS["carry"].body(get(backend), edit)


def strided(array: np.ndarray) -> np.ndarray:
    """Return a view that is equal but not contiguous."""
    twice = np.zeros((array.shape[0], 2 * array.shape[1]), array.dtype)
    twice[:, ::2] = array
    return twice[:, ::2]


def unaligned(array: np.ndarray) -> np.ndarray:
    """Return an equal C-ordered array that starts off every cache line, by one element."""
    start = empty((array.size + 1,), array.dtype)[1:]
    start[:] = array.reshape(-1)
    return start.reshape(array.shape)


@every_backend
@both_dtypes
@pytest.mark.parametrize("lay", [strided, np.asfortranarray, unaligned])
def test_any_layout_of_the_dense_operands(backend: str, dtype: type, lay) -> None:
    case = some_product(dtype, 37)
    laid = case._replace(x=lay(case.x), dy=lay(case.dy))
    assert lay is unaligned or not laid.x.flags.c_contiguous
    sampled = Sampled(case.topology.rows, case.topology.indices, laid.dy, laid.x)
    for function in PRODUCTS:
        CHECKS[function].body(get(backend), laid)
    for function in ("sddmm_pairs", "gradient_rows"):
        CHECKS[function].body(get(backend), sampled)
    for function in ("abs_sums", "signed_sums"):
        CHECKS[function].body(get(backend), Signed(laid.x, np.ones(37)))


@every_backend
def test_results_are_new_even_where_nothing_changes(backend: str) -> None:
    topology = some_product(np.float32).topology
    none = np.empty(0, np.int32)
    indptr, indices, target = call(
        get(backend).merge, topology.indptr, topology.indices, none.astype(np.int64), none, none
    )
    np.testing.assert_array_equal(indptr, topology.indptr)
    np.testing.assert_array_equal(indices, topology.indices)
    moved = call(get(backend).carry, np.arange(topology.nnz, dtype=np.float32), target, topology.nnz)
    np.testing.assert_array_equal(moved, np.arange(topology.nnz))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cache", [0, 1 << 30])
@pytest.mark.parametrize("batch", [127, 128, 129, 192, 257, 300])
def test_packed_tiles_give_the_same(dtype: type, cache: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operands used sixteen times and more are packed, 64 or 128 columns at a time."""
    monkeypatch.setattr(cpu, "CACHE", cache)
    generator = np.random.default_rng(batch)
    for shape in ((17, 2), (2, 17)):
        topology = full(shape)
        values = generator.standard_normal(topology.nnz).astype(dtype)
        x, dy = (generator.standard_normal((n, batch)).astype(dtype) for n in shape[::-1])
        case = Product(topology, values, x, dy, np.ones(shape[0], dtype))
        for function in ("spmm", "spmm_t", "spmm_backward"):
            CHECKS[function].body(get("cpu"), case)
    widths = {cpu._tile_width(2, batch, 4, 34), cpu._tile_width(2, batch, 4, 31)}
    assert widths == {batch, batch if batch < 128 else 128 if cache else 64}
