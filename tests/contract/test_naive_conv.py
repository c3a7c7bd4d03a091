"""The definition of convolutions against unfolded dense algebra, and against torch where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from gse_ref.backends import Geometry, get
from gse_ref.conformance.strategies import convolution as conv_strategies
from gse_ref.sparse import Topology
from tests.bounds import assert_close
from tests.contract.test_naive import dense, plan_of
from tests.unfolded import flat, folded, unfolded

NAIVE = get("naive")


def finite(case: Any) -> Any:
    """Return the case in float64, what is not finite replaced by 1: zeros of a dense matrix would spread it."""

    def mended(part: Any) -> Any:
        if not isinstance(part, np.ndarray) or part.dtype.kind != "f":
            return part
        return np.where(np.isfinite(part), part, 1).astype(np.float64)

    return case._make(map(mended, case))


def added(topology: Topology, bias: np.ndarray | None) -> np.ndarray:
    return np.zeros((topology.n_out, 1)) if bias is None else bias[:, None]


@given(case=conv_strategies.convolutions())
def test_conv_is_the_product_with_the_patch_matrix(case: conv_strategies.Convolution) -> None:
    topology, values, x, dy, bias, geometry = finite(case)
    theta, patches, more = dense(topology, values), unfolded(x, geometry), added(topology, bias)
    actual = NAIVE.conv(topology.indptr, topology.indices, values, x, geometry, bias)
    assert actual.shape == dy.shape
    magnitude = np.abs(theta) @ np.abs(patches) + np.abs(more)
    assert_close(flat(actual), theta @ patches + more, magnitude, topology.n_in + 1)


@given(case=conv_strategies.convolutions())
def test_gradients_are_the_products_with_the_patch_matrix(case: conv_strategies.Convolution) -> None:
    topology, values, x, dy, _, geometry = finite(case)
    theta, patches, delta = dense(topology, values), unfolded(x, geometry), flat(dy)
    at, samples, sizes = (topology.rows, topology.indices), delta.shape[1], (np.abs(theta), np.abs(delta))
    dx, dvalues = NAIVE.conv_backward(plan_of(topology), values, x, dy, geometry)
    expected, magnitude = delta @ patches.T, np.abs(delta) @ np.abs(patches).T
    assert_close(dvalues, expected[at], magnitude[at], samples)
    np.testing.assert_array_equal(NAIVE.conv_pairs(*at, dy, x, geometry), dvalues)
    assert_close(NAIVE.conv_rows(dy, x, geometry), expected, magnitude, samples)
    expected, magnitude = (folded(t.T @ d, geometry, x.shape) for t, d in ((theta, delta), sizes))
    assert_close(dx, expected, magnitude, topology.size)
    size = (x.shape[1], x.shape[2])
    np.testing.assert_array_equal(NAIVE.conv_t(plan_of(topology), values, dy, geometry, size), dx)


@given(case=conv_strategies.conv_pairs())
def test_scores_of_pairs_in_any_order(case: conv_strategies.ConvPairs) -> None:
    rows, cols, dy, x, geometry = finite(case)
    delta, patches = flat(dy), unfolded(x, geometry)
    expected, magnitude = delta @ patches.T, np.abs(delta) @ np.abs(patches).T
    actual = NAIVE.conv_pairs(rows, cols, dy, x, geometry)
    assert_close(actual, expected[rows, cols], magnitude[rows, cols], delta.shape[1])


@given(case=conv_strategies.patches())
def test_masses_are_norms_and_sketches_of_the_patch_matrix(case: conv_strategies.Patches) -> None:
    x, signs, geometry = finite(case)
    patches, samples = unfolded(x, geometry), signs.size
    bound, estimate = NAIVE.patch_abs_sums(x, geometry), NAIVE.patch_signed_sums(x, signs, geometry)
    assert bound.dtype == estimate.dtype == np.float64
    magnitude = np.abs(patches).sum(axis=1)
    assert_close(bound, np.linalg.norm(patches, ord=1, axis=1), magnitude, samples)
    assert_close(estimate, np.abs(patches @ signs.ravel()), magnitude, samples)


def test_worked_by_hand() -> None:
    """One channel of 2×3 pixels, a 2×2 window at stride 2 with padding 1: two rows and two columns of windows."""
    geometry = Geometry(2, 2, 1)
    topology = Topology.from_edges([0, 0], [1, 3], (1, 4))  # the taps (0, 1) and (1, 1)
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape(1, 2, 3, 1)
    y = NAIVE.conv(topology.indptr, topology.indices, np.array([10.0, 1.0]), x, geometry, np.array([0.5]))
    assert flat(y).tolist() == [[1.5, 3.5, 40.5, 60.5]]
    assert NAIVE.patch_abs_sums(x, geometry).tolist() == [5, 10, 2, 4]
    dx = NAIVE.conv_t(plan_of(topology), np.array([10.0, 1.0]), np.ones((1, 2, 2, 1)), geometry, (2, 3))
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1], [10, 0, 10]]


@given(case=conv_strategies.convolutions())
def test_torch_has_the_same_convolution(case: conv_strategies.Convolution) -> None:
    torch = pytest.importorskip("torch", reason="the second opinion on convolutions is torch's")
    topology, values, x, dy, bias, (kernel, stride, padding) = finite(case)
    theta = dense(topology, values).reshape(topology.n_out, len(x), kernel, kernel)
    image, weight = (torch.tensor(a, requires_grad=True) for a in (x.transpose(3, 0, 1, 2), theta))
    more = None if bias is None else torch.tensor(bias)
    y = torch.nn.functional.conv2d(image, weight, more, stride, padding)
    y.backward(torch.tensor(dy.transpose(3, 0, 1, 2)))

    theta, patches, delta = map(np.abs, (dense(topology, values), unfolded(x, case.geometry), flat(dy)))
    magnitude = (theta @ patches + np.abs(added(topology, bias))).reshape(dy.shape)
    actual = NAIVE.conv(topology.indptr, topology.indices, values, x, case.geometry, bias)
    assert_close(actual, y.detach().numpy().transpose(1, 2, 3, 0), magnitude, topology.n_in + 1)
    dx, dvalues = NAIVE.conv_backward(plan_of(topology), values, x, dy, case.geometry)
    at = (topology.rows, topology.indices)
    gradient = weight.grad.numpy().reshape(topology.shape)
    assert_close(dvalues, gradient[at], (delta @ patches.T)[at], delta.shape[1])
    magnitude = folded(theta.T @ delta, case.geometry, x.shape)
    assert_close(dx, image.grad.numpy().transpose(1, 2, 3, 0), magnitude, topology.size)
