"""The rules on arrays of other libraries: a stand-in for a device bit for bit, and the strict array standard."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from scipy import special

import gse_ref.autodiff as ad
from gse_ref.backends import arrays, get, use
from gse_ref.errors import InputError
from tests.device_array import device_backend, on_device, unwrap, wrap
from tests.unit.autodiff import cases
from tests.unit.autodiff.cases import CASES, Case, spread

Place = Callable[[np.ndarray], Any]
#: Cases whose function holds an operand of the host: refused beside an array of a device.
HOST_OPERANDS = {"radd array", "rmatmul array"}
#: What cases need beyond the array standard; all of it is in CuPy.
BEYOND_THE_STANDARD = {
    "scipy.special": {"sigmoid", "gelu"},
    "a kernel of the backend": {"relu"},
    "a product of float and bool": {"where"},
    "ddof, which the standard calls correction and CuPy does not": {"var all", "var ddof", "var axes keepdims"},
    "NumPy's indices, and add.at for repeated ones": {
        *("index None", "index repeated rows", "index list", "index pairs", "index mixed")
    },
    "in-place subtraction at a list of elements": {
        *("cross_entropy", "cross_entropy smoothed", "cross_entropy classes last", "cross_entropy pixels"),
        *("cross_entropy one sample", "two layers"),
    },
}


class DeviceSpecial:
    """The stand-in's `scipy.special`."""

    expit = staticmethod(lambda x: wrap(special.expit(unwrap(x))))
    ndtr = staticmethod(lambda x: wrap(special.ndtr(unwrap(x))))


def _on(place: Place, case: Case, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Return output, gradients and gradients of the gradients of one case, brought to the host."""
    leaves = [ad.Tensor(place(array.astype(np.float32)), requires_grad=True) for array in case.arrays]
    with monkeypatch.context() as patch:
        for name in ("KEEP", "ROWS", "COLUMNS"):
            patch.setattr(cases, name, place(getattr(cases, name)))
        out = case.function(*leaves)
    first = ad.grad((out * out).sum(), leaves, create_graph=True)
    scalar = reduce(ad.add, [(g * g).sum() for g in first if g is not None], (out * 0.5).sum())
    return [np.empty(0) if t is None else t.numpy() for t in (out, *first, *ad.grad(scalar, leaves))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_device_gives_numpys_bits_without_a_transfer(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(arrays.SPECIAL, "tests", "tests.unit.autodiff.test_other_libraries")
    monkeypatch.setattr(arrays, "import_module", lambda name: DeviceSpecial)
    with use(device_backend(get("cpu"))), arrays.counted_transfers() as counted:
        if case.name in HOST_OPERANDS:
            with pytest.raises(InputError, match="stands beside one of device"):
                _on(on_device, case, monkeypatch)
            return
        actual = _on(on_device, case, monkeypatch)
    assert counted.to_device == (1 if "cross_entropy" in case.name or case.name == "two layers" else 0)  # labels
    assert counted.to_host == len([array for array in actual if array.size])  # what the test itself asks for
    expected = _on(np.array, case, monkeypatch)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_array_standard_suffices_but_where_said(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.name in HOST_OPERANDS.union(*BEYOND_THE_STANDARD.values()):
        with pytest.raises((TypeError, IndexError, AttributeError, InputError)):
            _on(strict.asarray, case, monkeypatch)
        return
    actual = _on(strict.asarray, case, monkeypatch)
    for one, other in zip(actual, _on(np.array, case, monkeypatch), strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_of_the_strict_standards_cross_entropy() -> None:
    logits, labels = spread(3, 6), np.array([2, 0, 1, 1, 2, 0])
    expected = ad.cross_entropy(logits, labels, label_smoothing=0.1)
    assert (
        ad.cross_entropy(ad.Tensor(strict.asarray(logits)), labels, label_smoothing=0.1).item() == expected.item()
    )


@pytest.mark.parametrize("order", [1, 2])
def test_the_gradient_check_runs_on_a_device_and_still_fails_a_wrong_rule(order: int) -> None:
    points = on_device(spread(3, 4)), on_device(spread(4))
    ad.check_gradient(lambda x, y: ad.exp(x * y), *points, order=order).require()
    wrong = ad.Op("wrong", lambda x: x * x, lambda grad, out, inputs, needs: (grad * inputs[0] * 2.002,))
    assert not ad.check_gradient(lambda x, y: ad.apply(wrong, x) * y, *points, order=order)


def test_a_tensor_of_the_device_tells_no_numbers_unasked() -> None:
    tensor = ad.Tensor(on_device(np.array([1.0, 2.0])))
    with arrays.counted_transfers() as counted:
        assert repr(tensor) == "Tensor(<array of device>, shape=(2,), dtype=float64)"
        assert counted.to_host == 0
        assert tensor.sum().item() == 3.0
        assert counted.to_host == 1
        np.testing.assert_array_equal(tensor.numpy(), [1.0, 2.0])
        assert counted.to_host == 2
    with pytest.raises(TypeError, match="nobody asked"):
        np.asarray(tensor.data)


@pytest.mark.parametrize("operation", [ad.add, ad.matmul, lambda x, y: ad.concatenate([x, y])])
@pytest.mark.parametrize("swapped", [False, True])
def test_tensors_of_two_libraries_do_not_mix(operation: Callable[..., ad.Tensor], swapped: bool) -> None:
    pair = ad.Tensor(on_device(spread(3, 3))), ad.Tensor(spread(3, 3))
    with pytest.raises(InputError, match="device and numpy"):
        operation(*(pair[::-1] if swapped else pair))


def test_integers_of_the_device_are_no_tensor() -> None:
    with pytest.raises(InputError, match="float32 or float64, got int64"):
        ad.Tensor(on_device(np.arange(3)))


def test_labels_of_the_device_are_checked_there() -> None:
    logits, labels = ad.Tensor(on_device(spread(3, 6))), np.array([2, 0, 1, 1, 2, 0])
    assert ad.cross_entropy(logits, on_device(labels)).item() == ad.cross_entropy(spread(3, 6), labels).item()
    with pytest.raises(InputError, match=r"labels must lie in \[0, 3\), got 0 to 3"):
        ad.cross_entropy(logits, on_device(np.array([3, 0, 1, 1, 2, 0])))
    with pytest.raises(InputError, match="labels must be integers"):
        ad.cross_entropy(logits, on_device(np.ones(6)))
