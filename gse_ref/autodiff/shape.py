"""Rules of operations that move elements: reshape, transpose, broadcast, pad, concatenate, index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.arrays import is_array, namespace, new
from ..backends.memory import empty
from ..errors import InputError
from . import compute
from .tensor import Op, Operand, Tensor, apply, as_tensor

Needs = tuple[bool, ...]


def _reshape_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, shape: object) -> tuple[Tensor]:
    return (reshape(grad, inputs[0].shape),)


RESHAPE = Op("reshape", lambda x, shape: compute.reshape(x, shape), _reshape_vjp)


def reshape(x: Operand, shape: int | tuple[int, ...]) -> Tensor:
    """Return `x` in another shape of the same size; one length may be -1. A view where NumPy can make one."""
    return apply(RESHAPE, x, shape=shape)


def _transpose_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axes: tuple[int, ...] | None
) -> tuple[Tensor]:
    if axes is None:
        return (transpose(grad),)
    rank = len(axes)
    return (transpose(grad, tuple(int(a) for a in np.argsort([axis % rank for axis in axes]))),)


def _transpose_forward(x: np.ndarray, axes: tuple[int, ...] | None) -> np.ndarray:
    return namespace(x).permute_dims(x, tuple(range(x.ndim))[::-1] if axes is None else axes)


TRANSPOSE = Op("transpose", _transpose_forward, _transpose_vjp)


def transpose(x: Operand, axes: tuple[int, ...] | None = None) -> Tensor:
    """Return a view of `x` with its axes in the order `axes`, by default reversed."""
    return apply(TRANSPOSE, x, axes=axes)


def _broadcast_forward(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    # Written out rather than a view of stride 0: kernels want arrays in C order.
    view = namespace(x).broadcast_to(x, shape)
    out = new(view.shape, x)
    out[...] = view
    return out


def _broadcast_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, shape: tuple[int, ...]
) -> tuple[Tensor]:
    return (sum_to(grad, inputs[0].shape),)


BROADCAST_TO = Op("broadcast_to", _broadcast_forward, _broadcast_vjp)


def broadcast_to(x: Operand, shape: tuple[int, ...]) -> Tensor:
    """Return `x` repeated to `shape` by NumPy's broadcasting rules, written out."""
    if isinstance(x, Tensor) and x.shape == shape:
        return x
    return apply(BROADCAST_TO, x, shape=shape)


def _sum_to_forward(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    new = x.ndim - len(shape)
    stretched = tuple(
        axis for axis in range(x.ndim) if axis < new or (shape[axis - new] == 1 and x.shape[axis] != 1)
    )
    return compute.reshape(compute.total(x, stretched, keepdims=True), shape)


def _sum_to_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, shape: tuple[int, ...]
) -> tuple[Tensor]:
    return (broadcast_to(grad, inputs[0].shape),)


SUM_TO = Op("sum_to", _sum_to_forward, _sum_to_vjp)


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return `x` summed over the axes along which `shape` was broadcast: the transpose of `broadcast_to`."""
    return x if x.data.shape == shape else apply(SUM_TO, x, shape=shape)


def _pad_slices(x: np.ndarray, widths: Sequence[tuple[int, int]]) -> tuple[slice, ...]:
    return tuple(slice(low, low + n) for (low, _), n in zip(widths, x.shape, strict=True))


def _pad_forward(x: np.ndarray, widths: Sequence[tuple[int, int]]) -> np.ndarray:
    inside = _pad_slices(x, widths)
    out = new(tuple(low + n + high for (low, high), n in zip(widths, x.shape, strict=True)), x)
    out[...] = 0
    out[inside] = x
    return out


def _pad_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, widths: Sequence[tuple[int, int]]
) -> tuple[Tensor]:
    return (index(grad, _pad_slices(inputs[0].data, widths)),)


PAD = Op("pad", _pad_forward, _pad_vjp)


def pad(x: Operand, widths: Sequence[tuple[int, int]]) -> Tensor:
    """Return `x` with zeros around it; `widths` holds (before, after) for each axis."""
    widths = tuple((int(low), int(high)) for low, high in widths)
    if any(low < 0 or high < 0 for low, high in widths):
        raise InputError(f"pad widths must not be negative, got {widths}: index to cut")
    return apply(PAD, x, widths=widths)


def _concatenate_forward(*arrays: np.ndarray, axis: int) -> np.ndarray:
    first = arrays[0]
    if not first.ndim:
        raise ValueError("0-d tensors have no axis to join along: reshape them to (1,)")
    shape = list(first.shape)
    shape[axis] = sum(array.shape[axis] for array in arrays if array.ndim == first.ndim)
    if not isinstance(first, np.ndarray):
        return namespace(first).concat(arrays, axis=axis)
    return np.concatenate(arrays, axis=axis, out=empty(tuple(shape), first.dtype))


def _concatenate_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: Needs, axis: int
) -> list[Tensor | None]:
    before = (slice(None),) * (axis % out.ndim)
    parts: list[Tensor | None] = []
    start = 0
    for tensor, need in zip(inputs, needs, strict=True):
        stop = start + tensor.shape[axis]
        parts.append(index(grad, (*before, slice(start, stop))) if need else None)
        start = stop
    return parts


CONCATENATE = Op("concatenate", _concatenate_forward, _concatenate_vjp)


def concatenate(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Return `tensors` joined along `axis`; their other axes must agree."""
    if not tensors:
        raise InputError("concatenate got no tensors: pass at least one")
    rank = as_tensor(tensors[0]).ndim
    if rank and not -rank <= axis < rank:
        raise InputError(f"concatenate got axis {axis} for tensors of {rank} axes")
    return apply(CONCATENATE, *tensors, axis=axis)


def _repeats(key: Any) -> bool:
    """Return whether `key` could name an element twice: if it holds integer arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [np.asarray(part) if isinstance(part, list) else part for part in parts]
    return any(is_array(array) and array.dtype != namespace(array).bool for array in arrays)


def _scatter_forward(x: np.ndarray, shape: tuple[int, ...], key: Any) -> np.ndarray:
    out = new(shape, x)
    out[...] = 0
    if _repeats(key):
        namespace(x).add.at(out, key, x)
    else:
        out[key] = x
    return out


def _scatter_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, shape: tuple[int, ...], key: Any
) -> tuple[Tensor]:
    return (index(grad, key),)


#: Zeros of `shape` with the input added at `key`: the transpose of indexing.
SCATTER = Op("scatter", _scatter_forward, _scatter_vjp)


def _index_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, key: Any) -> tuple[Tensor]:
    return (apply(SCATTER, grad, shape=inputs[0].shape, key=key),)


INDEX = Op("index", lambda x, key: x[key], _index_vjp)


def index(x: Operand, key: Any) -> Tensor:
    """Return ``x[key]`` for slices, integers, None, ..., integer arrays and bool arrays.

    A view for slices and integers, as in NumPy. Elements named twice receive the sum of their gradients.

    Raises
    ------
    IndexError : an index out of range, as in NumPy.
    """
    return apply(INDEX, x, key=key)
