"""Sparse convolutions as differentiable operations, the layer made of them, and what a probe sees of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gse_ref import autodiff as ad
from gse_ref.autodiff import Tensor, check_gradient, grad
from gse_ref.backends import Geometry, use
from gse_ref.conformance.strategies import of_mask
from gse_ref.errors import InputError, ShapeError
from gse_ref.nn import (
    Conv2d,
    Module,
    ReLU,
    Sequential,
    initialise,
    is_probing,
    probe,
    probing,
    sampled_conv2d,
    sparse_conv2d,
)
from gse_ref.sparse import Topology, empty, full
from tests.bounds import assert_close
from tests.unfolded import flat, folded, unfolded

SIZE = (4, 5)
GEOMETRIES = {
    "3, padded": Geometry(3, 1, 1),
    "3, stride 2": Geometry(3, 2, 1),
    "2, stride 3, no padding": Geometry(2, 3, 0),
    "1": Geometry(1),
    "5, padded beyond": Geometry(5, 1, 3),
}
every_geometry = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=list(GEOMETRIES))


def some_topology(geometry: Geometry, n_out: int = 3, channels: int = 2) -> Topology:
    """Return a topology with an empty row, a full row and a connection at each end of the columns."""
    mask = np.random.default_rng(30).random((n_out, channels * geometry.kernel**2)) < 0.4
    mask[0], mask[1], mask[2, [0, -1]] = True, False, True
    return of_mask(mask)


def operands(
    topology: Topology, geometry: Geometry, batch: int = 3, dtype: type = np.float64, size: tuple[int, int] = SIZE
) -> list[np.ndarray]:
    """Return values, x, bias and dy."""
    generator = np.random.default_rng(31)
    output = map(geometry.positions, size)
    shapes = [
        (topology.nnz,),
        (topology.n_in // geometry.kernel**2, *size, batch),
        (topology.n_out,),
        (topology.n_out, *output, batch),
    ]
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def matrix(topology: Topology, values: np.ndarray) -> np.ndarray:
    theta = np.zeros(topology.shape)
    theta[topology.rows, topology.indices] = values
    return theta


def dense_conv(values: Tensor, topology: Topology, x: Tensor, geometry: Geometry, bias: Tensor) -> Tensor:
    """Return the convolution by matrix products of primitives, one for each tap of the window."""
    kernel, stride, padding = geometry
    spread = np.zeros((topology.size, topology.nnz))
    spread[topology.edge_ids, np.arange(topology.nnz)] = 1
    theta = ad.matmul(Tensor(spread), values).reshape(topology.n_out, -1, kernel, kernel)
    framed = ad.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    down, across = map(geometry.positions, x.shape[1:3])
    total = bias.reshape(-1, 1)
    for u, v in np.ndindex(kernel, kernel):
        pixels = framed[:, u : u + stride * down : stride, v : v + stride * across : stride]
        total = total + ad.matmul(theta[:, :, u, v], pixels.reshape(x.shape[0], -1))
    return total.reshape(topology.n_out, down, across, x.shape[3])


@every_geometry
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 17])
def test_gradients_of_the_convolution(geometry: Geometry, order: int, batch: int) -> None:
    topology = some_topology(geometry)
    values, x, bias, _ = operands(topology, geometry, batch)
    check_gradient(lambda v, x: sparse_conv2d(v, topology, x, geometry), values, x, order=order).require()
    check_gradient(
        lambda v, x, b: sparse_conv2d(v, topology, x, geometry, b), values, x, bias, order=order
    ).require()


@every_geometry
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients_of_the_sampled_convolution(geometry: Geometry, order: int) -> None:
    topology = some_topology(geometry)
    _, x, _, dy = operands(topology, geometry)
    check_gradient(lambda dy, x: sampled_conv2d(topology, dy, x, geometry), dy, x, order=order).require()


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_through_two_layers_and_their_activation(order: int) -> None:
    first, second = GEOMETRIES["3, padded"], GEOMETRIES["3, stride 2"]
    topologies = some_topology(first), some_topology(second, 4, 3)
    values, x, bias, dy = operands(topologies[0], first)
    more = operands(topologies[1], second, size=dy.shape[1:3])[0]

    def network(v: Tensor, x: Tensor, b: Tensor, w: Tensor) -> Tensor:
        h = ad.tanh(sparse_conv2d(v, topologies[0], x, first, b))
        return ad.tanh(sparse_conv2d(w, topologies[1], h, second))

    check_gradient(network, values, x, bias, more, order=order).require()


@every_geometry
def test_value_and_gradients_of_both_orders_equal_dense_autodiff(geometry: Geometry) -> None:
    topology = some_topology(geometry)
    arrays = operands(topology, geometry)[:3]

    def products(convolve: Any) -> list[np.ndarray]:
        values, x, bias = (Tensor(a, requires_grad=True) for a in arrays)
        y = convolve(values, topology, x, geometry, bias)
        loss = (ad.tanh(y) * y).sum()
        first = grad(loss, [values, x, bias], create_graph=True)
        again = sum(((g * g).sum() for g in first[1:]), (first[0] * first[0]).sum())
        second = grad(again, [values, x, bias])
        return [y.numpy(), *(g.numpy() for g in (*first, *second))]

    actual, expected = products(sparse_conv2d), products(dense_conv)
    largest = max(np.abs(part).max(initial=0) for part in expected)
    length = expected[0].size  # of the longest sum, over positions and samples
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, 1 + largest**2, length)


@every_geometry
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [5, 48])
def test_the_fused_backward_equals_the_unfused(geometry: Geometry, dtype: type, batch: int) -> None:
    topology = some_topology(geometry)
    arrays = operands(topology, geometry, batch, dtype)
    gradients = []
    for create_graph in (False, True):
        leaves = [Tensor(a, requires_grad=True) for a in arrays[:3]]
        y = sparse_conv2d(leaves[0], topology, leaves[1], geometry, leaves[2])
        found = grad(y, leaves, grad_output=Tensor(arrays[3]), create_graph=create_graph)
        assert all(g.requires_grad is create_graph for g in found[:2])
        gradients.append([g.numpy() for g in found])
    for fused, unfused, leaf in zip(*gradients, arrays, strict=False):
        assert fused.dtype == unfused.dtype == dtype
        assert fused.shape == leaf.shape
    values, x, _, dy = (np.abs(a.astype(np.float64)) for a in arrays)
    delta, at = flat(dy), (topology.rows, topology.indices)
    samples = 2 * delta.shape[1]
    assert_close(gradients[0][0], gradients[1][0], (delta @ unfolded(x, geometry).T)[at], samples)
    magnitude = folded(matrix(topology, values).T @ delta, geometry, x.shape)
    assert_close(gradients[0][1], gradients[1][1], magnitude, 2 * topology.nnz)
    assert_close(gradients[0][2], gradients[1][2], delta.sum(axis=1), samples)


@every_geometry
def test_gradient_of_the_bias_sums_over_positions_and_samples(geometry: Geometry) -> None:
    topology = some_topology(geometry)
    values, x, bias, dy = operands(topology, geometry)
    leaf = Tensor(bias, requires_grad=True)
    sparse_conv2d(Tensor(values), topology, Tensor(x), geometry, leaf).backward(Tensor(dy))
    assert leaf.grad is not None
    assert_close(leaf.grad.numpy(), dy.sum(axis=(1, 2, 3)), np.abs(flat(dy)).sum(axis=1), dy[0].size)


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
def test_only_the_gradients_that_are_wanted(wanted: tuple[bool, bool]) -> None:
    geometry = GEOMETRIES["3, stride 2"]
    topology = some_topology(geometry)
    arrays = operands(topology, geometry)[:2]
    leaves = [Tensor(a, requires_grad=want) for a, want in zip(arrays, wanted, strict=True)]
    sparse_conv2d(leaves[0], topology, leaves[1], geometry).sum().backward()
    assert [leaf.grad is not None for leaf in leaves] == list(wanted)


def test_a_layer_without_connections() -> None:
    topology, geometry = empty((2, 9)), GEOMETRIES["3, padded"]
    values, x = Tensor(np.zeros(0), requires_grad=True), Tensor(np.ones((1, *SIZE, 4)), requires_grad=True)
    y = sparse_conv2d(values, topology, x, geometry, Tensor(np.array([1.0, 2.0])))
    assert np.array_equal(y.numpy(), np.broadcast_to(np.reshape([1.0, 2.0], (2, 1, 1, 1)), (2, *SIZE, 4)))
    y.sum().backward()
    assert values.grad is not None
    assert values.grad.shape == (0,)
    assert x.grad is not None
    assert not x.grad.numpy().any()


def test_operations_run_on_the_backend_in_use() -> None:
    geometry = GEOMETRIES["3, stride 2"]
    topology = some_topology(geometry)
    values, x, bias, _ = operands(topology, geometry)
    theta, patches = matrix(topology, values), unfolded(x, geometry)
    for name in ("naive", "shadow"):
        with use(name):
            leaves = [Tensor(a, requires_grad=True) for a in (values, x, bias)]
            y = sparse_conv2d(leaves[0], topology, leaves[1], geometry, leaves[2])
            (y * y).sum().backward()
        magnitude = np.abs(theta) @ np.abs(patches) + np.abs(bias)[:, None]
        assert_close(flat(y.numpy()), theta @ patches + bias[:, None], magnitude, topology.n_in + 1)


PADDED = GEOMETRIES["3, padded"]
WRONG: list[tuple[str, Any]] = [
    (
        r"values has shape \(2,\), but Topology\(3×18, .* wants \(\d+,\)",
        lambda t, v, x: sparse_conv2d(v[:2], t, x, PADDED),
    ),
    (
        r"x has shape \(1, 4, 5, 3\), .* wants \(2, 'height', 'width', 'batch'\); the batch is the last",
        lambda t, v, x: sparse_conv2d(v, t, x[:1], PADDED),
    ),
    (
        r"x has shape \(2, 60\), .* wants \(2, 'height'",
        lambda t, v, x: sparse_conv2d(v, t, x.reshape(2, 60), PADDED),
    ),
    (
        r"bias has shape \(2,\), .* wants \(3,\)",
        lambda t, v, x: sparse_conv2d(v, t, x, PADDED, x[:, 0, 0, 0]),
    ),
    (
        r"Topology\(3×18, .* has no columns for a kernel of side 5: n_in = channels · side²",
        lambda t, v, x: sparse_conv2d(v, t, x, Geometry(5, 1, 2)),
    ),
    (
        r"an image of 2×5 is smaller than the window of side 3 with padding 0: use larger images, or pad",
        lambda t, v, x: sparse_conv2d(v, t, x[:, :2], Geometry(3)),
    ),
    (r"dy has shape \(2, 4, 5, 3\), .* wants \(3, 4, 5, 3\)", lambda t, v, x: sampled_conv2d(t, x, x, PADDED)),
    (
        r"dy has shape \(2, 4, 5, 3\), .* wants \(3, 2, 3, 3\)",
        lambda t, v, x: sampled_conv2d(t, x, x, Geometry(3, 2, 1)),
    ),
    (r"x has shape \(1, 4, 5, 3\), .* wants \(2,", lambda t, v, x: sampled_conv2d(t, x, x[:1], PADDED)),
]


@pytest.mark.parametrize(("message", "function"), WRONG)
def test_operands_that_do_not_fit(message: str, function: Any) -> None:
    topology = some_topology(PADDED)
    values, x, _, _ = (Tensor(a) for a in operands(topology, PADDED))
    with pytest.raises(ShapeError, match=message):
        function(topology, values, x)


def test_dtypes_are_not_mixed() -> None:
    topology = some_topology(PADDED)
    values, x, _, _ = operands(topology, PADDED)
    with pytest.raises(InputError, match="float32"):
        sparse_conv2d(Tensor(values.astype(np.float32)), topology, Tensor(x), PADDED)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"c_in": 0, "c_out": 1}, "c_in=0"),
        ({"c_in": 1, "c_out": 0}, "c_out=0"),
        ({"c_in": 1, "c_out": 1, "kernel": 0}, "kernel=0"),
        ({"c_in": 1, "c_out": 1, "stride": 0}, "stride=0"),
        ({"c_in": 1, "c_out": 1, "padding": -1}, "padding=-1"),
    ],
)
def test_layers_that_cannot_be_built(arguments: dict[str, int], named: str) -> None:
    with pytest.raises(InputError, match=f"a convolution needs channels, kernel and stride .*{named}"):
        Conv2d(**arguments)


def test_what_a_layer_is_made_of() -> None:
    layer = Conv2d(2, 3, 5, 2, bias=True, dtype=np.float64)
    assert layer.geometry == layer.weight.geometry == Geometry(5, 2, 2)
    assert layer.weight.layout == (3, 50, (5, 5))
    assert (layer.weight.topology.nnz, layer.weight.topology.shape) == (0, (3, 50))
    assert layer.weight.decay
    assert layer.bias is not None
    assert not layer.bias.decay
    assert set(layer.named_parameters()) == {"weight", "bias"}
    assert Conv2d(2, 3).bias is None
    assert Conv2d(2, 3, 2).geometry == Geometry(2, 1, 0)
    assert Conv2d(2, 3, 3, padding=0).geometry == Geometry(3, 1, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_is_the_operation_on_its_weights(dtype: type) -> None:
    layer = Conv2d(2, 4, 3, 2, bias=True, dtype=dtype)
    initialise(layer, 0.5, seed=3)
    x = Tensor(operands(full((4, 18)), PADDED, dtype=dtype)[1])
    y = layer(x)
    assert y.dtype == dtype
    assert y.shape == (4, 2, 3, 3)
    expected = sparse_conv2d(layer.weight, layer.weight.topology, x, layer.geometry, layer.bias)
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    row_bound = np.sqrt(3 / np.maximum(1, layer.weight.topology.fan_in()))
    assert (np.abs(layer.weight.data) <= row_bound[layer.weight.topology.rows]).all()
    assert layer.weight.topology.nnz == 36


def network() -> Sequential:
    made = Sequential(Conv2d(2, 4, 3, bias=True, dtype=np.float64), ReLU(), Conv2d(4, 3, 3, 2, dtype=np.float64))
    initialise(made, 0.4, seed=1)
    return made


def loss_of(net: Module, x: np.ndarray) -> Tensor:
    y = net(Tensor(x))
    return (y * y).mean()


def test_a_probe_sees_every_convolution_once_with_its_input_and_delta() -> None:
    net, x = network(), np.random.default_rng(32).standard_normal((2, *SIZE, 6))
    inputs = [Tensor(x)]
    for layer in net.layers:
        inputs.append(layer(inputs[-1]))
    deltas = grad((inputs[-1] * inputs[-1]).mean(), [inputs[1], inputs[3]])
    weights, seen = list(net.sparse_parameters().values()), []

    def observer(owner: Any, x: np.ndarray, delta: np.ndarray) -> None:
        assert is_probing()
        seen.append((owner, x.copy(), delta.copy()))

    probe(lambda: loss_of(net, x), weights, observer)
    assert [owner for owner, _, _ in seen] == weights[::-1], "once each, in the order of the backward pass"
    for (_, given, delta), number in zip(seen, (1, 0), strict=True):
        np.testing.assert_array_equal(given, inputs[2 * number].numpy())
        expected = deltas[number]
        assert expected is not None
        assert_close(delta, expected.numpy(), np.abs(expected.numpy()).max(), net.layers[2].weight.topology.n_in)


def test_a_probe_computes_no_weight_gradient() -> None:
    net, x = network(), np.random.default_rng(33).standard_normal((2, *SIZE, 6))
    loss_of(net, x).backward()
    before = {name: (p.data.copy(), p.grad) for name, p in net.named_parameters().items()}
    with probing(lambda *_: None):
        loss_of(net, x).backward()
    for name, parameter in net.named_parameters().items():
        np.testing.assert_array_equal(parameter.data, before[name][0])
        assert parameter.grad is before[name][1]
        assert parameter.grad is not None


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_batch_of_no_samples_passes(kernel: int) -> None:
    layer = Conv2d(2, 3, kernel, dtype=np.float64)
    initialise(layer, 0.5)
    x = Tensor(np.zeros((2, 4, 5, 0)), requires_grad=True)
    y = layer(x)
    assert y.shape == (3, 4, 5, 0)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    assert not np.any(layer.weight.grad.data)
