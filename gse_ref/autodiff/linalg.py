"""Rule of the dense matrix product."""

from __future__ import annotations

import numpy as np

from ..backends.arrays import namespace
from ..backends.memory import empty
from ..errors import ShapeError
from .shape import reshape, sum_to, transpose
from .tensor import Op, Operand, Tensor, apply


def _matmul_forward(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.ndim and b.ndim and a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ShapeError(
            f"matmul cannot take shapes {a.shape} and {b.shape}: the last axis of the first ({a.shape[-1]}) "
            f"must match the {'second last' if b.ndim > 1 else 'only'} axis of the second"
        )
    if a.ndim == 2 and b.ndim == 2 and isinstance(a, np.ndarray):
        return np.matmul(a, b, out=empty((a.shape[0], b.shape[1]), a.dtype))
    return namespace(a).matmul(a, b)


def _swap(x: Tensor) -> Tensor:
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _matmul_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, Tensor], needs: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None]:
    a, b = inputs
    rows = reshape(a, (1, a.size)) if a.ndim == 1 else a
    columns = reshape(b, (b.size, 1)) if b.ndim == 1 else b
    if a.ndim == 1 or b.ndim == 1:
        batch = out.shape[: out.ndim - (a.ndim > 1) - (b.ndim > 1)]
        grad = reshape(grad, (*batch, rows.shape[-2], columns.shape[-1]))
    left = right = None
    if needs[0]:
        left = reshape(sum_to(matmul(grad, _swap(columns)), rows.shape), a.shape)
    if needs[1]:
        right = reshape(sum_to(matmul(_swap(rows), grad), columns.shape), b.shape)
    return left, right


MATMUL = Op("matmul", _matmul_forward, _matmul_vjp)


def matmul(a: Operand, b: Operand) -> Tensor:
    """Return the matrix product as NumPy's `matmul`: leading axes are batches, a vector is a row or a column.

    Raises
    ------
    ShapeError : inner lengths that differ, batches that do not broadcast, or a 0-d operand.
    """
    return apply(MATMUL, a, b)
