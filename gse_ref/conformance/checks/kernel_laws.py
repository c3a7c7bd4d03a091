"""Level kernels: laws of all its operations: stored zeros, results that stay, the same bits again, any threads.

Each law is tried on every operation that the adapter has; those that it lacks are reported as not covered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ...backends import Geometry
from ...rng import stream
from ...sparse import Topology
from ..adapter import NotCovered
from ..check import Check
from ..judge import Disagreement, array, same_floats
from ..strategies import Convolution, ConvPairs, Product, Sampled
from ..subject import Declaration, Subject
from . import convolutions, kernel_corners, kernels
from .kernels import SECTION
from .operation import Operation

#: Every operation of the level by name.
OPERATIONS: dict[str, Operation] = {
    operation.name: operation for operation, _ in (*kernels.OPERATIONS, *convolutions.OPERATIONS)
}


def _offered(subject: Subject, name: str) -> Operation:
    if name not in subject.operations:
        raise NotCovered(f"no {name}")
    return OPERATIONS[name]


def _each(states: Declaration) -> Iterator[tuple[str, np.dtype]]:
    """Yield each operation with each dtype."""
    yield from ((name, dtype) for name in OPERATIONS for dtype in states.dtypes)


def _case_of(name: str, layer: Product, convolution: Convolution) -> Any:
    """Return what an operation is judged on: a layer, a convolution, or the connections of one as pairs."""
    if name == "gradient_on_pairs":
        return Sampled(layer.topology.rows, layer.topology.indices, layer.dy, layer.x)
    if name == "conv_gradient_on_pairs":
        pattern = convolution.topology
        return ConvPairs(pattern.rows, pattern.indices, convolution.dy, convolution.x, convolution.geometry)
    return convolution if name.startswith("conv_") else layer


def _call(subject: Subject, name: str, case: Any) -> Any:
    with np.errstate(all="ignore"):
        return subject.call(name, *OPERATIONS[name].arguments(case))


def _explicit_zeros(subject: Subject, case: tuple[str, Any]) -> None:
    name, operands = case
    _offered(subject, name).judge(subject, operands)


def _zeros(states: Declaration) -> Iterator[tuple[str, Any]]:
    """Yield the layers with stored zeros, and the same as convolutions of one pixel."""
    for layer in kernel_corners.explicit_zeros(states):
        topology, values, x, dy, bias = layer
        pixel = Convolution(topology, values, x[:, None, None], dy[:, None, None], bias, Geometry(1))
        for name in ("forward", "transposed", "conv_forward", "conv_transposed"):
            yield name, _case_of(name, layer, pixel)


def _results_stay(subject: Subject, case: tuple[str, np.dtype]) -> None:
    name, dtype = case
    _offered(subject, name)
    layer = kernel_corners.product([[1, 1], [0, 1]], dtype, batch=2)
    image = kernel_corners.convolution([[1, 1], [0, 1]], Geometry(1), (1, 2), dtype)
    _call(subject, name, _case_of(name, layer, image))
    first = subject.held[-1]
    before = [held.copy() for held in first]
    layer = layer._replace(values=layer.values * 2, x=layer.x * 3, dy=layer.dy * 5)
    image = image._replace(values=image.values * 2, x=image.x * 3, dy=image.dy * 5)
    others = [known for known in OPERATIONS if known in subject.operations and known != name]
    for other in (*others, name):
        with suppress(NotCovered):
            _call(subject, other, _case_of(other, layer, image))
        for held, copy in zip(first, before, strict=True):
            if held.tobytes() != copy.tobytes():
                what = f"{other} changed an array that an earlier {name} was handed or gave"
                raise Disagreement(what, held, copy, kind="modified")


class _Size(NamedTuple):
    """Sides of a layer (n_out, n_in, batch) and of a convolution (n_out, channels, side, batch)."""

    layer: tuple[int, int, int]
    convolution: tuple[int, int, int, int]


#: To be read by eye; of some 80,000 multiplications; of more than 2^22, which most programs share out to threads.
SMALL, MEDIUM, LARGE = (
    _Size((2, 4, 9), (2, 1, 3, 3)),
    _Size((40, 50, 77), (8, 2, 5, 45)),
    _Size((160, 200, 275), (16, 4, 15, 70)),
)


def _operands(subject: Subject, dtype: np.dtype, size: _Size) -> tuple[Product, Convolution]:
    """Return half full layers of normal numbers."""
    generator = stream(subject.seed, "check")

    def half(*shape: int) -> Topology:
        ids = np.sort(generator.permutation(shape[0] * shape[1])[: shape[0] * shape[1] // 2])
        return Topology.from_edges(*np.divmod(ids, shape[1]), (shape[0], shape[1]))

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(dtype)

    n_out, n_in, batch = size.layer
    dense = half(n_out, n_in)
    layer = Product(dense, normal(dense.nnz), normal(n_in, batch), normal(n_out, batch), normal(n_out))
    n_out, channels, side, batch = size.convolution
    taps, geometry = half(n_out, channels * 9), Geometry(3, 1, 1)
    images = normal(channels, side, side, batch), normal(n_out, side, side, batch)
    return layer, Convolution(taps, normal(taps.nnz), *images, normal(n_out), geometry)


def _each_by_size(states: Declaration) -> Iterator[tuple[str, np.dtype, _Size]]:
    """Yield each operation with each dtype, the small ones first: their example is read."""
    yield from ((name, dtype, size) for size in (SMALL, MEDIUM) for name, dtype in _each(states))


def _same_again(subject: Subject, case: tuple[str, np.dtype, _Size]) -> None:
    name, dtype, size = case
    operation = _offered(subject, name)
    operands = _case_of(name, *_operands(subject, dtype, size))
    first = array(_call(subject, name, operands), operation.result, None, "f")
    again = f"{name} called twice: {operation.result}"
    same_floats(_call(subject, name, operands), first, again, signed_zeros=True)


def _any_threads(subject: Subject, case: tuple[str, np.dtype]) -> None:
    name, dtype = case
    operation = _offered(subject, name)
    operands = _case_of(name, *_operands(subject, dtype, LARGE))
    subject.call("set_threads", 1)
    one = array(_call(subject, name, operands), operation.result, None, "f")
    subject.call("set_threads", 2)
    for _ in range(2):  # a race would differ from itself
        two = f"{name} on two threads and on one: {operation.result}"
        same_floats(_call(subject, name, operands), one, two, signed_zeros=True)


def _stated(states: Declaration) -> str | None:
    return None if states.deterministic else "the adapter states that it is not deterministic"


CHECKS = (
    Check(
        "explicit_zeros",
        "kernels",
        "a stored 0 is a connection: times infinity it is NaN",
        SECTION,
        (),
        _explicit_zeros,
        corners=_zeros,
    ),
    Check(
        "results_stay",
        "kernels",
        "no later call changes what an earlier one was handed or gave",
        SECTION,
        (),
        _results_stay,
        corners=_each,
    ),
    Check(
        "same_bits_again",
        "kernels",
        "the same input gives the same bits",
        SECTION,
        (),
        _same_again,
        corners=_each_by_size,
        seeded=True,
        applies=_stated,
    ),
    Check(
        "same_bits_on_any_threads",
        "kernels",
        "one thread and two give the same bits",
        SECTION,
        ("set_threads",),
        _any_threads,
        corners=_each,
        applies=_stated,
    ),
)
