"""Gradient check along one random direction, with an error bound computed rather than chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
from numpy.typing import ArrayLike

from ..backends.arrays import item, namespace, to_device
from ..errors import InputError, MismatchError, ShapeError
from ..rng import stream
from .backward import grad
from .elementwise import add, mul
from .reduce import sum
from .tensor import Tensor, grad_mode, no_grad

Function = Callable[..., Tensor]

#: First step, relative to the largest element of each array: 2**-12 keeps the sixth-order truncation near
#: rounding for functions that vary on a scale of 1, and keeps clear of kinks farther away than that.
STEP = 2.0**-12
#: Rounding of one evaluation in units of eps · magnitude: forward passes of some tens of operations.
ROUNDING = 64.0
#: A bound wider than this share of the derivative's size decides nothing.
SHARPNESS = 1e-5


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one directional check; true in a condition if it passed.

    Attributes
    ----------
    order : 1 for the gradient, 2 for the gradient of the gradient, ...
    actual : the rules' gradient times the direction. expected : the extrapolated central difference.
    bound : largest |actual - expected| that step size and rounding explain.
    size : how large the derivative typically is; the bound must be small against it.
    flat : how small a derivative is indistinguishable from zero, given the size of the function.
    """

    order: int
    actual: float
    expected: float
    bound: float
    size: float
    flat: float

    @property
    def conclusive(self) -> bool:
        """Whether the bound is small enough to decide; a gradient that is not finite always is wrong."""
        return not math.isfinite(self.actual) or bool(self.bound <= max(SHARPNESS * self.size, self.flat))

    @property
    def passed(self) -> bool:
        """Whether the gradient agrees within a conclusive bound; never with numbers that are not finite."""
        close = abs(self.actual - self.expected) <= self.bound < math.inf
        return bool(close) and self.conclusive

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "agrees" if self.passed else "DISAGREES" if self.conclusive else "is INCONCLUSIVE"
        ratio = f" (ratio {self.actual / self.expected:.9g})" if self.expected else ""
        hint = (
            ""
            if self.conclusive
            else (
                ": the bound is too wide to decide, the function is not finite or has a kink, a jump or noise "
                f"within {STEP:.1g} of the point; move the point away from it"
            )
        )
        return (
            f"gradient check of order {self.order} {verdict}: the rules give {self.actual!r}, central "
            f"differences {self.expected!r}{ratio}, difference {abs(self.actual - self.expected):.3g}, "
            f"bound {self.bound:.3g}{hint}"
        )

    def require(self) -> None:
        """Raise MismatchError with the whole story unless the check passed."""
        if not self.passed:
            raise MismatchError(str(self))


def _contract(tensors: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return Σ weights · tensors as one scalar."""
    return reduce(add, [sum(mul(tensor, weight)) for tensor, weight in zip(tensors, weights, strict=True)])


def _scalar(function: Function) -> Function:
    """Return (cotangent, *inputs) -> <cotangent, function(inputs)>: the incoming gradient is an input."""

    def contracted(cotangent: Tensor, *inputs: Tensor) -> Tensor:
        return _contract((function(*inputs),), (cotangent,))

    return contracted


def _gradients(function: Function, inputs: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
    """Return the gradient of a scalar function at `inputs`, zeros where it does not depend on one."""
    with grad_mode(True):
        # Fresh nodes, so that a pass inside a pass differentiates with respect to these only.
        points = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in inputs]
        value = function(*points)
        found = grad(value, points, create_graph=create_graph) if value.requires_grad else [None] * len(points)
    return [
        Tensor(namespace(point.data).zeros_like(point.data)) if part is None else part
        for point, part in zip(points, found, strict=True)
    ]


def _derived(function: Function, directions: Sequence[Tensor]) -> Function:
    """Return inputs -> <directions, gradient of the scalar function>: a scalar again, one order up."""

    def derived(*inputs: Tensor) -> Tensor:
        return _contract(_gradients(function, inputs, create_graph=True), directions)

    return derived


def _direction(arrays: Sequence[np.ndarray], seed: int, layer: int) -> list[np.ndarray]:
    """Return random signs times sizes in [0.5, 1): every element counts, none moves farther than 1."""
    generator = stream(seed, "check", layer=layer)
    draws = []
    for array in arrays:
        signs = 1.0 - 2.0 * generator.integers(0, 2, array.shape)
        draws.append(to_device(np.asarray(signs * generator.uniform(0.5, 1.0, array.shape)), namespace(array)))
    return draws


def _difference(
    function: Function, points: Sequence[np.ndarray], direction: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Return the directional derivative by central differences of three steps, and its truncation error.

    Two Richardson extrapolations leave an error of the order step**6; the last correction, of the order
    step**4, bounds it generously.
    """

    def value(step: float) -> float:
        return function(*[Tensor(p + step * d) for p, d in zip(points, direction, strict=True)]).item()

    with no_grad():
        coarse, middle, fine = ((value(h) - value(-h)) / (2 * h) for h in (STEP, STEP / 2, STEP / 4))
    first = (4 * middle - coarse) / 3
    second = (4 * fine - middle) / 3
    return (16 * second - first) / 15, 4 * abs(second - first)


def _reduced(
    function: Function, arrays: Sequence[ArrayLike], seed: int, order: int
) -> tuple[Function, list[np.ndarray]]:
    """Return a scalar function whose first gradient is to be checked, and where."""
    libraries = [namespace(array) for array in arrays]
    points = [xp.astype(xp.asarray(array), xp.float64) for xp, array in zip(libraries, arrays, strict=True)]
    with no_grad():
        output = function(*[Tensor(point) for point in points])
    if output.dtype != namespace(output.data).float64:
        raise ShapeError(f"the function returned {output.dtype} for float64 inputs: keep the dtype")
    (cotangent,) = _direction([output.data], seed, layer=0)
    if order == 1:
        return partial(_scalar(function), Tensor(cotangent)), points
    scalar = _scalar(function)
    points = [cotangent, *points]
    for level in range(1, order):
        weights = _direction(points, seed, layer=2 * level)
        if level == 1:
            # The gradient with respect to the cotangent is the function itself: no rule's work.
            weights[0][...] = 0
        scalar = _derived(scalar, [Tensor(weight) for weight in weights])
    return scalar, points


def check_gradient(function: Function, *arrays: ArrayLike, seed: int = 0, order: int = 1) -> CheckResult:
    """Compare the gradient of `function` with central differences along one random direction, in float64.

    The function's output is contracted with a random array, which for higher orders is an input like the
    others, so that rules are checked with respect to the incoming gradient too. Costs six evaluations and one
    gradient, whatever the size. The error bound is the last Richardson correction plus the rounding of the
    evaluations, ROUNDING · eps · (Σ|w f| + Σ|g x|) / step: some 1e-9 of the derivative, so that a factor of
    1.001 on one term is caught.

    Parameters
    ----------
    function : tensors -> tensor of any shape; must not draw random numbers, and must be differentiable within
        2**-12 of the point, relative to the largest element of each array.
    arrays : where to check, of any one library; cast to float64.
    seed : of the random direction and contraction.
    order : 1 checks the gradient, 2 the gradient of the gradient, and so on.

    Returns
    -------
    CheckResult; ``.require()`` raises MismatchError with what was computed, expected and allowed.

    Raises
    ------
    InputError : an order below 1, or no arrays.
    """
    if order < 1 or not arrays:
        raise InputError(f"check_gradient wants order >= 1 and at least one array, got {order} and {len(arrays)}")
    scalar, points = _reduced(function, arrays, seed, order)
    scales = [(float(item(abs(point).max())) if point.size else 0.0) or 1.0 for point in points]
    direction = [s * d for s, d in zip(scales, _direction(points, seed, layer=2 * order - 1), strict=True)]

    gradients = [g.data for g in _gradients(scalar, [Tensor(point) for point in points], create_graph=False)]
    terms = [g * d for g, d in zip(gradients, direction, strict=True)]
    actual = float(np.sum([item(term.sum()) for term in terms]))
    expected, truncation = _difference(scalar, points, direction)
    with no_grad():
        magnitude = abs(scalar(*[Tensor(point) for point in points]).item())
    magnitude += float(np.sum([item(abs(g * p).sum()) for g, p in zip(gradients, points, strict=True)]))
    rounding = ROUNDING * np.finfo(np.float64).eps * magnitude
    typical = float(np.sqrt(np.sum([item((term * term).sum()) for term in terms])))
    return CheckResult(
        order=order,
        actual=actual,
        expected=expected,
        bound=float(truncation + rounding / STEP),
        size=max(abs(actual), abs(expected), typical),
        flat=float(2 * rounding / STEP),
    )
