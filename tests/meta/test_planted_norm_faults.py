"""Broken normalisations and pools, each a bug that a kernel could have: the checks and the shadow must find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gse_ref.backends import get, shadow
from gse_ref.errors import MismatchError
from tests.contract.norm_checks import NORM_CHECKS
from tests.meta.planted import judge

CPU, NAIVE = get("cpu"), get("naive")


class Fault(NamedTuple):
    function: str
    bug: str
    broken: Callable[..., Any]


def _by(moments):
    """Return a batch norm that normalises by `moments(x) -> mean, variance`, both by channel."""

    def batch_norm(x, gamma, beta, epsilon, residual, relu):
        mean, variance = (np.asarray(m, np.float64) for m in moments(x))
        return CPU.normalise(x, gamma, beta, mean, variance, epsilon, residual, relu), mean, variance

    return batch_norm


def _moments(x):
    return CPU.batch_norm(x, np.ones(len(x), x.dtype), np.ones(len(x), x.dtype), 1.0, None, False)[1:]


def _square_of_the_mean_taken_off(x):
    planes = x.reshape(len(x), -1)
    mean = planes.mean(axis=1)
    return mean, np.maximum((planes * planes).mean(axis=1) - mean * mean, 0)


def _unbiased(x):
    mean, variance = _moments(x)
    size = x[0].size
    return mean, variance * (size / max(1, size - 1))


def _first_chunks_only(x):
    size = x[0].size
    cut = max(1, size // 2048) * 2048
    return _moments(x.reshape(len(x), 1, 1, -1)[..., :cut])


def _loses_nan(*args):
    y = CPU.normalise(*args)
    return np.fmax(y, y.dtype.type(0)) if args[-1] else y


def _residual_after_relu(*args):
    y = CPU.normalise(*args[:-2], None, args[-1])
    return y if args[-2] is None else y + args[-2]


def _epsilon_beside_the_root(x, gamma, beta, mean, variance, epsilon, *more):
    return CPU.normalise(x, gamma, beta, mean, (np.sqrt(variance) + epsilon) ** 2, 0.0, *more)


def _not_centred(x, gamma, beta, mean, variance, epsilon, residual, relu):
    scale = (gamma / np.sqrt(variance + epsilon)).astype(x.dtype).reshape(-1, 1, 1, 1)
    shift = beta.reshape(scale.shape) - scale * mean.astype(x.dtype).reshape(scale.shape)
    y = scale * x + shift if residual is None else scale * x + shift + residual
    return np.maximum(y, x.dtype.type(0)) if relu else y


def _backward(**change):
    """Return a backward pass whose arguments, by name, go through the functions of `change` first."""
    names = ("x", "y", "dy", "gamma", "mean", "variance", "epsilon", "relu", "masked", "beta")

    def backward(*args):
        named = dict(zip(names, args, strict=False))
        named |= {name: function(named) for name, function in change.items()}
        return CPU.batch_norm_backward(*named.values())

    return backward


def _times_a_mask(*args):
    *gradients, t = CPU.batch_norm_backward(*args)
    return *gradients, None if t is None else args[2] * (args[1] > 0)


def _scaled(part, factor):
    def backward(*args):
        results = list(CPU.batch_norm_backward(*args))
        results[part] = results[part] * args[0].dtype.type(factor(args[0]))
        return tuple(results)

    return backward


def _moments_held_fixed(*args):
    _, dgamma, dbeta, t = CPU.batch_norm_backward(*args)
    x, y, dy, gamma, _, variance, epsilon, relu, *_ = args
    pull = np.where(y > 0, dy, 0) if relu else dy
    dx = pull * (gamma / np.sqrt(variance + epsilon)).reshape(-1, 1, 1, 1)
    return dx.astype(x.dtype), dgamma, dbeta, t


def _mask_always_given(*args):
    *gradients, t = CPU.batch_norm_backward(*args)
    return *gradients, args[2].copy() if t is None and args[8] else t


def _last_of_ties(x, geometry):
    kernel, stride, padding = geometry
    lead = (-(x.shape[1] + 2 * padding - kernel) % stride, -(x.shape[2] + 2 * padding - kernel) % stride)
    y, taps = CPU.max_pool(x, geometry)
    if any(lead):
        return y, taps
    flipped = CPU.max_pool(x[:, ::-1, ::-1].copy(), geometry)[1][:, ::-1, ::-1]
    return y, (kernel * kernel - 1 - flipped).astype(np.uint8)


def _padding_is_zero(x, geometry):
    p = geometry.padding
    padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    return CPU.max_pool(padded, geometry._replace(padding=0))


def _passes_over_nan(x, geometry):
    return CPU.max_pool(np.where(np.isnan(x), x.dtype.type(-np.inf), x), geometry)


def _taps_from_the_edge(x, geometry):
    y, taps = CPU.max_pool(x, geometry)
    taps[:, 0] -= (np.minimum(taps[:, 0] // geometry.kernel, geometry.padding) * geometry.kernel).astype(np.uint8)
    return y, taps


def _last_window_wins(dy, taps, geometry, size):
    dx = np.zeros((len(dy), *size, dy.shape[3]), dy.dtype)
    for c, i, j, b in np.ndindex(*dy.shape):
        u, v = divmod(int(taps[c, i, j, b]), geometry.kernel)
        row, col = i * geometry.stride + u - geometry.padding, j * geometry.stride + v - geometry.padding
        dx[c, row, col, b] = dy[c, i, j, b]
    return dx


def _gaps_left_as_they_were(dy, taps, geometry, size):
    touched = CPU.unpool(np.ones_like(dy), taps, geometry, size) > 0
    return np.where(touched, CPU.unpool(dy, taps, geometry, size), dy.dtype.type(7))


def _rows_for_columns(x, taps, geometry):
    u, v = np.divmod(taps, np.uint8(geometry.kernel))
    return CPU.pick(x, v * np.uint8(geometry.kernel) + u, geometry)


FAULTS = [
    Fault("batch_norm", "E[x²] - m², which cancels", _by(_square_of_the_mean_taken_off)),
    Fault("batch_norm", "the unbiased variance", _by(_unbiased)),
    Fault("batch_norm", "a last chunk that is not full left out", _by(_first_chunks_only)),
    Fault("normalise", "NaN becomes 0 in the ReLU", _loses_nan),
    Fault("normalise", "residual added after the ReLU", _residual_after_relu),
    Fault("normalise", "epsilon added to the deviation", _epsilon_beside_the_root),
    Fault("normalise", "residual forgotten", lambda *args: CPU.normalise(*args[:-2], None, args[-1])),
    Fault("normalise", "ReLU forgotten", lambda *args: CPU.normalise(*args[:-1], False)),
    Fault("batch_norm_backward", "the gradient passes at 0", _backward(y=lambda a: a["y"] + (a["y"] == 0))),
    Fault("batch_norm_backward", "the mask of the ReLU forgotten", _backward(relu=lambda a: False)),
    Fault("batch_norm_backward", "masked by the input", _backward(y=lambda a: a["x"])),
    Fault("batch_norm_backward", "t by a product: infinity times 0, and -0", _times_a_mask),
    Fault("batch_norm_backward", "t that nobody wants", _backward(masked=lambda a: True)),
    Fault("batch_norm_backward", "t given without a ReLU", _mask_always_given),
    Fault("batch_norm_backward", "moments taken as constants", _moments_held_fixed),
    Fault("batch_norm_backward", "gamma forgotten", _backward(gamma=lambda a: np.ones_like(a["gamma"]))),
    Fault("batch_norm_backward", "epsilon forgotten", _backward(epsilon=lambda a: 1e-30)),
    Fault("batch_norm_backward", "a mean instead of a sum", _scaled(1, lambda x: 1 / x[0].size)),
    Fault("batch_norm_backward", "dbeta of the other sign", _scaled(2, lambda x: -1)),
    Fault("max_pool", "ties go to the last", _last_of_ties),
    Fault("max_pool", "the padding takes part as 0", _padding_is_zero),
    Fault("max_pool", "NaN is passed over", _passes_over_nan),
    Fault("max_pool", "taps counted from the edge of the image", _taps_from_the_edge),
    Fault("unpool", "windows that overlap overwrite each other", _last_window_wins),
    Fault("unpool", "pixels between the windows not zeroed", _gaps_left_as_they_were),
    Fault("pick", "rows taken for columns", _rows_for_columns),
    Fault("pick", "-0 becomes +0", lambda *args: CPU.pick(*args) + 0),
]


def judged(function: str, broken: Callable[..., Any]) -> None:
    judge(NORM_CHECKS[function], replace(CPU, **{function: broken}))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.function}: {fault.bug}")
def test_the_check_finds_the_fault(fault: Fault) -> None:
    with pytest.raises(AssertionError):
        judged(fault.function, fault.broken)


def test_the_plant_is_the_fault() -> None:
    judged("batch_norm", _by(_moments))
    judged("batch_norm_backward", _backward())


def test_moments_apart_from_the_mean_are_found_at_once() -> None:
    """The formula that cancels is right to the eye on images around 0, and wrong on any others."""
    x = (np.random.default_rng(5).standard_normal((2, 6, 6, 50)) + 1000).astype(np.float32)
    args = (x, np.ones(2, np.float32), np.zeros(2, np.float32), 1e-5, None, False)
    shadow(CPU, NAIVE).batch_norm(*args)
    with pytest.raises(MismatchError, match="batch_norm, result"):
        shadow(replace(CPU, batch_norm=_by(_square_of_the_mean_taken_off)), NAIVE).batch_norm(*args)


def test_each_function_has_a_fault() -> None:
    assert {fault.function for fault in FAULTS} == set(NORM_CHECKS)
