"""The graph: order, accumulation, depth, memory, grad mode, errors."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gse_ref.autodiff as ad
from gse_ref.autodiff import Op, Tensor, apply, backward, grad, is_grad_enabled, no_grad
from gse_ref.errors import GseError, InputError, ShapeError


def leaf(*values: float, dtype: type = np.float64) -> Tensor:
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_gradients_accumulate_over_uses_and_passes() -> None:
    x = leaf(2.0, 3.0)
    y = (x * x + x + x).sum()
    y.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 8.0])
    y.backward(2.0)
    np.testing.assert_array_equal(x.grad.numpy(), [18.0, 24.0])
    assert not x.grad.requires_grad


def test_gradient_passed_in_is_not_changed() -> None:
    x = leaf(1.0, 2.0)
    given_gradient = Tensor(np.array([1.0, 10.0]))
    (x + x + x).backward(given_gradient)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 30.0])
    np.testing.assert_array_equal(given_gradient.numpy(), [1.0, 10.0])


def test_each_node_once_after_all_consumers_in_a_fixed_order() -> None:
    visits: list[str] = []

    def noted(name: str) -> Op:
        def vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...]) -> list[Tensor]:
            visits.append(name)
            return [grad for _ in inputs]

        return Op(name, lambda *arrays: sum(arrays[1:], arrays[0].copy()), vjp)

    x = leaf(1.0)
    a = apply(noted("a"), x)
    b = apply(noted("b"), a)
    c = apply(noted("c"), a, b)
    d = apply(noted("d"), c, a, b)
    d.backward()
    assert x.grad is not None
    assert x.grad.item() == 4
    assert visits == ["d", "c", "b", "a"]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=30))
def test_random_graphs_count_their_paths(edges: list[tuple[int, int]]) -> None:
    nodes = [leaf(1.0)]
    for left, right in edges:
        nodes.append(nodes[left % len(nodes)] + nodes[right % len(nodes)])
    nodes[-1].backward()
    paths = [0] * len(nodes)
    paths[-1] = 1
    for position in range(len(nodes) - 1, 0, -1):
        for end in edges[position - 1]:
            paths[end % position] += paths[position]
    assert nodes[0].grad is not None
    assert nodes[0].grad.item() == paths[0]


def test_only_what_needs_gradients_is_visited() -> None:
    def never(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: tuple[bool]) -> tuple[Tensor]:
        raise AssertionError("visited")

    trap = Op("trap", np.copy, never)
    x, other, frozen = leaf(2.0), leaf(5.0), Tensor(np.array([3.0]))
    y = x * x * apply(trap, frozen)
    assert grad(y, [x])[0].item() == 12  # type: ignore[union-attr]
    y = x * x + apply(trap, other)
    gradient, missing = grad(y, [x, leaf(1.0)])
    assert gradient is not None
    assert gradient.item() == 4
    assert missing is None


def test_needs_tells_the_rule_which_inputs() -> None:
    seen: list[tuple[bool, ...]] = []

    def vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...]) -> tuple[Tensor, ...]:
        seen.append(needs)
        return (grad, grad)

    op = Op("noted", np.add, vjp)
    x, y = leaf(1.0), leaf(1.0)
    apply(op, x, 2.0).backward()
    grad(apply(op, x, y), [y])
    assert seen == [(True, False), (False, True)]


def test_grad_of_intermediate_tensors_and_of_the_output() -> None:
    x = leaf(3.0)
    y = x * x
    z = y * x
    dy, dz, dx = grad(z, [y, z, x])
    assert dy is not None
    assert dz is not None
    assert dx is not None
    assert (dy.item(), dz.item(), dx.item()) == (3, 1, 27)
    assert grad(z, [y])[0].item() == 3  # type: ignore[union-attr]
    assert x.grad is None


def test_backward_of_a_leaf() -> None:
    x = leaf(3.0)
    x.backward()
    assert x.grad is not None
    assert x.grad.item() == 1


@pytest.mark.parametrize("order", ["fresh first", "fresh last", "fresh twice"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_only_fresh_gradients_are_added_to_in_place(order: str, create_graph: bool) -> None:
    """A rule that hands on the gradient it was given must not find it changed; one that made its own may."""
    given: list[np.ndarray] = []

    def hand_on(grad: Tensor, *_: object) -> tuple[Tensor]:
        given.append(grad.data)
        return (grad,)

    shared = Op("shared", lambda x: x + 0, hand_on)
    fresh = Op("fresh", lambda x: 2 * x, lambda grad, *_: (grad * 2,), fresh=True)
    x = Tensor(np.arange(3.0), requires_grad=True)
    middle = x * 1
    branches = {
        "fresh first": (shared, shared, fresh),
        "fresh last": (fresh, shared, shared),
        "fresh twice": (fresh, fresh, shared),
    }[order]
    total = apply(branches[0], middle) + apply(branches[1], middle) + apply(branches[2], middle)
    seed = np.array([1.0, -2.0, 0.5])
    (found,) = grad(total, [x], seed, create_graph=create_graph)
    assert found is not None
    np.testing.assert_array_equal(found.data, sum(2 if op is fresh else 1 for op in branches) * seed)
    assert all(np.array_equal(array, seed) for array in given)


def test_gradient_of_gradient_of_gradient() -> None:
    x = leaf(2.0)
    (first,) = grad(x**4, [x], create_graph=True)
    assert first is not None
    (second,) = grad(first, [x], create_graph=True)
    assert second is not None
    second.backward()
    assert x.grad is not None
    assert (first.item(), second.item(), x.grad.item()) == (32, 48, 48)


def test_backward_with_graph_leaves_differentiable_gradients() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.requires_grad
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad is not None
    assert x.grad.item() == 12


def test_seed_with_graph() -> None:
    x, seed = leaf(2.0), leaf(3.0)
    (gradient,) = grad(x * x, [x], grad_output=seed, create_graph=True)
    assert gradient is not None
    (through,) = grad(gradient, [seed])
    assert through is not None
    assert through.item() == 4
    (plain,) = grad(x * x, [x], grad_output=seed)
    assert plain is not None
    assert not plain.requires_grad


def test_rules_see_whether_a_graph_is_wanted() -> None:
    seen: list[bool] = []

    def vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: tuple[bool]) -> tuple[Tensor]:
        seen.append(is_grad_enabled())
        return (grad,)

    y = apply(Op("noted", np.copy, vjp), leaf(1.0))
    y.backward()
    with no_grad():
        y.backward(create_graph=True)
        assert not is_grad_enabled()
    assert seen == [False, True]
    assert is_grad_enabled()


def test_no_grad_is_nested_local_and_survives_errors() -> None:
    x = leaf(1.0)
    others: list[bool] = []
    mode = no_grad()
    with mode, mode:
        thread = threading.Thread(target=lambda: others.append(is_grad_enabled()))
        thread.start()
        thread.join()
        y = x * 2
    assert others == [True]
    assert not y.requires_grad
    assert y.op is None
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()
    assert (x * 2).requires_grad
    assert not (x * 2).detach().requires_grad


DEEP = """
import sys
import numpy as np
from gse_ref.autodiff import Tensor, grad
sys.setrecursionlimit(200)
x = Tensor(np.ones(2), requires_grad=True)
y = x
for _ in range({depth}):
    y = y * 1.0 + 0.0
y.sum().backward()
assert x.grad.numpy().tolist() == [1.0, 1.0]
(g,) = grad(y.sum(), [x], create_graph=True)
assert g.numpy().tolist() == [1.0, 1.0]
del y, g
print("done")
"""


def test_depth_of_a_hundred_thousand_operations() -> None:
    # In a process of its own: a crash of the C stack when the graph is destroyed would take the tests with it.
    script = DEEP.format(depth=50_000)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


def test_intermediate_gradients_are_freed_as_soon_as_used() -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: tuple[bool]) -> tuple[Tensor]:
        nonlocal most
        alive.append(weakref.ref(grad))
        most = max(most, sum(reference() is not None for reference in alive))
        return (grad * 2.0,)

    op = Op("noted", lambda x: 2 * x, vjp)
    y = leaf(1.0)
    for _ in range(20):
        y = apply(op, y)
    y.backward()
    assert most <= 2


def test_graph_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        x = leaf(1.0)
        y = ad.exp(x * 2)
        reference = weakref.ref(y)
        y.backward()
        del y
        assert reference() is None
    finally:
        gc.enable()


def _rule(returned: object) -> Op:
    return Op("broken", np.copy, lambda grad, out, inputs, needs: returned)


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        ((), InputError, "'broken' returned 0 gradients for 1 inputs"),
        ((np.ones(2),), InputError, "'broken' returned ndarray for input 0"),
        ((Tensor(np.ones(3)),), ShapeError, r"'broken' returned float64 \(3,\) for input 0, .* \(2,\)"),
        ((Tensor(np.ones(2, np.float32)),), ShapeError, "'broken' returned float32"),
    ],
)
def test_wrong_rules_are_named(returned: object, error: type[GseError], message: str) -> None:
    with pytest.raises(error, match=message):
        apply(_rule(returned), leaf(1.0, 2.0)).sum().backward()
    assert is_grad_enabled()


def test_rule_may_return_none_for_zero() -> None:
    x = leaf(1.0)
    y = x * 2
    z = apply(_rule((None,)), y)
    z.backward()
    assert x.grad is None
    assert grad(z, [x]) == (None,)


def test_backward_errors() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"implied gradient, the output has shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(InputError, match="not attached to a graph"):
        backward(Tensor(1.0))
    with pytest.raises(ShapeError, match=r"gradient is float64 \(3,\), the output float64 \(2,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(ShapeError, match="gradient is float32"):
        (x * 2).backward(Tensor(np.ones(2, np.float32)))


@pytest.mark.parametrize("data", [3, True, [1, 2], np.arange(3), np.ones(2, np.float16), np.ones(2, complex), "a"])
def test_other_dtypes_are_refused(data: object) -> None:
    with pytest.raises(InputError, match="float32 or float64, got"):
        Tensor(data)  # type: ignore[arg-type]


def test_mixed_dtypes_are_refused_and_numbers_follow() -> None:
    single, double = Tensor(np.ones(2, np.float32)), Tensor(np.ones(2))
    with pytest.raises(InputError, match="add got a float32 and a float64 tensor"):
        single + double
    for result in (single + 1, 1.5 * single, single / np.float64(3), np.ones(2) - single, np.arange(2) * single):
        assert isinstance(result, Tensor)
        assert result.dtype == np.float32
    assert ad.exp(1.0).dtype == np.float64
    assert ad.add(np.ones(2, np.float32), 1.0).dtype == np.float32


def test_tensor_surface() -> None:
    x = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3), requires_grad=True)
    assert (x.shape, x.dtype, x.ndim, x.size, len(x)) == ((2, 3), np.float32, 2, 6, 2)
    assert x.numpy() is x.data
    assert x.detach().numpy() is x.data
    assert [row.shape for row in x] == [(3,), (3,)]
    assert x.max().item() == 5
    assert "requires_grad=True" in repr(x)
    assert "op=mul" in repr(x * 2)
    assert "float32" in repr(x.detach())
    with pytest.raises(ShapeError, match="item"):
        x.item()
    with pytest.raises(TypeError, match="no length"):
        len(Tensor(1.0))


def test_activations_are_aligned() -> None:
    x = Tensor(np.ones((3, 5), np.float32), requires_grad=True)
    for result in (x + 1, ad.relu(x), ad.softmax(x, 0), x @ x.T, ad.pad(x, ((1, 1), (0, 0))), ad.tanh(x)):
        assert result.numpy().__array_interface__["data"][0] % 64 == 0
