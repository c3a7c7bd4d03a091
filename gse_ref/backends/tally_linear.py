"""Counts of the sparse products and of the elementwise passes beside them, from their actual arguments.

Each function takes the result and the arguments of the backend's function of its name. Loops run over rows, the
entries of a row, the batch, in this order; a row of the result is summed in place and stored once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .api import Array, Scaling, TransposePlan
from .tally import Tally, arrays, total, work

#: Bytes of an entry of indptr, and of one of indices, rows, cols, slots, places.
POINTER, INDEX = 8, 4


def permutation(values: Array) -> Tally:
    """Values gathered into a new array by a permutation."""
    nnz, item = len(values), values.itemsize
    return total(work(read=nnz * (INDEX + item), written=nnz * item), arrays(nnz * item))


def _product(rows: int, nnz: int, item: int, batch: int) -> Tally:
    return total(
        work(nnz * batch, POINTER * (rows + 1) + nnz * (INDEX + item + item * batch), rows * batch * item),
        arrays(rows * batch * item),
    )


def spmm(y: Array, indptr: Array, indices: Array, values: Array, x: Array, bias: Array | None = None) -> Tally:
    """A row's bias, then one multiply-add for each entry and sample."""
    more = work(read=0 if bias is None else bias.nbytes)
    return _product(len(indptr) - 1, len(indices), values.itemsize, x.shape[1]) + more


def spmm_t(dx: Array, plan: TransposePlan, values: Array, dy: Array) -> Tally:
    """The values in transposed order, then `spmm` by columns."""
    return permutation(values) + _product(len(plan.indptr) - 1, len(values), values.itemsize, dy.shape[1])


def spmm_backward(result: tuple[Array, Array], plan: TransposePlan, values: Array, x: Array, dy: Array) -> Tally:
    """As `spmm_t`; beside each multiply-add for dx one for dvalues, which is made in transposed order and moved."""
    nnz, item = len(values), values.itemsize
    beside = work(nnz * x.shape[1], nnz * x.shape[1] * item, nnz * item)
    return total(spmm_t(result[0], plan, values, dy), beside, arrays(nnz * item), permutation(values))


def sddmm(dvalues: Array, indptr: Array, indices: Array, dy: Array, x: Array) -> Tally:
    """A row of dy is loaded once and multiplied with the row of x of each of its entries."""
    nnz, batch, item = len(indices), x.shape[1], x.itemsize
    read = POINTER * len(indptr) + dy.size * item + nnz * (INDEX + batch * item)
    return work(nnz * batch, read, nnz * item) + arrays(nnz * item)


def sddmm_pairs(scores: Array, rows: Array, cols: Array, dy: Array, x: Array) -> Tally:
    """A product of two rows for each pair."""
    pairs, batch, item = len(rows), x.shape[1], x.itemsize
    read = pairs * (2 * INDEX + 2 * batch * item)
    return work(pairs * batch, read, pairs * item) + arrays(pairs * item)


def gradient_rows(dense: Array, dy: Array, x: Array) -> Tally:
    """A product of two rows for each of all pairs; the library's blocks load each of them more rarely."""
    products = dense.size * x.shape[1]
    return work(products, 2 * products * x.itemsize, dense.nbytes) + arrays(dense.nbytes)


def relu_backward(dx: Array, y: Array, dy: Array) -> Tally:
    """One comparison an element; both operands are loaded whatever it says."""
    return work(read=y.nbytes + dy.nbytes, written=dx.nbytes, moves=y.size) + arrays(dx.nbytes)


def gather(x: Array, features: Array, order: Array, scale: Scaling, shift: Scaling, dtype: np.dtype) -> Tally:
    """One multiply-add an element, for bytes too, where a table of the 256 results may stand for it."""
    scaling = sum(np.asarray(part).nbytes for part in (scale, shift) if np.ndim(part))
    return work(x.size, x.size * (order.itemsize + features.itemsize) + scaling, x.nbytes) + arrays(x.nbytes)


TALLIES: dict[str, Callable[..., Any]] = {
    "spmm": spmm,
    "spmm_t": spmm_t,
    "spmm_backward": spmm_backward,
    "sddmm": sddmm,
    "sddmm_pairs": sddmm_pairs,
    "gradient_rows": gradient_rows,
    "relu_backward": relu_backward,
    "gather": gather,
}
