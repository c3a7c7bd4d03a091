"""The definition of normalisation and pools against NumPy and each other: it judges, so it is judged first."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from gse_ref.backends import get, norm_bounds
from gse_ref.conformance.strategies.image import Normalised, Pooled, normalised, pooled
from tests.bounds import assert_close

NAIVE = get("naive")
AXES = (1, 2, 3)


def _finite(case: Normalised) -> bool:
    return all(np.isfinite(a).all() for a in (case.x, case.dy, case.residual) if a is not None)


@given(case=normalised())
def test_batch_norm_is_numpys_formula(case: Normalised) -> None:
    x, gamma, beta, _, _, epsilon, residual, relu, _ = case
    if not _finite(case):
        return
    y, mean, variance = NAIVE.batch_norm(x, gamma, beta, epsilon, residual, relu)
    assert y.dtype == x.dtype
    assert mean.dtype == variance.dtype == np.float64
    wide = x.astype(np.float64)
    for actual, expected, magnitude in zip(
        (mean, variance), (wide.mean(AXES), wide.var(AXES)), norm_bounds.moments(x, variance), strict=True
    ):
        assert_close(actual, expected, magnitude, norm_bounds.length(x))
    column = (-1, 1, 1, 1)
    hat = (wide - mean.reshape(column)) / np.sqrt(variance + epsilon).reshape(column)
    expected = gamma.astype(np.float64).reshape(column) * hat + beta.astype(np.float64).reshape(column)
    expected = expected if residual is None else expected + residual
    expected = np.maximum(expected, 0) if relu else expected
    magnitude = norm_bounds.normalised(x, gamma, beta, norm_bounds.mass(x), variance, epsilon, residual)
    assert_close(y, expected, magnitude, norm_bounds.length(x))


@given(case=normalised())
def test_batch_norm_backward_is_the_projection(case: Normalised) -> None:
    """dx is t less its parts along 1 and x̂, scaled."""
    x, gamma, beta, _, _, epsilon, _, relu, dy = case
    if not _finite(case):
        return
    _, mean, variance = NAIVE.batch_norm(x, gamma, beta, epsilon, None, False)
    y = np.where(dy > 0, x, -x)
    args = (x, y, dy, gamma, mean, variance, epsilon, relu)
    *actual, t = NAIVE.batch_norm_backward(*args, True)
    assert (t is None) is (not relu)
    pull = dy.astype(np.float64) if t is None else t.astype(np.float64)
    if t is not None:
        np.testing.assert_array_equal(pull, np.where(y > 0, dy, 0))
    column = (-1, 1, 1, 1)
    scale = 1 / np.sqrt(variance + epsilon).reshape(column)
    hat = (x.astype(np.float64) - mean.reshape(column)) * scale
    product = (pull * hat).mean(AXES, keepdims=True)
    dx = gamma.astype(np.float64).reshape(column) * scale * (pull - pull.mean(AXES, keepdims=True) - hat * product)
    expected = (dx, (pull * hat).sum(AXES), pull.sum(AXES))
    for a, e, magnitude in zip(actual, expected, norm_bounds.gradients(*args), strict=True):
        assert a.dtype == x.dtype
        assert_close(a, e, magnitude, norm_bounds.length(x))


@given(case=pooled())
def test_max_pool_is_the_maximum_of_the_windows(case: Pooled) -> None:
    x, (kernel, stride, p), _, _ = case
    y, taps = NAIVE.max_pool(x, case.geometry)
    assert taps.dtype == np.uint8
    padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), constant_values=-np.inf)
    seen = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    flat = seen.reshape(*seen.shape[:4], -1)
    np.testing.assert_array_equal(y, flat.max(axis=-1))
    assert NAIVE.pick(x, taps, case.geometry).tobytes() == y.tobytes()
    # argmax too names the first, and the first NaN; a window of nothing but -inf may begin in the padding
    named = (flat > -np.inf).any(axis=-1) | np.isnan(flat).any(axis=-1)
    np.testing.assert_array_equal(taps[named], flat.argmax(axis=-1)[named])


@given(case=pooled())
def test_unpool_is_the_transpose_of_pick(case: Pooled) -> None:
    """⟨unpool(dy), x⟩ = ⟨dy, pick(x)⟩ for whole numbers, without rounding."""
    generator = np.random.default_rng(3)
    x, dy = (generator.integers(-9, 10, a.shape).astype(np.float64) for a in (case.x, case.dy))
    dx = NAIVE.unpool(dy, case.taps, case.geometry, x.shape[1:3])
    assert dx.shape == x.shape
    assert (dx * x).sum() == (dy * NAIVE.pick(x, case.taps, case.geometry)).sum()
    assert dx.sum() == dy.sum()
