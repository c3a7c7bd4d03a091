"""Every operation of the table: value, gradient, gradient of the gradient, dtype."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.autodiff import Tensor, check_gradient
from tests.bounds import assert_close
from tests.unit.autodiff.cases import CASES, Case

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_is_numpys(case: Case, dtype: type) -> None:
    arrays = [array.astype(dtype) for array in case.arrays]
    actual = case.function(*[Tensor(array) for array in arrays])
    expected = np.asarray(case.oracle(*arrays))
    assert actual.dtype == dtype
    length = max(array.size for array in arrays)
    assert_close(actual.numpy(), expected, magnitude=1 + np.max(np.abs(expected)), length=length)


@every_case
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradient(case: Case, order: int) -> None:
    for seed in range(2):
        check_gradient(case.function, *case.arrays, seed=seed, order=order).require()


@every_case
def test_gradient_has_the_dtype_and_shape_of_the_input(case: Case) -> None:
    inputs = [Tensor(array.astype(np.float32), requires_grad=True) for array in case.arrays]
    doubles = [Tensor(array, requires_grad=True) for array in case.arrays]
    case.function(*inputs).sum().backward()
    case.function(*doubles).sum().backward()
    for single, double in zip(inputs, doubles, strict=True):
        assert single.grad is not None
        assert double.grad is not None
        assert single.grad.dtype == np.float32
        expected = double.grad.numpy()
        magnitude = 4 + np.max(np.abs(expected))
        assert_close(single.grad.numpy(), expected, magnitude, length=max(x.size for x in inputs))
