"""Topologies: what is refused and why, conversion from and to SciPy, immutability."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.conformance import strategies
from gse_ref.errors import InputError
from gse_ref.sparse import Topology, empty, full

SMALL = Topology([0, 2, 2, 3], [0, 3, 1], (3, 4))

REFUSED: list[tuple[Any, Any, Any, str]] = [
    ([0, 1], [0], 5, r"shape must be \(n_out, n_in\), two integers, got 5"),
    ([0, 1], [0], (1, 2, 3), r"shape must be \(n_out, n_in\), two integers, got \(1, 2, 3\)"),
    ([0, 1], [0], ("a", 1), r"shape must be \(n_out, n_in\)"),
    ([0], [], (0, 3), r"shape must have sides in \[1, 2\*\*31\), got \(0, 3\)"),
    ([0, 0], [], (1, -1), r"shape must have sides in \[1, 2\*\*31\)"),
    ([0, 0], [], (1, 2**31), r"shape must have sides in \[1, 2\*\*31\)"),
    ([[0, 1]], [0], (1, 2), r"indptr must be a 1-d integer array, got int64 of shape \(1, 2\)"),
    ([0.0, 1.0], [0], (1, 2), r"indptr must be a 1-d integer array, got float64"),
    ([0, 1], [0.0], (1, 2), r"indices must be a 1-d integer array, got float64"),
    ([0, 1], [True], (1, 2), r"indices must be a 1-d integer array, got bool"),
    ([0, 1], [2**31], (1, 2), r"indices must fit int32, got 2147483648"),
    (np.array([0, 2**63], np.uint64), [0], (1, 2), r"indptr must fit int64"),
    ([0, 1, 1], [0], (1, 2), r"indptr must have n_out \+ 1 = 2 entries, got 3"),
    ([1, 1], [0], (1, 2), r"indptr must run from 0 to nnz = 1, got 1 to 1"),
    ([0, 2], [0], (1, 2), r"indptr must run from 0 to nnz = 1, got 0 to 2"),
    ([0, 2, 1], [0], (2, 2), r"indptr must not decrease"),
    ([0, 1], [-1], (1, 2), r"indices must lie in \[0, 2\), got -1 to -1"),
    ([0, 2], [0, 2], (1, 2), r"indices must lie in \[0, 2\), got 0 to 2"),
    (
        [0, 0, 2],
        [1, 0],
        (2, 2),
        r"strictly increasing within a row; in row 1, 0 follows 1: sort each row and merge",
    ),
    ([0, 1, 3], [1, 1, 1], (2, 2), r"in row 1, 1 follows 1"),
]


@pytest.mark.parametrize(("indptr", "indices", "shape", "message"), REFUSED)
def test_what_is_not_canonical_is_refused(indptr: Any, indices: Any, shape: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Topology(indptr, indices, shape)


@pytest.mark.parametrize("value", [-(2**32) + 1, -(2**31) - 1, -(2**63)])
def test_a_column_below_32_bits_is_refused_not_wrapped(value: int) -> None:
    with pytest.raises(InputError):
        Topology([0, 1], [value], (1, 3))


@pytest.mark.parametrize("shape", [(2.7, 3), (2, 3.5), "23"])
def test_a_side_that_is_no_integer_is_refused_not_cut(shape: Any) -> None:
    with pytest.raises(InputError, match="shape must be"):
        Topology([0, 0, 0], [], shape)


def test_columns_may_fall_from_row_to_row() -> None:
    topology = Topology([0, 0, 2, 2, 3, 3], [1, 2, 0], (5, 3))
    assert topology.rows.tolist() == [1, 1, 3]


@pytest.mark.parametrize(
    ("rows", "cols", "message"),
    [
        ([0, 1], [0], "rows and cols must have one length, got 2 and 1"),
        ([0, 3], [0, 0], r"rows must lie in \[0, 3\), got 0 to 3"),
        ([-1], [0], r"rows must lie in \[0, 3\), got -1 to -1"),
        ([0], [4], r"cols must lie in \[0, 4\), got 4 to 4"),
        ([0], [-1], r"cols must lie in \[0, 4\), got -1 to -1"),
        ([2, 0, 2], [1, 0, 1], r"the connection \(2, 1\) occurs more than once: pass each connection once"),
        ([[0]], [[0]], "rows must be a 1-d integer array"),
        ([0.5], [0], "rows must be a 1-d integer array, got float64"),
    ],
)
def test_edges_that_are_refused(rows: Any, cols: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Topology.from_edges(rows, cols, (3, 4))


@given(topology=strategies.topologies(), generator=strategies.generators())
def test_edges_come_in_any_order(topology: Topology, generator: np.random.Generator) -> None:
    order = generator.permutation(topology.nnz)
    assert Topology.from_edges(topology.rows[order], topology.indices[order], topology.shape) == topology


def test_properties_of_a_small_one() -> None:
    assert (SMALL.n_out, SMALL.n_in, SMALL.nnz, SMALL.size, SMALL.density) == (3, 4, 3, 12, 0.25)
    assert SMALL.shape == (3, 4)
    assert (SMALL.indptr.dtype, SMALL.indices.dtype) == (np.int64, np.int32)
    assert (SMALL.rows.dtype, SMALL.edge_ids.dtype) == (np.int32, np.int64)
    assert SMALL.rows.tolist() == [0, 0, 2]
    assert SMALL.edge_ids.tolist() == [0, 3, 9]
    assert SMALL.fan_in().tolist() == [2, 0, 1]
    assert SMALL.transpose.indptr.tolist() == [0, 1, 2, 2, 3]
    assert SMALL.transpose.rows.tolist() == [0, 2, 0]
    assert SMALL.transpose.slots.tolist() == [0, 2, 1]
    assert SMALL.transpose is SMALL.transpose
    assert repr(SMALL) == "Topology(3×4, nnz=3, density=0.25)"
    assert empty((2, 3)).nnz == 0
    assert full((2, 3)).density == 1


def test_edge_ids_need_64_bits() -> None:
    side = 2**31 - 1
    topology = Topology.from_edges([0, 1], [side - 1, side - 1], (2, side))
    assert topology.edge_ids.tolist() == [side - 1, 2 * side - 1]


def test_equality_and_hash() -> None:
    again = Topology([0, 2, 2, 3], [0, 3, 1], (3, 4))
    others = [Topology([0, 2, 2, 3], [0, 3, 2], (3, 4)), Topology([0, 1, 2, 3], [0, 3, 1], (3, 4))]
    others.append(Topology([0, 2, 2, 3], [0, 3, 1], (3, 5)))
    assert again == SMALL
    assert hash(again) == hash(SMALL)
    assert all(other != SMALL for other in others)
    assert SMALL != "Topology"
    assert len({SMALL, again, *others}) == 4
    assert pickle.loads(pickle.dumps(SMALL)) == SMALL


KINDS = [
    kind
    for name in ("csr", "csc", "coo", "lil", "dok", "bsr")
    for kind in (getattr(sp, f"{name}_array"), getattr(sp, f"{name}_matrix"))
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_from_every_scipy_format(kind: Any) -> None:
    mask = np.array([[1, 0, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]], float)
    made = kind(mask) if "bsr" not in kind.__name__ else kind(mask, blocksize=(1, 1))
    assert Topology.from_scipy(made) == SMALL


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
def test_unsorted_rows_are_sorted(kind: Any) -> None:
    made = kind((np.ones(3), np.array([3, 0, 1]), np.array([0, 2, 2, 3])), shape=(3, 4))
    assert Topology.from_scipy(made) == SMALL
    assert made.indices.tolist() == [3, 0, 1], "the matrix must not be changed"


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_explicit_zeros_are_connections(form: str, kind: str) -> None:
    zeros = (np.zeros(3), (np.array([2, 0, 0]), np.array([1, 3, 0])))
    made = getattr(sp, f"coo_{kind}")(zeros, shape=(3, 4)).asformat(form)
    assert made.nnz == 3
    assert Topology.from_scipy(made) == SMALL


@pytest.mark.parametrize(
    "made",
    [
        sp.csr_array((np.ones(2), np.array([1, 1]), np.array([0, 0, 2])), shape=(2, 3)),
        sp.csc_array((np.ones(2), np.array([1, 1]), np.array([0, 0, 2, 2])), shape=(2, 3)),
        sp.coo_array((np.ones(2), (np.array([1, 1]), np.array([1, 1]))), shape=(2, 3)),
        sp.coo_matrix((np.ones(2), (np.array([1, 1]), np.array([1, 1]))), shape=(2, 3)),
    ],
    ids=["csr", "csc", "coo_array", "coo_matrix"],
)
def test_entries_that_occur_twice_are_refused(made: Any) -> None:
    with pytest.raises(InputError, match=r"the connection \(1, 1\) occurs more than once"):
        Topology.from_scipy(made)


@pytest.mark.parametrize("made", [np.eye(2), [[1]], None, sp.coo_array(np.ones(3))], ids=str)
def test_what_is_no_sparse_matrix(made: Any) -> None:
    with pytest.raises(InputError, match="expected a 2-d SciPy sparse matrix, got"):
        Topology.from_scipy(made)


@given(topology=strategies.topologies(), data=st.data())
def test_round_trip_through_scipy(topology: Topology, data: st.DataObject) -> None:
    values = data.draw(strategies.arrays((topology.nnz,), data.draw(strategies.dtypes())))
    matrix = topology.to_scipy(values)
    assert matrix.has_canonical_format
    assert matrix.shape == topology.shape
    assert matrix.data.tobytes() == values.tobytes()
    assert matrix.dtype == values.dtype
    for form in ("csr", "csc", "coo"):
        assert Topology.from_scipy(matrix.asformat(form)) == topology


def test_values_of_another_length() -> None:
    with pytest.raises(InputError, match=r"values must have shape \(3,\), got \(2,\)"):
        SMALL.to_scipy(np.ones(2))


def test_the_scipy_result_owns_its_arrays() -> None:
    values = np.arange(3.0)
    matrix = SMALL.to_scipy(values)
    for own, other in ((matrix.data, values), (matrix.indices, SMALL.indices), (matrix.indptr, SMALL.indptr)):
        assert not np.shares_memory(own, other)
        own[...] = 1
    assert SMALL.edge_ids.tolist() == [0, 3, 9]
    assert values.tolist() == [0, 1, 2]


def test_the_input_is_copied_and_left_writeable() -> None:
    indptr, indices = np.array([0, 1, 2]), np.array([0, 1], np.int32)
    topology = Topology(indptr, indices, (2, 2))
    indptr[1], indices[0] = 0, 1
    assert topology.indptr.tolist() == [0, 1, 2]
    assert topology.indices.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["indptr", "indices"])
def test_the_pattern_is_read_only(name: str) -> None:
    array = getattr(SMALL, name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 7


@pytest.mark.parametrize("again", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "pickle"])
def test_a_copy_is_read_only_too(again: Any) -> None:
    topology = again(SMALL)
    assert topology == SMALL
    assert not topology.indptr.flags.writeable
    assert not topology.indices.flags.writeable


def test_a_deep_copy_is_the_topology_itself() -> None:
    """It cannot change, and a copied model need not validate and transpose it again."""
    assert copy.deepcopy({"a": SMALL})["a"] is SMALL


def test_chosen_slots_are_a_topology() -> None:
    topology = Topology([0, 2, 2, 5, 6], [0, 3, 0, 1, 2, 3], (4, 4))
    for slots in ([], [0], [1, 2, 5], [0, 1, 2, 3, 4, 5]):
        chosen = topology.chosen(np.array(slots, np.int64))
        assert chosen == Topology.from_edges(topology.rows[slots], topology.indices[slots], (4, 4))


@pytest.mark.parametrize("name", ["rows", "transpose.indptr", "transpose.rows", "transpose.slots"])
def test_what_is_derived_and_kept_is_read_only_too(name: str) -> None:
    array: Any = Topology([0, 2, 2, 3], [0, 3, 1], (3, 4))
    for part in name.split("."):
        array = getattr(array, part)
    assert not array.flags.writeable, "a caller could change what the topology keeps"


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "lil"])
def test_values_come_in_slot_order(layout: str) -> None:
    rows, cols, values = np.array([2, 0, 2, 0]), np.array([1, 3, 0, 0]), np.array([1.0, 2.0, 0.0, 4.0])
    matrix = sp.coo_array((values, (rows, cols)), (3, 4))
    if layout != "coo":
        matrix = matrix.asformat(layout)
    topology = Topology.from_scipy(matrix)
    actual = topology.to_scipy(topology.values_of(matrix)).toarray()
    np.testing.assert_array_equal(actual, matrix.toarray())


def test_values_in_unsorted_rows() -> None:
    matrix = sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([3, 0, 1]), np.array([0, 3, 3, 3])), (3, 4))
    np.testing.assert_array_equal(Topology.from_scipy(matrix).values_of(matrix), [2.0, 3.0, 1.0])


def test_values_of_another_pattern_are_refused() -> None:
    with pytest.raises(InputError, match="stores other entries"):
        SMALL.values_of(sp.coo_array((np.ones(1), ([0], [1])), (3, 4)))
