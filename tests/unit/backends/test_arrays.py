"""Which library an array belongs to, and what passes the doors between two."""

from __future__ import annotations

import sys
import types

import array_api_strict as strict
import numpy as np
import pytest
from scipy import special

from gse_ref.backends import arrays, get, shadow
from gse_ref.backends.counting import Counter, counting
from gse_ref.errors import InputError
from tests.device_array import LIBRARY, DeviceArray, device_backend, on_device


@pytest.mark.parametrize("value", [np.zeros(2), np.float32(1), 1.5, True, [1, 2], "text", None])
def test_what_is_of_the_host(value: object) -> None:
    assert arrays.namespace(value) is np
    assert not arrays.is_elsewhere(value)
    assert arrays.is_array(value) == isinstance(value, np.ndarray)


@pytest.mark.parametrize(("array", "library"), [(on_device(np.zeros(2)), LIBRARY), (strict.zeros(2), strict)])
def test_an_array_that_names_its_library(array: object, library: object) -> None:
    assert arrays.namespace(array) is library
    assert arrays.is_elsewhere(array)
    assert arrays.is_array(array)


def test_cupys_arrays_do_not_name_their_library_and_are_known_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("cupy")
    kind = type(
        "ndarray", (), {"__module__": "cupy", "dtype": np.dtype(np.float32), "get": lambda self: np.ones(2)}
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    assert arrays.namespace(kind()) is module
    np.testing.assert_array_equal(arrays.to_host(kind()), [1.0, 1.0])
    assert not arrays.is_elsewhere(type("Stream", (), {"__module__": "cupy.cuda"})())


def test_the_library_of_a_backend_is_that_of_what_it_gives() -> None:
    cpu, naive = get("cpu"), get("naive")
    for backend in (cpu, naive, shadow(cpu, naive), counting(cpu, Counter())):
        assert arrays.library_of(backend) is np
    assert arrays.library_of(device_backend(cpu)) is LIBRARY


def test_transfers_are_counted_and_only_real_ones() -> None:
    host = np.arange(3.0)
    with arrays.counted_transfers() as outer:
        there = arrays.to_device(host, LIBRARY)
        with arrays.counted_transfers() as inner:
            assert arrays.item(there[1]) == 1.0
            assert arrays.to_host(host) is host
            assert arrays.to_device(host, np) is host
            assert arrays.to_device(there, LIBRARY) is there
            assert arrays.moved(there, LIBRARY) is there
            assert arrays.moved(host, np) is host
        back = arrays.moved(there, np)
    assert inner == arrays.Transfers(to_host=1, to_device=0)
    assert outer == arrays.Transfers(to_host=1, to_device=1)
    np.testing.assert_array_equal(back, host)


def test_a_copy_is_taken_to_where_it_is_wanted() -> None:
    host = np.arange(3.0)
    for source in (host, on_device(host)):
        copy = arrays.taken(source, on_device(host))
        assert isinstance(copy, DeviceArray)
        copy[0] = 5.0
        np.testing.assert_array_equal(arrays.to_host(source), host)
    own = arrays.taken(host, host)
    own[0] = 5.0
    assert host[0] == 0.0


def test_the_standards_arrays_come_to_the_host() -> None:
    np.testing.assert_array_equal(arrays.to_host(strict.arange(3)), [0, 1, 2])


@pytest.mark.parametrize("value", [2, 0.1, np.float32(0.1), np.array(0.1)])
def test_a_number_beside_an_array_is_filled_in_without_a_transfer(value: float) -> None:
    like = np.zeros(3, np.float32)
    with arrays.counted_transfers() as counted:
        there = arrays.constant(value, on_device(like))
    assert counted == arrays.Transfers()
    np.testing.assert_array_equal(arrays.to_host(there), arrays.constant(value, like), strict=True)


def test_an_array_of_the_host_beside_one_of_a_device_is_refused() -> None:
    with pytest.raises(InputError, match=r"an array of the host, \(2,\), stands beside one of device"):
        arrays.constant([1.0, 2.0], on_device(np.zeros(2)))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [np.array, on_device])
def test_what_is_finite(odd: float, place) -> None:
    assert arrays.all_finite(place([1.0, 2.0]))
    assert arrays.all_finite(place([]))
    assert not arrays.all_finite(place([1.0, odd]))


def test_special_functions_are_those_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arrays.special(np.zeros(2)) is special
    with pytest.raises(InputError, match="no error function is known for arrays of array_api_strict"):
        arrays.special(strict.zeros(2))
    monkeypatch.setitem(arrays.SPECIAL, "array_api_strict", "math")
    assert arrays.special(strict.zeros(2)) is sys.modules["math"]


@pytest.mark.parametrize("read", [bool, int, float, list, np.asarray, np.exp, np.sum, lambda x: np.zeros(1) + x])
def test_the_stand_in_refuses_what_nobody_asked_for(read) -> None:
    with pytest.raises(TypeError, match="nobody"):
        read(on_device(np.ones(1)))


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x + np.ones(1),
        lambda x: x[np.array([0])],
        lambda x: LIBRARY.exp(np.ones(1)),
        lambda x: device_backend(get("cpu")).top_k(np.ones(1), 1),
    ],
)
def test_the_stand_in_refuses_arrays_of_the_host(mix) -> None:
    with pytest.raises(TypeError, match="nobody handed it over"):
        mix(on_device(np.ones(1)))
