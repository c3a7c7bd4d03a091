"""Sparse products as differentiable operations: gradients of first and second order, and what a probe sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gse_ref import autodiff as ad
from gse_ref.autodiff import Tensor, check_gradient, grad
from gse_ref.backends import use
from gse_ref.conformance.strategies import of_mask
from gse_ref.errors import InputError, ShapeError
from gse_ref.nn import (
    Linear,
    ReLU,
    Sequential,
    initialise,
    is_probing,
    probe,
    probing,
    sampled_product,
    sparse_matmul,
)
from gse_ref.sparse import Topology, empty, full
from tests.bounds import assert_close

TOPOLOGIES = {
    "mixed": of_mask(np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], bool)),
    "full": full((3, 4)),
    "one connection": of_mask(np.array([[0, 0, 0], [0, 1, 0]], bool)),
    "one row": of_mask(np.array([[1, 0, 1]], bool)),
    "one column": of_mask(np.array([[1], [0], [1]], bool)),
}
every_topology = pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=list(TOPOLOGIES))


def operands(topology: Topology, batch: int = 5, dtype: type = np.float64) -> list[np.ndarray]:
    """Return values, x, bias and dy."""
    generator = np.random.default_rng(21)
    shapes = [(topology.nnz,), (topology.n_in, batch), (topology.n_out,), (topology.n_out, batch)]
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def placed(topology: Topology, values: Tensor) -> Tensor:
    """Return the dense matrix of `values` as a differentiable tensor."""
    spread = np.zeros((topology.size, topology.nnz))
    spread[topology.edge_ids, np.arange(topology.nnz)] = 1
    return ad.matmul(Tensor(spread), values).reshape(topology.shape)


@every_topology
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 5, 17])
def test_gradients_of_the_product(topology: Topology, order: int, batch: int) -> None:
    values, x, bias, _ = operands(topology, batch)
    check_gradient(lambda v, x: sparse_matmul(v, topology, x), values, x, order=order).require()
    check_gradient(lambda v, x, b: sparse_matmul(v, topology, x, b), values, x, bias, order=order).require()


@every_topology
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients_of_the_sampled_product(topology: Topology, order: int) -> None:
    _, x, _, dy = operands(topology)
    check_gradient(lambda dy, x: sampled_product(topology, dy, x), dy, x, order=order).require()


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_through_a_layer_and_its_activation(order: int) -> None:
    topology = TOPOLOGIES["mixed"]
    values, x, bias, _ = operands(topology)
    check_gradient(
        lambda v, x, b: ad.tanh(sparse_matmul(v, topology, x, b)), values, x, bias, order=order
    ).require()


@every_topology
def test_first_and_second_order_equal_dense_autodiff(topology: Topology) -> None:
    arrays = operands(topology)[:3]

    def products(dense: bool) -> list[np.ndarray]:
        values, x, bias = (Tensor(a, requires_grad=True) for a in arrays)
        if dense:
            y = ad.matmul(placed(topology, values), x) + bias.reshape(-1, 1)
        else:
            y = sparse_matmul(values, topology, x, bias)
        loss = (ad.tanh(y) * y).sum()
        first = grad(loss, [values, x, bias], create_graph=True)
        again = sum(((g * g).sum() for g in first[1:]), (first[0] * first[0]).sum())
        second = grad(again, [values, x, bias])
        return [y.numpy(), *(g.numpy() for g in (*first, *second))]

    actual, expected = products(dense=False), products(dense=True)
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, 1 + np.abs(np.concatenate([part.ravel() for part in expected])).max() ** 2, 64)


@every_topology
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [5, 144])
def test_the_fused_backward_equals_the_unfused(topology: Topology, dtype: type, batch: int) -> None:
    arrays = operands(topology, batch, dtype)
    gradients = []
    for create_graph in (False, True):
        leaves = [Tensor(a, requires_grad=True) for a in arrays[:3]]
        y = sparse_matmul(leaves[0], topology, leaves[1], leaves[2])
        found = grad(y, leaves, grad_output=Tensor(arrays[3]), create_graph=create_graph)
        assert all(g.requires_grad is create_graph for g in found[:2])
        gradients.append([g.numpy() for g in found])
    for fused, unfused, leaf in zip(*gradients, arrays, strict=False):
        assert fused.dtype == unfused.dtype == dtype
        assert fused.shape == leaf.shape
    values, x, _, dy = (np.abs(a.astype(np.float64)) for a in arrays)
    at = (topology.rows, topology.indices)
    assert_close(gradients[0][0], gradients[1][0], (dy @ x.T)[at], 2 * batch)
    theta = np.zeros(topology.shape)
    theta[at] = values
    assert_close(gradients[0][1], gradients[1][1], theta.T @ dy, 2 * topology.n_out)
    assert_close(gradients[0][2], gradients[1][2], dy.sum(axis=1), 2 * batch)


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
def test_only_the_gradients_that_are_wanted(wanted: tuple[bool, bool]) -> None:
    topology = TOPOLOGIES["mixed"]
    values, x, _, _ = operands(topology)
    leaves = [Tensor(a, requires_grad=want) for a, want in zip((values, x), wanted, strict=True)]
    sparse_matmul(leaves[0], topology, leaves[1]).sum().backward()
    assert [leaf.grad is not None for leaf in leaves] == list(wanted)


def test_a_layer_without_connections() -> None:
    topology = empty((2, 3))
    values, x = Tensor(np.zeros(0), requires_grad=True), Tensor(np.ones((3, 4)), requires_grad=True)
    y = sparse_matmul(values, topology, x, Tensor(np.array([1.0, 2.0])))
    assert y.numpy().tolist() == [[1.0] * 4, [2.0] * 4]
    y.sum().backward()
    assert values.grad is not None
    assert values.grad.shape == (0,)
    assert x.grad is not None
    assert not x.grad.numpy().any()


def test_operations_run_on_the_backend_in_use() -> None:
    topology = TOPOLOGIES["mixed"]
    values, x, bias, _ = operands(topology)
    for name in ("naive", "shadow"):
        with use(name):
            leaves = [Tensor(a, requires_grad=True) for a in (values, x, bias)]
            y = sparse_matmul(leaves[0], topology, leaves[1], leaves[2])
            (y * y).sum().backward()
        expected = np.zeros(topology.shape)
        expected[topology.rows, topology.indices] = values
        assert_close(
            y.numpy(), expected @ x + bias[:, None], np.abs(expected) @ np.abs(x) + np.abs(bias)[:, None], 5
        )


WRONG: list[tuple[str, Any]] = [
    (r"values has shape \(2,\), but Topology\(3×4, .* wants \(5,\)", lambda t, v, x: sparse_matmul(v[:2], t, x)),
    (
        r"x has shape \(3, 5\), .* wants \(4, 'batch'\); the batch is the last",
        lambda t, v, x: sparse_matmul(v, t, x[:3]),
    ),
    (r"x has shape \(4,\), .* wants \(4, 'batch'\)", lambda t, v, x: sparse_matmul(v, t, x[:, 0])),
    (r"bias has shape \(4,\), .* wants \(3,\)", lambda t, v, x: sparse_matmul(v, t, x, x[:, 0])),
    (r"dy has shape \(4, 5\), .* wants \(3, 'batch'\)", lambda t, v, x: sampled_product(t, x, x)),
    (r"x has shape \(4, 2\), .* wants \(4, 5\)", lambda t, v, x: sampled_product(t, x[:3], x[:, :2])),
]


@pytest.mark.parametrize(("message", "function"), WRONG)
def test_operands_that_do_not_fit(message: str, function: Any) -> None:
    topology = TOPOLOGIES["mixed"]
    values, x, _, _ = (Tensor(a) for a in operands(topology))
    with pytest.raises(ShapeError, match=message):
        function(topology, values, x)


def test_dtypes_are_not_mixed() -> None:
    topology = TOPOLOGIES["mixed"]
    values, x, _, _ = operands(topology)
    with pytest.raises(InputError, match="float32"):
        sparse_matmul(Tensor(values.astype(np.float32)), topology, Tensor(x))


def model() -> Sequential:
    made = Sequential(Linear(6, 5, dtype=np.float64), ReLU(), Linear(5, 4, bias=False, dtype=np.float64), ReLU())
    made.layers.append(Linear(4, 3, dtype=np.float64))
    initialise(made, 0.5, seed=1)
    return made


def test_a_probe_sees_every_layer_once_with_its_input_and_delta() -> None:
    net, x = model(), np.random.default_rng(22).standard_normal((6, 7))
    weights = list(net.sparse_parameters().values())
    inputs, outputs, h = [], [], Tensor(x)
    for layer in net.layers:
        inputs.append(h)
        h = layer(h)
        outputs.append(h)
    deltas = grad((h * h).mean(), [outputs[0], outputs[2], outputs[4]])

    seen: list[tuple[Any, np.ndarray, np.ndarray]] = []
    loss = net(Tensor(x))
    with probing(lambda owner, x, delta: seen.append((owner, x.copy(), delta.copy()))):
        assert is_probing()
        (loss * loss).mean().backward()
    assert not is_probing()
    assert [owner for owner, _, _ in seen] == weights[::-1], "once each, in the order of the backward pass"
    for (_, given, delta), number in zip(seen, (2, 1, 0), strict=True):
        np.testing.assert_array_equal(given, inputs[2 * number].numpy())
        expected = deltas[number]
        assert expected is not None
        assert_close(delta, expected.numpy(), np.abs(expected.numpy()).max(), 16)


def test_a_probe_changes_nothing() -> None:
    net, x = model(), Tensor(np.random.default_rng(23).standard_normal((6, 7)))
    (net(x) * net(x)).mean().backward()
    before = {name: (p.data.copy(), p.grad) for name, p in net.named_parameters().items()}
    arrays = {name: p.grad.numpy().copy() for name, p in net.named_parameters().items() if p.grad is not None}
    assert set(arrays) == set(before)
    with probing(lambda owner, x, delta: None):
        net(x).sum().backward()
    for name, parameter in net.named_parameters().items():
        np.testing.assert_array_equal(parameter.data, before[name][0])
        assert parameter.grad is before[name][1]
        assert parameter.grad is not None
        np.testing.assert_array_equal(parameter.grad.numpy(), arrays[name])


def test_a_probe_leaves_dense_layers_alone() -> None:
    net = Sequential(Linear(6, 5), ReLU(), Linear(5, 3, sparse=False))
    initialise(net, 0.5)
    seen: list[bool] = []
    x = Tensor(np.ones((6, 2), np.float32))
    probe(lambda: net(x).sum(), net.sparse_parameters().values(), lambda *_: seen.append(is_probing()))
    assert seen == [True]
    assert [name for name, p in net.named_parameters().items() if p.grad is not None] == []


def test_a_probe_ends_with_an_error_and_nests() -> None:
    def outer(owner: Any, x: np.ndarray, delta: np.ndarray) -> None: ...

    with pytest.raises(KeyError), probing(outer):
        raise KeyError
    assert not is_probing()
    seen: list[str] = []
    net, x = model(), Tensor(np.ones((6, 2)))
    with probing(lambda *_: seen.append("outer")):
        with probing(lambda *_: seen.append("inner")):
            net(x).sum().backward()
        net(x).sum().backward()
    assert seen == ["inner"] * 3 + ["outer"] * 3
