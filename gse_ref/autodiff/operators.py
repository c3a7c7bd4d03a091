"""The operators and methods of `Tensor`, attached from one table once all rules are known."""

from __future__ import annotations

from . import elementwise, linalg, reduce, shape
from .backward import backward
from .tensor import Operand, Tensor


def _radd(self: Tensor, other: Operand) -> Tensor:
    return elementwise.add(other, self)


def _rsub(self: Tensor, other: Operand) -> Tensor:
    return elementwise.sub(other, self)


def _rmul(self: Tensor, other: Operand) -> Tensor:
    return elementwise.mul(other, self)


def _rtruediv(self: Tensor, other: Operand) -> Tensor:
    return elementwise.div(other, self)


def _rmatmul(self: Tensor, other: Operand) -> Tensor:
    return linalg.matmul(other, self)


def _reshape(self: Tensor, *lengths: int | tuple[int, ...]) -> Tensor:
    return shape.reshape(self, lengths[0] if len(lengths) == 1 else lengths)  # type: ignore[arg-type]


METHODS: dict[str, object] = {
    "backward": backward,
    "__add__": elementwise.add,
    "__radd__": _radd,
    "__sub__": elementwise.sub,
    "__rsub__": _rsub,
    "__mul__": elementwise.mul,
    "__rmul__": _rmul,
    "__truediv__": elementwise.div,
    "__rtruediv__": _rtruediv,
    "__matmul__": linalg.matmul,
    "__rmatmul__": _rmatmul,
    "__pow__": elementwise.power,
    "__neg__": elementwise.neg,
    "__abs__": elementwise.absolute,
    "__getitem__": shape.index,
    "exp": elementwise.exp,
    "log": elementwise.log,
    "sqrt": elementwise.sqrt,
    "sum": reduce.sum,
    "mean": reduce.mean,
    "var": reduce.var,
    "max": reduce.max,
    "reshape": _reshape,
    "transpose": shape.transpose,
    "T": property(shape.transpose),
}


def attach() -> None:
    """Give `Tensor` its operators and methods."""
    for name, method in METHODS.items():
        setattr(Tensor, name, method)
