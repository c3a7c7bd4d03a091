"""A device's backend behind NumPy arrays: the same numbers, and every copy counted."""

from __future__ import annotations

import numpy as np

from gse_ref.backends import get
from gse_ref.backends.arrays import counted_transfers
from gse_ref.backends.hosted import hosted
from gse_ref.sparse import full
from tests.device_array import device_backend


def test_a_backend_of_the_host_is_itself() -> None:
    assert hosted(get("cpu")) is get("cpu")


def test_arrays_in_nested_tuples_go_there_and_back() -> None:
    host = get("naive")
    device, topology = hosted(device_backend(host)), full((3, 4))
    x, dy = np.arange(8.0).reshape(4, 2), np.arange(6.0).reshape(3, 2)
    with counted_transfers() as counted:
        plan = device.transpose_index(topology.indptr, topology.indices, topology.n_in)
        dx, dvalues = device.spmm_backward(plan, np.arange(12.0), x, dy)
    assert type(plan) is type(host.transpose_index(topology.indptr, topology.indices, topology.n_in))
    expected = host.spmm_backward(plan, np.arange(12.0), x, dy)
    assert all(isinstance(part, np.ndarray) for part in (*plan, dx, dvalues))
    np.testing.assert_array_equal(dx, expected[0])
    np.testing.assert_array_equal(dvalues, expected[1])
    assert (counted.to_device, counted.to_host) == (2 + 7, 4 + 2)


def test_named_arguments_go_there_too() -> None:
    host, topology = get("naive"), full((2, 3))
    operands = topology.indptr, topology.indices, np.ones(6), np.ones((3, 2))
    y = hosted(device_backend(host)).spmm(*operands, bias=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(y, host.spmm(*operands, np.array([1.0, 2.0])))
