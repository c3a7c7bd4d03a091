"""Rules of operations that act element by element, with NumPy's broadcasting."""

from __future__ import annotations

import math

import numpy as np

from ..backends import active
from ..backends.arrays import is_elsewhere, namespace
from ..backends.memory import empty
from ..errors import InputError
from . import compute
from .shape import sum_to
from .tensor import Op, Operand, Tensor, apply

Needs = tuple[bool, ...]
Pair = tuple[Tensor | None, Tensor | None]


def _add_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: Needs) -> Pair:
    x, y = inputs
    return (sum_to(grad, x.shape) if needs[0] else None, sum_to(grad, y.shape) if needs[1] else None)


ADD = Op("add", compute.add, _add_vjp)


def add(x: Operand, y: Operand) -> Tensor:
    """Return x + y."""
    return apply(ADD, x, y)


def _sub_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: Needs) -> Pair:
    x, y = inputs
    return (sum_to(grad, x.shape) if needs[0] else None, neg(sum_to(grad, y.shape)) if needs[1] else None)


SUB = Op("sub", compute.subtract, _sub_vjp)


def sub(x: Operand, y: Operand) -> Tensor:
    """Return x - y."""
    return apply(SUB, x, y)


def _mul_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: Needs) -> Pair:
    x, y = inputs
    return (
        sum_to(mul(grad, y), x.shape) if needs[0] else None,
        sum_to(mul(grad, x), y.shape) if needs[1] else None,
    )


MUL = Op("mul", compute.multiply, _mul_vjp)


def mul(x: Operand, y: Operand) -> Tensor:
    """Return x · y, element by element."""
    return apply(MUL, x, y)


def _div_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: Needs) -> Pair:
    x, y = inputs
    scaled = div(grad, y)
    return (
        sum_to(scaled, x.shape) if needs[0] else None,
        neg(sum_to(mul(scaled, out), y.shape)) if needs[1] else None,
    )


DIV = Op("div", compute.divide, _div_vjp)


def div(x: Operand, y: Operand) -> Tensor:
    """Return x / y."""
    return apply(DIV, x, y)


NEG = Op("neg", compute.negative, lambda grad, out, inputs, needs: (neg(grad),))


def neg(x: Operand) -> Tensor:
    """Return -x."""
    return apply(NEG, x)


def _pow_forward(x: np.ndarray, exponent: float) -> np.ndarray:
    return compute.multiply(x, x) if exponent == 2 else compute.pow(x, exponent)


def _pow_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, exponent: float
) -> tuple[Tensor | None]:
    # Exponents 0 and 1 apart: at x = 0 the formula would be 0 · 0**-1, or end in it one order later.
    if exponent == 0:
        return (None,)
    if exponent == 1:
        return (grad,)
    return (mul(grad, mul(power(inputs[0], exponent - 1), exponent)),)


POWER = Op("power", _pow_forward, _pow_vjp)


def power(x: Operand, exponent: float) -> Tensor:
    """Return x to the power of a constant number."""
    if isinstance(exponent, Tensor) or np.ndim(exponent) or isinstance(exponent, complex):
        raise InputError(
            f"the exponent must be one real number, got {type(exponent).__name__}: write exp(log(x) * y) for others"
        )
    return apply(POWER, x, exponent=float(exponent))


EXP = Op("exp", compute.exp, lambda grad, out, inputs, needs: (mul(grad, out),))


def exp(x: Operand) -> Tensor:
    """Return e to the power of x."""
    return apply(EXP, x)


LOG = Op("log", compute.log, lambda grad, out, inputs, needs: (div(grad, inputs[0]),))


def log(x: Operand) -> Tensor:
    """Return the natural logarithm of x."""
    return apply(LOG, x)


SQRT = Op("sqrt", compute.sqrt, lambda grad, out, inputs, needs: (div(grad, mul(out, 2.0)),))


def sqrt(x: Operand) -> Tensor:
    """Return the square root of x."""
    return apply(SQRT, x)


TANH = Op("tanh", compute.tanh, lambda grad, out, inputs, needs: (mul(grad, sub(1.0, mul(out, out))),))


def tanh(x: Operand) -> Tensor:
    """Return the hyperbolic tangent of x."""
    return apply(TANH, x)


SIGMOID = Op("sigmoid", compute.expit, lambda grad, out, inputs, needs: (mul(mul(grad, out), sub(1.0, out)),))


def sigmoid(x: Operand) -> Tensor:
    """Return 1 / (1 + exp(-x)), without overflow and accurate in both tails."""
    return apply(SIGMOID, x)


def _mask_forward(x: np.ndarray, condition: np.ndarray) -> np.ndarray:
    return compute.multiply(x, condition)


def _mask_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, condition: np.ndarray
) -> tuple[Tensor]:
    return (apply(MASK, grad, condition=condition),)


#: The input times a constant array of 0 and 1 (or shares in [0, 1]) that broadcasts to its shape.
MASK = Op("mask", _mask_forward, _mask_vjp)


def _where_positive_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, y: np.ndarray
) -> tuple[Tensor]:
    return (apply(WHERE_POSITIVE, grad, y=y),)


#: The input where the constant array y of its shape is positive, else 0.
WHERE_POSITIVE = Op("where_positive", lambda dy, y: active().relu_backward(y, dy), _where_positive_vjp)


def _relu_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs) -> tuple[Tensor]:
    return (apply(WHERE_POSITIVE, grad, y=out.data),)


RELU = Op("relu", lambda x: compute.maximum(x, 0), _relu_vjp)


def relu(x: Operand) -> Tensor:
    """Return max(x, 0); the gradient at 0 is 0."""
    return apply(RELU, x)


def _gelu_forward(x: np.ndarray) -> np.ndarray:
    out = compute.ndtr(x)
    return compute.multiply(out, x, out=out)


def _normal_density(x: Tensor) -> Tensor:
    return mul(exp(mul(mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))


NORMAL_CDF = Op(
    "normal_cdf",
    compute.ndtr,
    lambda grad, out, inputs, needs: (mul(grad, _normal_density(inputs[0])),),
)


def _gelu_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs) -> tuple[Tensor]:
    (x,) = inputs
    return (mul(grad, add(apply(NORMAL_CDF, x), mul(x, _normal_density(x)))),)


GELU = Op("gelu", _gelu_forward, _gelu_vjp)


def gelu(x: Operand, approximate: bool = False) -> Tensor:
    """Return x · Φ(x), Φ the normal distribution function, exact through erf.

    Parameters
    ----------
    approximate : use the form with tanh, x/2 · (1 + tanh(√(2/π)·(x + 0.044715 x³))).

    References
    ----------
    Hendrycks & Gimpel 2016, arXiv 1606.08415.
    """
    if not approximate:
        return apply(GELU, x)
    inner = mul(add(x, mul(power(x, 3), 0.044715)), math.sqrt(2 / math.pi))
    return mul(mul(x, 0.5), add(tanh(inner), 1.0))


def _abs_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs) -> tuple[Tensor]:
    return (apply(MASK, grad, condition=compute.sign(inputs[0].data)),)


ABS = Op("abs", compute.absolute, _abs_vjp)


def absolute(x: Operand) -> Tensor:
    """Return |x|; the gradient at 0 is 0."""
    return apply(ABS, x)


def _maximum_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: Needs) -> Pair:
    x, y = inputs
    xp = namespace(x.data)
    share = xp.astype(x.data > y.data, x.dtype) * 0.5 + xp.astype(x.data >= y.data, x.dtype) * 0.5
    return (
        sum_to(apply(MASK, grad, condition=share), x.shape) if needs[0] else None,
        sum_to(apply(MASK, grad, condition=1 - share), y.shape) if needs[1] else None,
    )


MAXIMUM = Op("maximum", compute.maximum, _maximum_vjp)


def maximum(x: Operand, y: Operand) -> Tensor:
    """Return the larger of x and y, element by element; equal ones share the gradient by halves."""
    return apply(MAXIMUM, x, y)


def _where_forward(x: np.ndarray, y: np.ndarray, condition: np.ndarray) -> np.ndarray:
    if not isinstance(x, np.ndarray):
        return namespace(x).where(condition, x, y)
    out = empty(np.broadcast_shapes(condition.shape, x.shape, y.shape), x.dtype)
    np.copyto(out, y)
    np.copyto(out, x, where=condition)
    return out


def _where_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: Needs, condition: np.ndarray
) -> Pair:
    x, y = inputs
    return (
        sum_to(apply(MASK, grad, condition=condition), x.shape) if needs[0] else None,
        sum_to(apply(MASK, grad, condition=~condition), y.shape) if needs[1] else None,
    )


WHERE = Op("where", _where_forward, _where_vjp)


def where(condition: np.ndarray, x: Operand, y: Operand) -> Tensor:
    """Return x where `condition`, a bool array, holds, else y."""
    condition = condition if is_elsewhere(condition) else np.asarray(condition)
    if condition.dtype != namespace(condition).bool:
        raise InputError(f"where wants a bool array as condition, got {condition.dtype}: compare first")
    return apply(WHERE, x, y, condition=condition)
