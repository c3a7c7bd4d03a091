"""The contract of batch normalisation and of pools: rounding within its bound, picks and masks bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from gse_ref.backends import Backend, get, norm_bounds
from gse_ref.conformance.strategies.image import Normalised, Pooled, normalised, pooled
from tests.contract.judge import Check, assert_same_bits, assert_sums, call

NAIVE = get("naive")


def _call(function: Any, *args: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):  # a backend may run on NumPy, which warns
        return call(function, *args)


def check_normalise(backend: Backend, case: Normalised) -> None:
    args = case[:8]
    actual, expected = _call(backend.normalise, *args), NAIVE.normalise(*args)
    with np.errstate(invalid="ignore"):
        magnitude = norm_bounds.normalised(*args)
    assert_sums(actual, expected, magnitude, norm_bounds.length(case.x))


def check_batch_norm(backend: Backend, case: Normalised) -> None:
    x, gamma, beta, _, _, *options, _ = case
    actual, expected = (_call(b.batch_norm, x, gamma, beta, *options) for b in (backend, NAIVE))
    variance = expected[2]
    with np.errstate(invalid="ignore"):
        y = norm_bounds.normalised(x, gamma, beta, norm_bounds.mass(x), variance, *options)
        magnitudes = y, *norm_bounds.moments(x, variance)
    for a, e, magnitude in zip(actual, expected, magnitudes, strict=True):
        assert_sums(a, e, magnitude, norm_bounds.length(x))
    assert not (actual[2] < 0).any(), "a variance is negative"


def check_batch_norm_backward(backend: Backend, case: Normalised) -> None:
    x, gamma, beta, _, _, epsilon, residual, relu, dy = case
    with np.errstate(invalid="ignore", over="ignore"):
        y, mean, variance = NAIVE.batch_norm(x, gamma, beta, epsilon, residual, relu)
        args = (x, y, dy, gamma, mean, variance, epsilon, relu)
        magnitudes = norm_bounds.gradients(*args)
    for masked in (False, True):
        *actual, t = _call(backend.batch_norm_backward, *args, masked)
        *expected, wanted = _call(NAIVE.batch_norm_backward, *args, masked)
        for a, e, magnitude in zip(actual, expected, magnitudes, strict=True):
            assert_sums(a, e, magnitude, norm_bounds.length(x))
        assert (t is None) is (wanted is None), f"masked={masked}, relu={relu}: got {t!r}, expected {wanted!r}"
        if wanted is not None:
            assert_same_bits(t, wanted)
    if residual is None:
        _check_signs_found_again(backend, case)


def _check_signs_found_again(backend: Backend, case: Normalised) -> None:
    """With β given, the mask must be that of the backend's own y, to the last element."""
    x, gamma, beta, _, _, epsilon, _, relu, dy = case
    y, mean, variance = _call(backend.batch_norm, x, gamma, beta, epsilon, None, relu)
    args = (x, y, dy, gamma, mean, variance, epsilon, relu)
    with np.errstate(invalid="ignore", over="ignore"):
        magnitudes = norm_bounds.gradients(*args)
    *actual, t = _call(backend.batch_norm_backward, *args, False, beta)
    *expected, _ = _call(NAIVE.batch_norm_backward, *args, False)
    assert t is None
    for a, e, magnitude in zip(actual, expected, magnitudes, strict=True):
        assert_sums(a, e, magnitude, norm_bounds.length(x))


def check_max_pool(backend: Backend, case: Pooled) -> None:
    for actual, expected in zip(
        _call(backend.max_pool, case.x, case.geometry), NAIVE.max_pool(case.x, case.geometry), strict=True
    ):
        assert_same_bits(actual, expected)


def check_unpool(backend: Backend, case: Pooled) -> None:
    rest = (case.taps, case.geometry, case.x.shape[1:3])
    actual, expected = (_call(b.unpool, case.dy, *rest) for b in (backend, NAIVE))
    magnitude = NAIVE.unpool(np.abs(case.dy.astype(np.float64)), *rest)
    overlap = -(-case.geometry.kernel // case.geometry.stride)
    assert_sums(actual, expected, magnitude, overlap * overlap)


def check_pick(backend: Backend, case: Pooled) -> None:
    args = (case.x, case.taps, case.geometry)
    assert_same_bits(_call(backend.pick, *args), NAIVE.pick(*args))


NORM_CHECKS: dict[str, Check] = {
    "batch_norm": Check(check_batch_norm, normalised()),
    "normalise": Check(check_normalise, normalised()),
    "batch_norm_backward": Check(check_batch_norm_backward, normalised()),
    "max_pool": Check(check_max_pool, pooled()),
    "unpool": Check(check_unpool, pooled()),
    "pick": Check(check_pick, pooled()),
}
