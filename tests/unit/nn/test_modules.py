"""Modules: names and order, state, loading all or nothing, dense against sparse, initial weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gse_ref import autodiff as ad
from gse_ref.autodiff import Tensor
from gse_ref.counts import rounded
from gse_ref.errors import CheckpointError, InputError
from gse_ref.nn import (
    ACTIVATIONS,
    Activation,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sequential,
    SparseParameter,
    initialise,
)
from gse_ref.rng import stream
from gse_ref.sparse import PATTERNS, LayerShape, SlotMap, edit, empty, erdos_renyi, full, layer_budgets
from tests.bounds import assert_close


def mlp(dtype: type = np.float32) -> Sequential:
    layers = (Linear(8, 6, dtype=dtype), ReLU(), Linear(6, 5, sparse=False, dtype=dtype), Activation("tanh"))
    return Sequential(*layers, Linear(5, 4, bias=False, dtype=dtype))


class Tree(Module):
    """Parameters before, between and below modules, in lists and tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = Parameter(np.ones(2))
        self.body = mlp()
        self.pair = (Linear(2, 2), Parameter(np.zeros(3)))
        self.note = "no member"

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_names_come_in_the_order_of_the_attributes() -> None:
    body = ["body.layers.0.weight", "body.layers.0.bias", "body.layers.2.weight", "body.layers.2.bias"]
    names = ["scale", "pair.1", *body, "body.layers.4.weight", "pair.0.weight", "pair.0.bias"]
    tree = Tree()
    assert list(tree.named_parameters()) == names
    assert list(tree.sparse_parameters()) == [names[2], names[6], names[7]]
    assert tree.named_parameters()["pair.1"] is tree.pair[1]
    modules = ["", "body", *(f"body.layers.{i}" for i in range(5)), "pair.0"]
    assert [name for name, _ in tree.named_modules()] == modules
    assert list(mlp().named_parameters())[:2] == ["layers.0.weight", "layers.0.bias"]


def test_decay_is_for_weights_alone() -> None:
    decays = {name: p.decay for name, p in mlp().named_parameters().items()}
    assert all(decay is name.endswith("weight") for name, decay in decays.items())


def test_modes_reach_everything_below() -> None:
    tree = Tree()
    assert tree.training
    assert tree.eval() is tree
    assert not any(module.training for _, module in tree.named_modules())
    assert tree.train() is tree
    assert all(module.training for _, module in tree.named_modules())


def test_forward_is_abstract() -> None:
    with pytest.raises(NotImplementedError, match="a module defines forward"):
        Module()(Tensor(np.ones(1)))


def contents(module: Module) -> dict[str, bytes]:
    return {name: array.dtype.str.encode() + array.tobytes() for name, array in module.state_dict().items()}


def test_state_holds_the_topology_and_survives_a_round_trip() -> None:
    first, second = mlp(), mlp()
    initialise(first, 0.4, seed=3)
    initialise(second, 0.7, seed=4)
    state = first.state_dict()
    assert {"layers.0.weight", "layers.0.weight.indptr", "layers.0.weight.indices", "layers.2.bias"} <= set(state)
    assert "layers.2.weight.indptr" not in state, "dense"
    second.named_parameters()["layers.0.weight"].grad = Tensor(np.zeros(3, np.float32))
    second.load_state_dict(state)
    assert contents(second) == contents(first)
    assert all(parameter.grad is None for parameter in second.named_parameters().values())
    x = Tensor(np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32))
    np.testing.assert_array_equal(second(x).numpy(), first(x).numpy())


def test_a_loaded_model_shares_nothing_with_the_state() -> None:
    first, second = mlp(), mlp()
    initialise(first, 0.4)
    second.load_state_dict(first.state_dict())
    before = contents(first)
    for parameter in second.named_parameters().values():
        parameter.data += 1
    assert contents(first) == before


class Counted(Module):
    """Two buffers, of which one is shared, and a list of arrays, which is none."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.weight = Parameter(np.ones(size))
        self.seen = np.arange(size, dtype=np.float32)
        self.inner = mlp()
        self.inner.seen = np.array([7])
        self.twice = (self.inner,)
        self.notes = [np.zeros(1)]


def test_arrays_are_buffers_and_part_of_the_state() -> None:
    module = Counted()
    assert list(module.named_buffers()) == ["seen", "inner.seen"]
    assert module.named_buffers()["inner.seen"] is module.inner.seen
    assert set(module.state_dict()) == {*module.named_parameters(), "seen", "inner.seen"} | {
        f"inner.layers.{i}.weight.{part}" for i in (0, 4) for part in ("indptr", "indices")
    }
    assert mlp().named_buffers() == {}
    state = {name: array.copy() for name, array in module.state_dict().items()}
    state["seen"] += 1
    module.load_state_dict(state)
    assert module.seen.tolist() == [1, 2, 3]
    assert not np.shares_memory(module.seen, state["seen"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("inner.seen"), r"missing \['inner.seen'\]"),
        (lambda state: state.update(seen=np.zeros(4, np.float32)), r"seen must be float32\(3,\), .*float32\(4,\)"),
        (
            lambda state: state.update({"inner.seen": np.array([7.0])}),
            r"inner.seen must be int64\(1,\), .* float64",
        ),
    ],
)
def test_buffers_that_do_not_fit_change_nothing(spoil: Callable[[dict[str, Any]], Any], message: str) -> None:
    module = Counted()
    state = {name: array + 1 for name, array in module.state_dict().items() if "." not in name}
    state = {**module.state_dict(), **state}
    spoil(state)
    before = contents(module)
    with pytest.raises(CheckpointError, match=message):
        module.load_state_dict(state)
    assert contents(module) == before


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.pop(name)


def put(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({name: change(state.get(name))})


SPOILED = {
    "a name is missing": (without("layers.2.bias"), r"missing \['layers.2.bias'\], not known \[\]"),
    "a topology is missing": (without("layers.4.weight.indices"), r"missing \['layers.4.weight.indices'\]"),
    "a name too many": (put("more", lambda _: np.zeros(1)), r"missing \[\], not known \['more'\]"),
    "another shape": (
        put("layers.2.weight", lambda a: a.T),
        r"layers.2.weight must be float32\(5, 6\), .*\(6, 5\)",
    ),
    "another dtype": (
        put("layers.2.bias", lambda a: a.astype(np.float64)),
        r"layers.2.bias must be .* float64\(5,\)",
    ),
    "too few values": (
        put("layers.4.weight", lambda a: a[:-1]),
        r"layers.4.weight must be float32\(\d+,\), the state",
    ),
    "values of another dtype": (put("layers.4.weight", lambda a: a.astype(np.float64)), "layers.4.weight must be"),
    "a row too few": (put("layers.4.weight.indptr", lambda a: a[:-1]), "indptr must have n_out"),
    "a column too far": (put("layers.4.weight.indices", lambda a: a + 5), "indices must lie in"),
    "columns out of order": (
        put("layers.4.weight.indices", lambda a: a * 0),
        "columns must be strictly increasing",
    ),
    "columns that are no integers": (
        put("layers.4.weight.indices", lambda a: a + 0.0),
        "indices must be a 1-d integer",
    ),
}


@pytest.mark.parametrize("case", sorted(SPOILED))
def test_a_state_that_does_not_fit_changes_nothing(case: str) -> None:
    spoil, message = SPOILED[case]
    source, target = mlp(), mlp()
    initialise(source, 0.6, seed=5)
    initialise(target, 0.4, seed=6)
    state, before = dict(source.state_dict()), contents(target)
    topologies = [p.topology for p in target.sparse_parameters().values()]
    spoil(state)
    with pytest.raises(CheckpointError, match=message):
        target.load_state_dict(state)
    assert contents(target) == before
    assert [p.topology for p in target.sparse_parameters().values()] == topologies


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sparse_layer_with_every_connection_is_the_dense_layer(bias: bool, dtype: type) -> None:
    generator = np.random.default_rng(7)
    matrix, x = (generator.standard_normal(shape).astype(dtype) for shape in ((5, 8), (8, 9)))
    sparse, dense = Linear(8, 5, bias=bias, dtype=dtype), Linear(8, 5, sparse=False, bias=bias, dtype=dtype)
    sparse.weight.place(full((5, 8)), matrix.ravel().copy())
    dense.weight.data = matrix
    if bias:
        sparse.bias.data = dense.bias.data = generator.standard_normal(5).astype(dtype)
    outputs = []
    for layer in (sparse, dense):
        leaf = Tensor(x, requires_grad=True)
        y = layer(leaf)
        assert y.dtype == dtype
        (y * y).sum().backward()
        outputs.append(
            [y.numpy(), leaf.grad.numpy(), *(p.grad.numpy().ravel() for p in layer.named_parameters().values())]
        )
    for actual, expected in zip(*outputs, strict=True):
        assert_close(actual, expected, 40 * np.abs(expected).max(), 9)


def test_sequential_is_one_after_another() -> None:
    net = mlp(np.float64)
    initialise(net, 0.5)
    x = Tensor(np.random.default_rng(8).standard_normal((8, 3)))
    expected = x
    for layer in net.layers:
        expected = layer(expected)
    np.testing.assert_array_equal(net(x).numpy(), expected.numpy())
    assert Sequential()(x) is x


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_by_name(name: str) -> None:
    x = Tensor(np.linspace(-2, 2, 9).reshape(3, 3))
    np.testing.assert_array_equal(Activation(name)(x).numpy(), getattr(ad, name)(x).numpy())
    assert not Activation(name).named_parameters()


def test_what_modules_refuse() -> None:
    with pytest.raises(InputError, match="unknown activation 'relo': did you mean 'relu'"):
        Activation("relo")
    for widths in ((0, 3), (3, 0), (-1, 3)):
        with pytest.raises(InputError, match=f"widths of at least 1, got n_in={widths[0]}, n_out={widths[1]}"):
            Linear(*widths)


def test_parameters_take_only_what_fits() -> None:
    parameter = SparseParameter(LayerShape(3, 4), np.float64)
    assert (parameter.shape, parameter.topology) == ((0,), empty((3, 4)))
    parameter.place(full((3, 4)), np.arange(12.0))
    parameter.grad = Tensor(np.zeros(12))
    with pytest.raises(InputError, match=r"the layer has shape \(3, 4\), the topology \(4, 3\)"):
        parameter.place(full((4, 3)), np.arange(12.0))
    for values in (np.arange(11.0), np.zeros(12, np.float32)):
        with pytest.raises(InputError, match=r"values must be float64 of shape \(12,\), got"):
            parameter.place(full((3, 4)), values)
    assert parameter.data.tolist() == list(range(12))
    changed, slots = edit(parameter.topology, np.array([0, 5]), np.empty(0, np.int32), np.empty(0, np.int32))
    parameter.rewire(changed, slots)
    assert parameter.topology is changed
    assert parameter.data.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert parameter.grad is None
    with pytest.raises(InputError):
        parameter.rewire(changed, SlotMap(np.arange(12, dtype=np.int32), 12))


@pytest.mark.parametrize("budget", ["uniform", "erdos_renyi", "erdos_renyi_kernel", "scaled"])
@pytest.mark.parametrize("density", [0.03, 0.3, 1.0])
def test_initialise_meets_the_density_exactly(budget: str, density: float) -> None:
    net = mlp()
    initialise(net, density, budget)
    layers = list(net.sparse_parameters().values())
    assert sum(p.topology.nnz for p in layers) == rounded(density, 8 * 6 + 5 * 4)
    assert [p.topology.nnz for p in layers] == layer_budgets(budget, [LayerShape(6, 8), LayerShape(4, 5)], density)
    for p in net.named_parameters().values():
        assert p.dtype == np.float32
        assert p.grad is None


def test_weights_are_bounded_by_the_actual_fan_in() -> None:
    net = Sequential(Linear(300, 400, dtype=np.float64), Linear(400, 50, sparse=False, dtype=np.float64))
    initialise(net, 0.05, seed=9)
    sparse, dense = net.layers
    topology = sparse.weight.topology
    bound = np.sqrt(3 / np.maximum(1, topology.fan_in()))
    scaled = sparse.weight.data / bound[topology.rows]
    assert np.abs(scaled).max() <= 1
    # Uniform on (-1, 1): mean 0, variance 1/3, both to six standard errors (a false alarm in 5e8 with this seed).
    n = len(scaled)
    assert abs(scaled.mean()) < 6 * np.sqrt(1 / 3 / n)
    assert abs((scaled**2).mean() - 1 / 3) < 6 * np.sqrt(4 / 45 / n)
    assert (np.abs(sparse.bias.data) <= bound).all()
    assert np.abs(sparse.bias.data / bound).max() > 0.9
    assert 0.9 * np.sqrt(3 / 400) < np.abs(dense.weight.data).max() <= np.sqrt(3 / 400)
    assert 0.5 * np.sqrt(3 / 400) < np.abs(dense.bias.data).max() <= np.sqrt(3 / 400)


def test_rows_without_connections_are_bounded_too() -> None:
    net = Sequential(Linear(2, 500, dtype=np.float64))
    initialise(net, 0.1)
    lonely = net.layers[0].bias.data[net.layers[0].weight.topology.fan_in() == 0]
    assert len(lonely) > 300
    assert 1.6 < np.abs(lonely).max() <= np.sqrt(3)


def test_equal_seeds_give_equal_models() -> None:
    first, again, other = mlp(), mlp(), mlp()
    for net, seed in ((first, 1), (again, 1), (other, 2)):
        initialise(net, 0.5, seed=seed)
    assert contents(first) == contents(again)
    assert all(contents(first)[name] != contents(other)[name] for name in ("layers.0.weight", "layers.2.weight"))


def test_each_layer_draws_from_its_own_streams() -> None:
    net = mlp(np.float64)
    initialise(net, 0.5, seed=11)
    for number, layer in enumerate(net.layers[::2]):
        if isinstance(layer.weight, SparseParameter):
            nnz, shape = layer.weight.topology.nnz, layer.weight.topology.shape
            expected = erdos_renyi(shape, nnz, stream(11, "topology", number))
            assert layer.weight.topology == expected
            bound = np.sqrt(3 / np.maximum(1, expected.fan_in()))[expected.rows]
            weights = stream(11, "weights", number).uniform(-1, 1, nnz) * bound
        else:
            weights = stream(11, "weights", number).uniform(-1, 1, (5, 6)) * np.sqrt(3 / 6)
        np.testing.assert_array_equal(layer.weight.data, weights)


@pytest.mark.parametrize("pattern", sorted(set(PATTERNS) - {"full"}))
def test_initialise_places_the_pattern_from_the_streams_of_the_topology(pattern: str) -> None:
    net = mlp()
    initialise(net, 0.4, seed=5, pattern=pattern)
    shapes = [LayerShape(6, 8), LayerShape(4, 5)]
    sparse, counts = net.sparse_parameters().values(), layer_budgets("erdos_renyi", shapes, 0.4)
    for number, parameter, nnz in zip((0, 2), sparse, counts, strict=True):
        expected = PATTERNS[pattern](parameter.topology.shape, nnz, stream(5, "topology", number))
        assert parameter.topology == expected


def test_what_initialise_refuses() -> None:
    with pytest.raises(InputError, match="unknown pattern 'smallworld': did you mean 'small_world'"):
        initialise(mlp(), 0.5, pattern="smallworld")
    with pytest.raises(InputError, match="no sparse layer to initialise"):
        initialise(Sequential(Linear(3, 3, sparse=False)), 0.5)
    with pytest.raises(InputError, match="unknown budget"):
        initialise(mlp(), 0.5, "even")
    for density in (0.0, 1.5, 1e-9):
        with pytest.raises(InputError, match="density"):
            initialise(mlp(), density)
