"""What the rules compute with: functions that follow the library of their first operand.

NumPy's results are aligned (`backends.memory`) and may be written into an operand; other libraries, whose standard
knows no ``out``, make new arrays. The names are those of the array standard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as host_special

from ..backends.arrays import namespace, special
from ..backends.memory import empty
from .tensor import Axes


def _shape(a: np.ndarray, b: Any) -> tuple[int, ...]:
    other = b.shape if isinstance(b, np.ndarray) else ()
    if a.shape == other or not other:
        return a.shape
    return np.broadcast_shapes(a.shape, other) if a.ndim else other


def _unary(name: str) -> Callable[..., Any]:
    ufunc = getattr(np, name)

    def compute(x: Any, out: np.ndarray | None = None) -> Any:
        if isinstance(x, np.ndarray):
            return ufunc(x, out=empty(x.shape, x.dtype) if out is None else out)
        return getattr(namespace(x), name)(x)

    return compute


def _binary(name: str) -> Callable[..., Any]:
    ufunc = getattr(np, name)

    def compute(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
        if isinstance(a, np.ndarray):
            return ufunc(a, b, out=empty(_shape(a, b), a.dtype) if out is None else out)
        return getattr(namespace(a), name)(a, b)

    return compute


def _special(name: str) -> Callable[[Any], Any]:
    ufunc = getattr(host_special, name)

    def compute(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return ufunc(x, out=empty(x.shape, x.dtype))
        return getattr(special(x), name)(x)

    return compute


def _reduction(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def compute(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
        if isinstance(x, np.ndarray):
            return ufunc.reduce(x, axis=axis, keepdims=keepdims)
        return getattr(namespace(x), name)(x, axis=axis, keepdims=keepdims)

    return compute


def reshape(x: Any, shape: int | tuple[int, ...]) -> Any:
    """Return `x` in another shape, a view where its library can make one."""
    return x.reshape(shape) if isinstance(x, np.ndarray) else namespace(x).reshape(x, shape)


add, subtract = _binary("add"), _binary("subtract")
multiply, divide = _binary("multiply"), _binary("divide")
maximum, pow = _binary("maximum"), _binary("pow")
negative, absolute, sign = _unary("negative"), _unary("abs"), _unary("sign")
exp, log, sqrt, tanh = _unary("exp"), _unary("log"), _unary("sqrt"), _unary("tanh")
expit, ndtr = _special("expit"), _special("ndtr")
total, largest = _reduction("sum", np.add), _reduction("max", np.maximum)
