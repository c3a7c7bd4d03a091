"""Topologies of a device's arrays are those of NumPy's, entry by entry and error by error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from gse_ref.backends import get, use
from gse_ref.backends.arrays import counted_transfers, to_host
from gse_ref.errors import InputError
from gse_ref.rng import stream
from gse_ref.sparse import Topology, edit, empty, sample_inactive
from gse_ref.sparse.patterns import erdos_renyi
from tests.device_array import LIBRARY, DeviceArray, device_backend, on_device

SHAPES = [(1, 1, 1), (5, 7, 12), (8, 3, 0), (6, 6, 36)]
every_shape = pytest.mark.parametrize(("n_out", "n_in", "nnz"), SHAPES)


@pytest.fixture(autouse=True)
def _device() -> Iterator[None]:
    with use(device_backend(get("naive"))):
        yield


def drawn(n_out: int, n_in: int, nnz: int) -> Topology:
    with use("naive"):
        return erdos_renyi((n_out, n_in), nnz, stream(1, "topology"))


def require_equal(device: Topology, host: Topology) -> None:
    """Compare every array, where it is and of which dtype."""
    assert device.shape == host.shape
    with use("naive"):
        plans = dict(zip(("indptr of the plan", "rows of it", "slots", "places"), host.transpose, strict=True))
    pairs = [(device.indptr, host.indptr), (device.indices, host.indices), (device.rows, host.rows)]
    pairs += [(device.edge_ids, host.edge_ids), (device.fan_in(), host.fan_in())]
    pairs += zip(device.transpose, plans.values(), strict=True)
    for actual, expected in pairs:
        assert isinstance(actual, DeviceArray)
        np.testing.assert_array_equal(actual.inner, expected, strict=True)


@every_shape
def test_there_and_back(n_out: int, n_in: int, nnz: int) -> None:
    host = drawn(n_out, n_in, nnz)
    device = host.on(LIBRARY)
    require_equal(device, host)
    assert device.on(LIBRARY) is device
    assert host.on(np) is host
    back = device.on(np)
    assert back == host
    assert hash(back) == hash(device) == hash(host)
    assert not back.indices.flags.writeable
    assert device == host.on(LIBRARY)
    assert (
        (device == drawn(n_out, n_in, nnz - 1).on(LIBRARY)) is False
        if nnz
        else device == empty(host.shape).on(LIBRARY)
    )
    values = np.arange(nnz, dtype=np.float32)
    assert (device.to_scipy(on_device(values)) != host.to_scipy(values)).nnz == 0


@every_shape
def test_made_of_arrays_of_the_device(n_out: int, n_in: int, nnz: int) -> None:
    host = drawn(n_out, n_in, nnz)
    require_equal(Topology(on_device(host.indptr), on_device(host.indices), host.shape), host)
    rows, cols = on_device(host.rows[::-1]), on_device(host.indices[::-1])
    require_equal(Topology.from_edges(rows, cols, host.shape), host)
    slots = np.arange(0, nnz, 2)
    require_equal(host.on(LIBRARY).chosen(on_device(slots)), host.chosen(slots))


def _edges(rows: list[int], cols: list[int]) -> Callable[[Any], Topology]:
    return lambda place: Topology.from_edges(place(np.array(rows)), place(np.array(cols)), (2, 3))


def _csr(indptr: list[int], indices: list[int]) -> Callable[[Any], Topology]:
    return lambda place: Topology(place(np.array(indptr)), place(np.array(indices, np.int64)), (2, 3))


@pytest.mark.parametrize(
    "make",
    [
        _csr([0, 1], [0]),
        _csr([0, 1, 3], [0, 1]),
        _csr([0, 2, 1], [0]),
        _csr([0, 1, 2], [0, 3]),
        _csr([0, 1, 2], [-1, 0]),
        _csr([0, 1, 3], [0, 1, 1]),
        _csr([0, 1, 3], [0, 2, 1]),
        _csr([0, 1, 2], [0, 2**40]),
        _edges([0, 0], [1, 1]),
        _edges([0, 2], [1, 1]),
        _edges([0, 1], [1, 3]),
        _edges([0, 1], [1]),
        lambda place: Topology(place(np.zeros(3)), place(np.zeros(0, np.int32)), (2, 3)),
    ],
)
def test_faults_are_told_alike(make: Callable[[Any], Topology]) -> None:
    with pytest.raises(InputError) as host:
        make(np.array)
    with pytest.raises(InputError) as device:
        make(on_device)
    assert str(device.value) == str(host.value)


def test_edits_and_their_faults() -> None:
    host = drawn(5, 7, 12)
    device, absent = host.on(LIBRARY), np.flatnonzero(~np.isin(np.arange(35), host.edge_ids))[[2, 5, 9]]
    pruned, (rows, cols) = np.array([0, 4, 11]), np.divmod(absent, 7)
    with use("naive"):
        expected, slot_map = edit(host, pruned, rows, cols)
    actual, there = edit(device, on_device(pruned), on_device(rows), on_device(cols))
    require_equal(actual, expected)
    np.testing.assert_array_equal(to_host(there.target), slot_map.target)
    values = np.arange(12.0)
    with use("naive"):
        carried = slot_map.carry(values)
    np.testing.assert_array_equal(to_host(there.carry(on_device(values))), carried)
    for wrong in (np.array([4, 0]), np.array([3, 3]), np.array([12]), np.array([-1])):
        with pytest.raises(InputError, match="pruned slots must be strictly increasing"):
            edit(device, on_device(wrong), on_device(rows), on_device(cols))
    with pytest.raises(InputError, match="already active"):
        edit(device, on_device(pruned[:0]), on_device(host.rows[:1]), on_device(host.indices[:1]))


@pytest.mark.parametrize("k", [0, 3, 40, 300])
def test_the_same_connections_are_drawn(k: int) -> None:
    hosts = [drawn(5, 7, 12), drawn(20, 30, 60)]
    with use("naive"):
        expected = sample_inactive(hosts, k, stream(2, "grow"))
    with counted_transfers() as counted:
        actual = sample_inactive([host.on(LIBRARY) for host in hosts], k, stream(2, "grow"))
    assert counted.to_host == 0
    for one, other in zip(actual, expected, strict=True):
        for own, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(own.inner, wanted, strict=True)
