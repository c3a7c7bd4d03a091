"""Batch normalisation as a module: gradients of any order, running moments, PyTorch's conventions, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gse_ref.autodiff import Tensor, check_gradient, grad, no_grad, relu
from gse_ref.backends import norm_bounds, use
from gse_ref.errors import InputError, ShapeError
from gse_ref.nn import BatchNorm2d, probing
from tests.bounds import assert_close

SHAPE = (3, 4, 5, 6)
each_end = pytest.mark.parametrize("with_relu", [False, True], ids=["linear", "relu"])
each_sum = pytest.mark.parametrize("with_residual", [False, True], ids=["alone", "residual"])
each_mode = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def operands(dtype: type = np.float64, shape: tuple[int, ...] = SHAPE) -> list[np.ndarray]:
    """Return x, gamma, beta, a residual that keeps the sums away from the kink of the ReLU, and dy."""
    generator = np.random.default_rng(41)
    x, dy = (generator.standard_normal(shape) for _ in range(2))
    residual = np.where(generator.random(shape) < 0.5, -20.0, 20.0) + generator.standard_normal(shape)
    gamma, beta = generator.standard_normal((2, shape[0]))
    return [array.astype(dtype) for array in (3 * x + 2, gamma, beta, residual, dy)]


def layer(dtype: type = np.float64, **options: Any) -> BatchNorm2d:
    """Return a layer whose running moments are not those it starts with."""
    made = BatchNorm2d(SHAPE[0], dtype=dtype, **options)
    made.running_mean = np.linspace(-1, 2, SHAPE[0]).astype(dtype)
    made.running_variance = np.linspace(0.5, 7, SHAPE[0]).astype(dtype)
    return made


def run(norm: BatchNorm2d, x: Tensor, gamma: Tensor, beta: Tensor, *residual: Tensor) -> Tensor:
    norm.weight, norm.bias = gamma, beta  # type: ignore[assignment]
    return norm(x, *residual)


@each_end
@each_sum
@each_mode
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients(with_relu: bool, with_residual: bool, training: bool, order: int) -> None:
    norm = layer(relu=with_relu)
    norm.train(training)
    x, gamma, beta, residual, _ = operands()
    if with_residual:
        arrays = [x, gamma, beta, residual]
    else:  # a beta that keeps one channel from the kink on either side, and gammas that do not reach it
        arrays = [x, gamma / 8, np.array([4.0, -4.0, 5.0])]
    check_gradient(lambda *tensors: run(norm, *tensors), *arrays, order=order).require()


def gradients(norm: BatchNorm2d, arrays: list[np.ndarray], create_graph: bool) -> list[np.ndarray]:
    leaves = [Tensor(a, requires_grad=True) for a in arrays[:4]]
    y = run(norm, *leaves)
    found = grad(y, leaves, grad_output=Tensor(arrays[4]), create_graph=create_graph)
    return [y.numpy(), *(g.numpy() for g in found)]


@each_end
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fused_backward_equals_the_unfused(with_relu: bool, dtype: type) -> None:
    arrays = operands(dtype)
    fused, unfused = (gradients(layer(dtype, relu=with_relu), arrays, graph) for graph in (False, True))
    x, gamma, _, _, dy = arrays
    mean, variance = (m(x.astype(np.float64), axis=(1, 2, 3)) for m in (np.mean, np.var))
    magnitudes = norm_bounds.gradients(x, fused[0], dy, gamma, mean, variance, 1e-5, with_relu)
    for a, e, magnitude in zip(fused[1:4], unfused[1:4], magnitudes, strict=True):
        assert a.dtype == e.dtype == dtype
        # the moments of the unfused one are rounded too
        assert_close(a, e, magnitude, 2 * norm_bounds.length(x))
    np.testing.assert_array_equal(fused[4], unfused[4])
    np.testing.assert_array_equal(fused[4], np.where(fused[0] > 0, dy, 0) if with_relu else dy)


@each_end
@each_sum
@each_mode
def test_a_graph_makes_no_difference_to_the_result(with_relu: bool, with_residual: bool, training: bool) -> None:
    x, gamma, beta, residual, _ = operands()
    more = [residual] if with_residual else []
    results = []
    for wanted in (False, True):
        norm = layer(relu=with_relu)
        norm.train(training)
        results.append(run(norm, *(Tensor(a, requires_grad=wanted) for a in (x, gamma, beta, *more))))
    assert [y.requires_grad for y in results] == [False, True]
    norm = layer(relu=with_relu)
    norm.train(training)
    leaves = [Tensor(a, requires_grad=True) for a in (x, gamma, beta, *more)]
    with no_grad():
        results.append(run(norm, *leaves))
    if training:
        mean, variance = norm_bounds.mass(x), x.var(axis=(1, 2, 3))
    else:
        mean, variance = layer().running_mean, layer().running_variance
    magnitude = norm_bounds.normalised(x, gamma, beta, mean, variance, 1e-5, residual if with_residual else None)
    for y in results[1:]:
        assert_close(y.numpy(), results[0].numpy(), magnitude, norm_bounds.length(x))


@each_mode
def test_relu_in_the_same_pass_is_one_node_in_training(training: bool) -> None:
    x, gamma, beta, residual, _ = (Tensor(a, requires_grad=True) for a in operands())
    fused, apart = layer(relu=True), layer()
    for norm in (fused, apart):
        norm.train(training)
    y, expected = run(fused, x, gamma, beta, residual), relu(run(apart, x, gamma, beta, residual))
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    if training:
        assert y.op is not None
        assert (y.op.name, y.inputs) == ("batch_norm", (x, gamma, beta, residual))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_moments_follow_training_alone(dtype: type) -> None:
    x = operands(dtype)[0]
    norm = BatchNorm2d(3, momentum=0.25, dtype=dtype)
    norm(Tensor(x))
    batch = x.astype(np.float64).reshape(3, -1)
    for running, moment, start in (
        (norm.running_mean, batch.mean(axis=1), 0.0),
        (norm.running_variance, batch.var(axis=1, ddof=1), 1.0),
    ):
        assert running.dtype == dtype
        assert_close(running, 0.75 * start + 0.25 * moment, (batch**2).mean(axis=1), batch.shape[1])
    before = {name: array.copy() for name, array in norm.state_dict().items()}
    assert set(before) == {"weight", "bias", "running_mean", "running_variance"}
    with probing(lambda *_: None):
        probed = norm(Tensor(x)).numpy()
    norm.eval()(Tensor(x))
    for name, array in norm.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(probed, norm.train()(Tensor(x)).numpy())
    assert (norm.running_mean != before["running_mean"]).all()


def test_weights_do_not_decay_and_start_as_the_identity() -> None:
    norm = BatchNorm2d(2)
    assert [(p.decay, p.dtype, p.data.tolist()) for p in norm.named_parameters().values()] == [
        (False, np.float32, [1, 1]),
        (False, np.float32, [0, 0]),
    ]
    assert norm.named_buffers()["running_variance"].tolist() == [1, 1]


def test_a_state_brings_the_running_moments_back() -> None:
    x = Tensor(operands()[0])
    first, second = layer(), BatchNorm2d(3, dtype=np.float64)
    first(x)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first.eval()(x).numpy(), second.eval()(x).numpy())
    first.train()(x)
    assert (second.running_mean != first.running_mean).all(), "the two share no array"


@pytest.mark.parametrize("name", ["naive", "shadow"])
def test_runs_on_the_backend_in_use(name: str) -> None:
    arrays = operands()
    expected = gradients(layer(relu=True), arrays, create_graph=False)
    with use(name):
        actual = gradients(layer(relu=True), arrays, create_graph=False)
        layer().eval()(Tensor(arrays[0]))
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, 1 + np.abs(e).max(), norm_bounds.length(arrays[0]))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@each_mode
def test_what_is_not_finite_is_not_hidden(bad: float, training: bool) -> None:
    x = operands(np.float32)[0]
    x[1, 2, 3, 4] = bad
    norm = layer(np.float32, relu=True)
    norm.train(training)
    with np.errstate(invalid="ignore"):
        y = norm(Tensor(x)).numpy()
    assert np.isfinite(y[[0, 2]]).all()
    if training:
        assert np.isnan(y[1]).all()
    else:
        np.testing.assert_array_equal(y[1, 2, 3, 4], bad)
        assert np.isfinite(y[1]).sum() == y[1].size - 1


@each_mode
@each_end
@each_sum
def test_is_pytorchs(training: bool, with_relu: bool, with_residual: bool) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, of the extra 'peers'")
    x, gamma, beta, residual, dy = operands()
    norm = layer(relu=with_relu, momentum=0.3, epsilon=1e-3)
    norm.train(training)
    peer = torch.nn.BatchNorm2d(3, momentum=0.3, eps=1e-3, dtype=torch.float64)
    peer.train(training)
    state = (gamma, beta, norm.running_mean, norm.running_variance, np.array(0))
    peer.load_state_dict(dict(zip(peer.state_dict(), map(torch.tensor, state), strict=True)))
    leaves = [Tensor(a, requires_grad=True) for a in (x, gamma, beta, residual)[: 4 if with_residual else 3]]
    images = [torch.tensor(a.transpose(3, 0, 1, 2).copy(), requires_grad=True) for a in (x, residual)]
    y = run(norm, *leaves)
    expected = peer(images[0]) + images[1] if with_residual else peer(images[0])
    expected = torch.relu(expected) if with_relu else expected
    found = grad(y, leaves, grad_output=Tensor(dy))
    expected.backward(torch.tensor(dy.transpose(3, 0, 1, 2).copy()))
    wanted = [images[0].grad, peer.weight.grad, peer.bias.grad, images[1].grad][: len(leaves)]
    pairs = [(y.numpy(), expected.detach()), *((g.numpy(), w) for g, w in zip(found, wanted, strict=True))]
    for a, e in pairs:
        e = e.numpy().transpose(1, 2, 3, 0) if e.ndim == 4 else e.numpy()
        assert_close(a, e, 1 + np.abs(e).max(), norm_bounds.length(x))
    for name in ("running_mean", "running_var"):
        mine = norm.running_mean if name == "running_mean" else norm.running_variance
        assert_close(mine, getattr(peer, name).numpy(), (x * x).mean(), norm_bounds.length(x))


def test_what_the_layer_refuses() -> None:
    for options in ({"momentum": -0.1}, {"momentum": 1.1}, {"epsilon": 0.0}, {"epsilon": float("nan")}):
        with pytest.raises(InputError, match=r"a momentum in \[0, 1\] and a positive epsilon, got"):
            BatchNorm2d(3, **options)
    with pytest.raises(InputError, match="at least 1 channel, got 0"):
        BatchNorm2d(0)
    x = Tensor(operands()[0])
    for wrong in (x[:2], x[:, 0], x[:, :0]):
        with pytest.raises(ShapeError, match=r"wants x of shape \(3, height, width, batch\), .* got"):
            layer()(wrong)
    with pytest.raises(
        ShapeError, match=r"the residual must have the shape of x, \(3, 4, 5, 6\), got \(3, 4, 5, 1\)"
    ):
        layer()(x, x[..., :1])
    single = Tensor(x.numpy().astype(np.float32))
    with pytest.raises(InputError, match="x is float32, the layer float64"):
        layer()(single)
    with pytest.raises(InputError, match="the residual is float32, the layer float64"):
        layer()(x, single)
    with pytest.raises(ShapeError, match=r"one value per channel .* or eval\(\) to normalise by the running"):
        layer()(x[:, :1, :1, :1])
    assert layer().eval()(x[:, :1, :1, :1]).shape == (3, 1, 1, 1)
