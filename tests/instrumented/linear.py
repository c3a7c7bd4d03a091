"""Literal loops of the sparse products and the elementwise passes, over metered arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from gse_ref.backends import TransposePlan
from tests.instrumented.meter import Meter

Array = np.ndarray


def spmm(meter: Meter, indptr: Array, indices: Array, values: Array, x: Array, bias: Array | None = None) -> Array:
    y = meter.empty((len(indptr) - 1, x.shape[1]), values.dtype)
    ends, columns, weights, source = meter.over(indptr, indices, values, x)
    start = ends[0]
    for i in range(len(indptr) - 1):
        stop = ends[i + 1]
        row = [0.0 if bias is None else meter.over(bias)[0][i]] * x.shape[1]
        for k in range(start, stop):
            j, weight = columns[k], weights[k]
            for b in range(x.shape[1]):
                row[b] = meter.fma(weight, source[j, b], row[b])
        for b, total in enumerate(row):
            y[i, b] = total
        start = stop
    return y.array


def _permuted(meter: Meter, values: Array, order: Array) -> Array:
    moved = meter.empty(values.shape, values.dtype)
    source, slots = meter.over(values, order)
    for k in range(len(values)):
        moved[k] = source[slots[k]]
    return moved.array


def spmm_t(meter: Meter, plan: TransposePlan, values: Array, dy: Array) -> Array:
    return spmm(meter, plan.indptr, plan.rows, _permuted(meter, values, plan.slots), dy)


def spmm_backward(meter: Meter, plan: TransposePlan, values: Array, x: Array, dy: Array) -> tuple[Array, Array]:
    ends, rows, weights = meter.over(plan.indptr, plan.rows, _permuted(meter, values, plan.slots))
    units, pulls = meter.over(x, dy)
    dx, moved = meter.empty(x.shape, x.dtype), meter.empty(values.shape, values.dtype)
    start = ends[0]
    for j in range(len(x)):
        stop = ends[j + 1]
        row = [0.0] * x.shape[1]
        for k in range(start, stop):
            i, weight, product = rows[k], weights[k], 0.0
            for b in range(x.shape[1]):
                pull = pulls[i, b]
                row[b] = meter.fma(weight, pull, row[b])
                product = meter.fma(units[j, b], pull, product)
            moved[k] = product
        for b, total in enumerate(row):
            dx[j, b] = total
        start = stop
    return dx.array, _permuted(meter, moved.array, plan.places)


def sddmm(meter: Meter, indptr: Array, indices: Array, dy: Array, x: Array) -> Array:
    out = meter.empty(len(indices), x.dtype)
    ends, columns, pulls, source = meter.over(indptr, indices, dy, x)
    start = ends[0]
    for i in range(len(indptr) - 1):
        stop = ends[i + 1]
        own = [pulls[i, b] for b in range(x.shape[1])]
        for k in range(start, stop):
            j, total = columns[k], 0.0
            for b, pull in enumerate(own):
                total = meter.fma(pull, source[j, b], total)
            out[k] = total
        start = stop
    return out.array


def sddmm_pairs(meter: Meter, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
    out = meter.empty(len(rows), x.dtype)
    outputs, inputs, pulls, source = meter.over(rows, cols, dy, x)
    for k in range(len(rows)):
        i, j, total = outputs[k], inputs[k], 0.0
        for b in range(x.shape[1]):
            total = meter.fma(pulls[i, b], source[j, b], total)
        out[k] = total
    return out.array


def gradient_rows(meter: Meter, dy: Array, x: Array) -> Array:
    dense = meter.empty((len(dy), len(x)), x.dtype)
    pulls, source = meter.over(dy, x)
    for i, j in np.ndindex(*dense.shape):
        total = 0.0
        for b in range(x.shape[1]):
            total = meter.fma(pulls[i, b], source[j, b], total)
        dense[i, j] = total
    return dense.array


def relu_backward(meter: Meter, y: Array, dy: Array) -> Array:
    dx = meter.empty(y.shape, y.dtype)
    outputs, pulls = meter.over(y, dy)
    for index in np.ndindex(*y.shape):
        positive, pull = meter.less(0, outputs[index]), pulls[index]
        dx[index] = pull if positive else 0
    return dx.array


def gather(meter: Meter, features: Array, order: Array, scale: Any, shift: Any, dtype: np.dtype) -> Array:
    x = meter.empty((features.shape[1], len(order)), dtype)
    samples, numbers = meter.over(features, order)
    for j in range(features.shape[1]):
        factor, offset = (float(v) if np.ndim(v) == 0 else meter.over(v)[0][j] for v in (scale, shift))
        for k in range(len(order)):
            x[j, k] = meter.fma(float(samples[numbers[k], j]), factor, offset)
    return x.array


LOOPS = {
    "spmm": spmm,
    "spmm_t": spmm_t,
    "spmm_backward": spmm_backward,
    "sddmm": sddmm,
    "sddmm_pairs": sddmm_pairs,
    "gradient_rows": gradient_rows,
    "relu_backward": relu_backward,
    "gather": gather,
}
