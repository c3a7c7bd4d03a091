"""Broken convolutions, each a bug that a kernel could have: the check meant for it must find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gse_ref.backends import Geometry, get
from tests.contract.conv_checks import CONV_CHECKS
from tests.meta.planted import judge

CPU = get("cpu")


class Fault(NamedTuple):
    function: str
    bug: str
    broken: Callable[..., Any]


def _framed(x, before, after):
    return np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))


def _padding_multiplied(indptr, indices, values, x, geometry, bias=None):
    kernel, stride, padding = geometry
    return CPU.conv(indptr, indices, values, _framed(x, padding, padding), Geometry(kernel, stride), bias)


def _padding_off_by_one(indptr, indices, values, x, geometry, bias=None):
    kernel, stride, padding = geometry
    before = max(0, padding - 1)
    framed = _framed(x, before, 2 * padding - before)
    return CPU.conv(indptr, indices, values, framed, Geometry(kernel, stride), bias)


def _wraps_around(indptr, indices, values, x, geometry, bias=None):
    kernel, stride, padding = geometry
    channels, height, width, batch = x.shape
    row, column = np.indices((height, width + 2 * padding))
    pixel = row * width + column - padding
    lines = x.reshape(channels, -1, batch)[:, np.clip(pixel, 0, height * width - 1)]
    lines[:, (pixel < 0) | (pixel >= height * width)] = 0
    framed = np.pad(lines, ((0, 0), (padding, padding), (0, 0), (0, 0)))
    return CPU.conv(indptr, indices, values, framed, Geometry(kernel, stride), bias)


def _loses(part):
    """Return a convolution that leaves out `part` of (n_out, height', width', batch)."""

    def conv(*args):
        y = CPU.conv(*args)
        y[part(y)] = 0
        return y

    return conv


def _bias_in_the_first_row(indptr, indices, values, x, geometry, bias=None):
    y = CPU.conv(indptr, indices, values, x, geometry)
    if bias is not None:
        y[:, 0] += bias[:, None, None]
    return y


def _bias_for_filled_rows_only(indptr, indices, values, x, geometry, bias=None):
    filled = None if bias is None else np.where(np.diff(indptr) > 0, bias, 0).astype(bias.dtype)
    return CPU.conv(indptr, indices, values, x, geometry, filled)


def _kernel_turned(indptr, indices, values, x, geometry, bias=None):
    turned = x.transpose(0, 2, 1, 3)
    return CPU.conv(indptr, indices, values, turned, geometry, bias).transpose(0, 2, 1, 3).copy()


def _columns(plan, order):
    """Return the plan in which column j holds the connections of column order[j]."""
    counts = np.diff(plan.indptr)[order]
    entries = np.concatenate([np.arange(plan.indptr[j], plan.indptr[j + 1]) for j in order])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    slots = plan.slots[entries]
    return type(plan)(indptr, plan.rows[entries], slots, np.argsort(slots).astype(np.int32))


def _taps(plan, kernel, order_of):
    taps = np.arange(len(plan.indptr) - 1).reshape(-1, kernel, kernel)
    return _columns(plan, order_of(taps).ravel())


def _transposed(order_of):
    """Return a transposed convolution whose taps (c, u, v) are taken in another order."""

    def conv_t(plan, values, dy, geometry, size):
        return CPU.conv_t(_taps(plan, geometry.kernel, order_of), values, dy, geometry, size)

    return conv_t


def _unread_pixels_not_written(plan, values, dy, geometry, size):
    dx = CPU.conv_t(plan, values, dy, geometry, size)
    reads = CPU.conv_t(plan, np.ones_like(values), np.ones_like(dy), geometry, size)
    dx[reads == 0] = 1
    return dx


def _in_transposed_order(plan, values, x, dy, geometry):
    dx, dvalues = CPU.conv_backward(plan, values, x, dy, geometry)
    return dx, dvalues[plan.slots]


def _weight_gradient(cut):
    """Return a backward pass whose weight gradient is that of `cut(dy)`."""

    def conv_backward(plan, values, x, dy, geometry):
        dx = CPU.conv_t(plan, values, dy, geometry, x.shape[1:3])
        return dx, CPU.conv_backward(plan, values, x, cut(dy.copy()), geometry)[1]

    return conv_backward


def _without_tail(dy):
    dy[..., dy.shape[3] // 16 * 16 :] = 0
    return dy


def _last_row_only(dy):
    dy[:, :-1] = 0
    return dy


def _stride_ignored(rows, cols, dy, x, geometry):
    kernel, _, padding = geometry
    height, width = (n + kernel - 1 for n in dy.shape[1:3])
    framed = _framed(x, padding, padding + max(height, width))[:, :height, :width]
    return CPU.conv_pairs(rows, cols, dy, framed, Geometry(kernel))


def _scores_sorted(rows, cols, dy, x, geometry):
    order = np.lexsort((cols, rows))
    return CPU.conv_pairs(rows[order], cols[order], dy, x, geometry)


def _scores_absolute(*args):
    return np.abs(CPU.conv_pairs(*args))


def _means(rows, cols, dy, x, geometry):
    return CPU.conv_pairs(rows, cols, dy, x, geometry) / (dy.shape[1] * dy.shape[2])


def _taps_before_channels(dy, x, geometry):
    dense = CPU.conv_rows(dy, x, geometry)
    return dense.reshape(len(dy), len(x), -1).transpose(0, 2, 1).reshape(dense.shape).copy()


def _drops_low_bits(array):
    array, kind = np.ascontiguousarray(array), np.uint32 if array.dtype == np.float32 else np.uint64
    return (array.view(kind) & ~kind(0xFFF)).view(array.dtype)


def _gradient_rounded(dy, x, geometry):
    return CPU.conv_rows(dy, _drops_low_bits(x), geometry)


def _first_rows(count):
    """Return masses of the first `count` rows of positions, or all of them."""

    def patch_abs_sums(x, geometry):
        kernel, stride, padding = geometry
        height = (min(count, geometry.positions(x.shape[1])) - 1) * stride + kernel
        return CPU.patch_abs_sums(_framed(x, padding, padding)[:, :height], Geometry(kernel, stride))

    return patch_abs_sums


def _every_tap_sees_every_pixel(x, geometry):
    return np.repeat(CPU.abs_sums(x.reshape(len(x), -1)), geometry.kernel**2)


def _one_sign_for_each_sample(x, signs, geometry):
    return CPU.patch_signed_sums(x, np.broadcast_to(signs[:1, :1], signs.shape).copy(), geometry)


def _signs_of_turned_positions(x, signs, geometry):
    return CPU.patch_signed_sums(x, signs[::-1, ::-1].copy(), geometry)


def _sketch_in_dtype_of_x(x, signs, geometry):
    columns = np.arange(len(x) * geometry.kernel**2, dtype=np.int32)
    own = signs.astype(x.dtype)[None]
    return np.abs(CPU.conv_pairs(np.zeros_like(columns), columns, own, x, geometry)).astype(np.float64)


def _sketch_keeps_sign(x, signs, geometry):
    columns = np.arange(len(x) * geometry.kernel**2, dtype=np.int32)
    return CPU.conv_pairs(np.zeros_like(columns), columns, signs[None], x.astype(np.float64), geometry)


FAULTS = [
    Fault("conv", "the frame is made of zeros and multiplied", _padding_multiplied),
    Fault("conv", "the image starts a pixel too early", _padding_off_by_one),
    Fault("conv", "a tap beside the image reads the neighbouring row", _wraps_around),
    Fault("conv", "last column of positions left out", _loses(lambda y: (..., -1, slice(None)))),
    Fault("conv", "last row of positions left out", _loses(lambda y: (slice(None), -1))),
    Fault(
        "conv",
        "samples after the last tile of 16 left out",
        _loses(lambda y: (..., slice(y.shape[3] // 16 * 16, None))),
    ),
    Fault("conv", "bias added in the first row of positions only", _bias_in_the_first_row),
    Fault("conv", "empty rows skipped before their bias is written", _bias_for_filled_rows_only),
    Fault("conv", "rows and columns of the window exchanged", _kernel_turned),
    Fault("conv_t", "taps not flipped", _transposed(lambda taps: taps[:, ::-1, ::-1])),
    Fault("conv_t", "rows and columns of the window exchanged", _transposed(lambda taps: taps.transpose(0, 2, 1))),
    Fault("conv_t", "pixels that no window reads not written", _unread_pixels_not_written),
    Fault("conv_backward", "weight gradient not scattered back", _in_transposed_order),
    Fault(
        "conv_backward", "weight gradient without the samples after the last tile", _weight_gradient(_without_tail)
    ),
    Fault("conv_backward", "weight gradient set, not summed, by each row", _weight_gradient(_last_row_only)),
    Fault("conv_pairs", "the stride ignored", _stride_ignored),
    Fault("conv_pairs", "scores in sorted order instead of the order of the pairs", _scores_sorted),
    Fault("conv_pairs", "absolute values taken too early", _scores_absolute),
    Fault("conv_pairs", "the mean over positions instead of their sum", _means),
    Fault("conv_rows", "columns ordered by tap, then channel", _taps_before_channels),
    Fault("conv_rows", "operands rounded on the way", _gradient_rounded),
    Fault("patch_abs_sums", "only the first row of patches", _first_rows(1)),
    Fault("patch_abs_sums", "pixels counted for taps that never read them", _every_tap_sees_every_pixel),
    Fault("patch_signed_sums", "one sign for each sample instead of each position", _one_sign_for_each_sample),
    Fault("patch_signed_sums", "signs of other positions than the gradients have", _signs_of_turned_positions),
    Fault("patch_signed_sums", "sums in the dtype of the operand", _sketch_in_dtype_of_x),
    Fault("patch_signed_sums", "a mass may be negative", _sketch_keeps_sign),
]


def judged(function: str, broken: Callable[..., Any]) -> None:
    judge(CONV_CHECKS[function], replace(CPU, **{function: broken}))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.function}: {fault.bug}")
def test_the_check_finds_the_fault(fault: Fault) -> None:
    with pytest.raises(AssertionError):
        judged(fault.function, fault.broken)


def test_each_function_has_a_fault() -> None:
    assert {fault.function for fault in FAULTS} == set(CONV_CHECKS)


def test_the_plant_is_the_fault() -> None:
    judged("conv", _loses(lambda y: slice(0, 0)))
    judged("conv_t", _transposed(lambda taps: taps))
    judged("conv_backward", _weight_gradient(lambda dy: dy))
    judged("patch_abs_sums", _first_rows(10**6))
