"""Edits are set algebra on connections; survivors keep their values bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from gse_ref.backends import use
from gse_ref.conformance import strategies
from gse_ref.errors import InputError
from gse_ref.sparse import SlotMap, Topology, edit, full

SMALL = Topology([0, 2, 2, 3], [0, 3, 1], (3, 4))
NONE = np.empty(0, np.int32)


def ids(*pairs: tuple[int, int]) -> set[int]:
    return {4 * i + j for i, j in pairs}


@given(case=strategies.edits())
def test_the_result_is_set_algebra(case: strategies.Edit) -> None:
    topology, pruned, rows, cols, values = case
    before = topology.edge_ids.copy()
    changed, slots = edit(topology, pruned, rows, cols)
    grown = rows.astype(np.int64) * topology.n_in + cols
    expected = (set(before.tolist()) - set(before[pruned].tolist())) | set(grown.tolist())
    assert changed.edge_ids.tolist() == sorted(expected)
    assert changed.shape == topology.shape
    assert (slots.old_nnz, slots.new_nnz) == (topology.nnz, changed.nnz)
    assert topology.edge_ids.tolist() == before.tolist(), "the old topology must not change"

    moved = slots.carry(values)
    kept = np.delete(np.arange(topology.nnz), pruned)
    assert (slots.target[pruned] == -1).all()
    np.testing.assert_array_equal(changed.edge_ids[slots.target[kept]], before[kept])
    assert moved[slots.target[kept]].tobytes() == values[kept].tobytes()
    assert moved[np.isin(changed.edge_ids, grown)].tobytes() == bytes(len(grown) * values.itemsize), "grown are +0"


@given(case=strategies.edits())
def test_an_edit_can_be_undone(case: strategies.Edit) -> None:
    topology, pruned, rows, cols, _ = case
    changed, _ = edit(topology, pruned, rows, cols)
    grown = np.searchsorted(changed.edge_ids, rows.astype(np.int64) * topology.n_in + cols)
    back, _ = edit(changed, grown, topology.rows[pruned], topology.indices[pruned])
    assert back == topology


@given(case=strategies.edits())
def test_every_backend_edits_alike(case: strategies.Edit) -> None:
    with use("naive"):
        expected, expected_slots = edit(*case[:4])
        expected_values = expected_slots.carry(case.values)
    actual, slots = edit(*case[:4])
    assert actual == expected
    assert slots.target.tolist() == expected_slots.target.tolist()
    assert slots.carry(case.values).tobytes() == expected_values.tobytes()


def test_a_small_edit() -> None:
    changed, slots = edit(SMALL, np.array([1]), np.array([0, 1, 2]), np.array([2, 2, 0]))
    assert set(changed.edge_ids.tolist()) == ids((0, 0), (0, 2), (1, 2), (2, 0), (2, 1))
    assert slots.target.tolist() == [0, -1, 4]
    assert slots.carry(np.array([7.0, 8.0, -0.0])).tolist() == [7, 0, 0, 0, 0]
    assert np.signbit(slots.carry(np.array([7.0, 8.0, -0.0])))[4]


def test_a_pruned_connection_may_be_grown_again_only_as_a_new_one() -> None:
    with pytest.raises(InputError):
        edit(SMALL, NONE, np.array([0]), np.array([3]))
    changed, slots = edit(SMALL, np.array([1]), np.array([0]), np.array([3]))
    assert changed == SMALL
    assert slots.carry(np.array([1.0, 2.0, 3.0])).tolist() == [1, 0, 3]


REFUSED: list[tuple[list[int], list[int], list[int], str]] = [
    ([], [0, 1], [1], "grown rows and columns differ in length: 2 and 1"),
    ([3], [], [], "pruned slots must be strictly increasing and lie in the topology"),
    ([-1], [], [], "pruned slots must be strictly increasing"),
    ([1, 0], [], [], "pruned slots must be strictly increasing"),
    ([1, 1], [], [], "pruned slots must be strictly increasing"),
    ([], [3], [0], "grown pairs must be strictly increasing and lie in the topology"),
    ([], [-1], [0], "grown pairs must be strictly increasing"),
    ([], [1, 0], [0, 1], "grown pairs must be strictly increasing"),
    ([], [1, 1], [0, 0], "grown pairs must be strictly increasing"),
    ([], [2], [1], "a grown pair is already active or outside"),
    ([], [0], [0], "a grown pair is already active or outside"),
    ([], [0], [4], "a grown pair is already active or outside"),
    ([], [1], [-1], "a grown pair is already active or outside"),
    ([], [3], [-1], "a grown pair is already active or outside"),
    ([], [-1], [4], "a grown pair is already active or outside"),
]


@pytest.mark.parametrize(("pruned", "rows", "cols", "message"), REFUSED)
def test_bad_edits_are_refused(pruned: list[int], rows: list[int], cols: list[int], message: str) -> None:
    for backend in ("cpu", "naive"):
        with use(backend), pytest.raises(InputError, match=message):
            edit(SMALL, np.array(pruned, np.int64), np.array(rows, np.int32), np.array(cols, np.int32))


@pytest.mark.parametrize(
    ("pruned", "rows", "cols"),
    [([], [0], [1.5]), ([], [1.5], [1]), ([0.5], [], [])],
    ids=["column", "row", "slot"],
)
def test_numbers_that_are_no_integers_are_refused_not_cut(
    pruned: list[Any], rows: list[Any], cols: list[Any]
) -> None:
    with pytest.raises(InputError):
        edit(SMALL, np.array(pruned), np.array(rows), np.array(cols))


@pytest.mark.parametrize("array", [np.zeros(2), np.zeros((3, 1)), np.float64(1)], ids=["short", "2-d", "0-d"])
def test_carry_wants_one_value_a_slot(array: Any) -> None:
    _, slots = edit(SMALL, NONE.astype(np.int64), NONE, NONE)
    with pytest.raises(InputError, match=r"expected an array of shape \(3,\), one value a slot, got"):
        slots.carry(array)


def test_carry_keeps_the_dtype_and_copies() -> None:
    slots = SlotMap(np.array([0, 1], np.int32), 2)
    for dtype in (np.float32, np.float64, np.int64, bool):
        array = np.array([1, 0], dtype)
        moved = slots.carry(array)
        assert moved.dtype == dtype
        assert not np.shares_memory(moved, array)
        assert moved.tolist() == array.tolist()


def test_from_full_to_empty() -> None:
    whole = full((3, 4))
    changed, slots = edit(whole, np.arange(12), NONE, NONE)
    assert (changed.nnz, slots.new_nnz) == (0, 0)
    assert slots.carry(np.ones(12)).shape == (0,)
