"""Counts of the host's work: those of the optimizer itself, on arrays that count what NumPy does with them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gse_ref.backends import tally_host
from gse_ref.backends.counting import Tally
from gse_ref.explore.distributions import signs_of
from gse_ref.optim import SGD
from gse_ref.optim.state import BLOCK
from gse_ref.rng import stream
from tests.instrumented.meter import Meter
from tests.unit.optim.parameters import Parameter


class Watched(np.ndarray):
    """An array whose passes through NumPy are counted: operands loaded, results stored, new arrays."""

    meter: Meter

    def __array_finalize__(self, origin: object) -> None:
        self.meter = getattr(origin, "meter", None) or Meter()

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(value) if isinstance(value, np.ndarray) else value for value in inputs]
        given = None if out is None else tuple(np.asarray(value) for value in out)
        result = getattr(ufunc, method)(*plain, **options, **({} if given is None else {"out": given}))
        self.meter.multiply_adds += result.size
        self.meter.bytes_read += sum(value.nbytes for value in plain if isinstance(value, np.ndarray))
        self.meter.bytes_written += result.nbytes
        if given is None:
            self._made(result)
        return (out[0] if out is not None else self._seen(result)) if method == "__call__" else result

    def __array_function__(self, function, types, args, kwargs):
        result = function(*(np.asarray(value) for value in args), **kwargs)
        self._made(result)
        return self._seen(result)

    def _seen(self, array: np.ndarray) -> Watched:
        watched = array.view(Watched)
        watched.meter = self.meter
        return watched

    def _made(self, array: np.ndarray) -> None:
        self.meter.allocations += 1
        self.meter.largest_allocation = max(self.meter.largest_allocation, array.nbytes)


@pytest.mark.parametrize("size", [1, 1000, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    ("optimizer", "decays"),
    [
        (SGD(), True),
        (SGD(weight_decay=0.1), True),
        (SGD(weight_decay=0.1), False),
        (SGD(momentum=0.9), True),
        (SGD(momentum=0.9, weight_decay=0.1), True),
        (SGD(momentum=0.9, nesterov=True), True),
        (SGD(momentum=0.9, nesterov=True, weight_decay=0.1), True),
    ],
)
def test_an_optimizers_step_costs_what_is_told(optimizer: SGD, decays: bool, dtype: type, size: int) -> None:
    meter = Meter()
    data, momentum, gradient = (np.ones(size, dtype).view(Watched) for _ in range(3))
    data.meter = momentum.meter = gradient.meter = meter
    parameters = {"w": Parameter(data, SimpleNamespace(data=gradient), decays)}
    state = {"w": {"momentum": momentum} if optimizer.momentum else {}}
    optimizer.update(parameters, state, 0.5)
    told = tally_host.sgd_step(
        size, data.itemsize, bool(optimizer.momentum), decays and bool(optimizer.weight_decay), optimizer.nesterov
    )
    assert told == meter.tally(calls=1)
    assert (np.asarray(data) < 1).all(), "the step was taken"


def test_nothing_is_one_call() -> None:
    assert tally_host.sgd_step(0) == Tally(allocations=1, calls=1)


def test_random_numbers_fill_one_array() -> None:
    drawn = stream(0, "draw").random((2, 50))
    told = tally_host.random_numbers(drawn.size)
    assert told == Tally(0, 0, drawn.nbytes, drawn.size, allocations=1, largest_allocation=drawn.nbytes, calls=1)


def test_signs_are_integers_doubled_less_one() -> None:
    signs = signs_of(stream(0, "signs"), 9)
    assert set(signs) == {-1.0, 1.0}
    told = tally_host.signs(9)
    assert (told.random_numbers, told.allocations, told.largest_allocation) == (9, 3, signs.nbytes)
    assert (told.multiply_adds, told.bytes_read, told.bytes_written) == (18, 2 * signs.nbytes, 3 * signs.nbytes)
