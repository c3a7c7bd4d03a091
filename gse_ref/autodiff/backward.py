"""The reverse pass: iterative, each node once after all its consumers, only where a gradient is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..backends.arrays import constant, namespace
from ..errors import InputError, ShapeError
from .elementwise import add
from .tensor import Op, Operand, Tensor, grad_mode


def _topological(output: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the results below `output`, inputs before consumers, and the leaves, first met first."""
    order: list[Tensor] = []
    leaves: list[Tensor] = []
    seen: set[int] = set()
    # An explicit stack: recursion would end at a depth of a thousand operations.
    stack = [(output, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op is None:
            leaves.append(node)
            continue
        stack.append((node, True))
        for tensor, need in zip(node.inputs, node.needs, strict=True):
            if need and id(tensor) not in seen:
                stack.append((tensor, False))
    return order, leaves


def _towards(order: list[Tensor], wanted: set[int]) -> set[int]:
    """Return the ids of the nodes through which the gradient of a wanted tensor flows."""
    live = set(wanted)
    for node in order:
        if any(need and id(tensor) in live for tensor, need in zip(node.inputs, node.needs, strict=True)):
            live.add(id(node))
    return live


def _pull(node: Tensor, grad: Tensor, needs: tuple[bool, ...]) -> Sequence[Tensor | None]:
    """Run the rule of `node` and check what it returns."""
    op = cast(Op, node.op)  # only tensors made by an operation are pulled
    pulled = op.vjp(grad, node, node.inputs, needs, **node.static)
    if len(pulled) != len(node.inputs):
        raise InputError(
            f"the gradient rule of {op.name!r} returned {len(pulled)} gradients for {len(node.inputs)} "
            "inputs: return one entry (a Tensor or None) for each input"
        )
    for position, (tensor, need, part) in enumerate(zip(node.inputs, needs, pulled, strict=True)):
        if not need or part is None:
            continue
        if not isinstance(part, Tensor):
            raise InputError(
                f"the gradient rule of {op.name!r} returned {type(part).__name__} for input {position}: "
                "return a Tensor or None"
            )
        if part.data.shape != tensor.data.shape or part.data.dtype != tensor.data.dtype:
            raise ShapeError(
                f"the gradient rule of {op.name!r} returned {part.data.dtype} {part.data.shape} for input "
                f"{position}, which is {tensor.data.dtype} {tensor.data.shape}: mend the rule"
            )
    return pulled


def _propagate(
    output: Tensor, seed: Tensor, order: list[Tensor], wanted: set[int] | None, create_graph: bool
) -> dict[int, Tensor]:
    """Return the gradients of the leaves and of the wanted tensors, by id; `order` is emptied.

    wanted : ids of tensors; None stands for all leaves.
    """
    live = None if wanted is None else _towards(order, wanted)
    pending = {id(output): seed}
    kept: dict[int, Tensor] = {}
    # Gradients whose arrays nothing else holds: only these may be added to in place.
    owned: set[int] = set()
    with grad_mode(create_graph):
        while order:
            node = order.pop()
            grad = pending.pop(id(node), None)
            if grad is None:
                continue
            if wanted is not None and id(node) in wanted:
                kept[id(node)] = grad
            needs = node.needs
            if live is not None:
                needs = tuple(n and id(t) in live for n, t in zip(needs, node.inputs, strict=True))
                if True not in needs:
                    continue
            for tensor, need, part in zip(node.inputs, needs, _pull(node, grad, needs), strict=True):
                if not need or part is None:
                    continue
                key = id(tensor)
                held = pending.get(key)
                fresh = not create_graph and cast(Op, node.op).fresh
                if held is None:
                    pending[key] = part
                elif key in owned:
                    held.data += part.data
                    continue
                elif fresh:
                    part.data += held.data
                    pending[key] = part
                else:
                    pending[key], fresh = add(held, part), not create_graph
                if fresh:
                    owned.add(key)
    pending.update(kept)
    return pending


def _seed(output: Tensor, grad: Operand | None, create_graph: bool) -> Tensor:
    if not output.requires_grad:
        raise InputError(
            "the output is not attached to a graph: no tensor with requires_grad=True went into it, or it "
            "was computed under no_grad() or detached"
        )
    if grad is None:
        if output.data.size != 1:
            raise ShapeError(
                f"only a scalar has an implied gradient, the output has shape {output.shape}: reduce it, "
                "e.g. with .sum(), or pass the gradient of this shape"
            )
        return Tensor(namespace(output.data).ones(output.shape, dtype=output.dtype))
    seed = grad if isinstance(grad, Tensor) else Tensor(constant(grad, output.data))
    if seed.shape != output.shape or seed.dtype != output.dtype:
        raise ShapeError(
            f"the gradient is {seed.dtype} {seed.shape}, the output {output.dtype} {output.shape}: they must agree"
        )
    return seed if create_graph else seed.detach()


def backward(output: Tensor, grad: Operand | None = None, create_graph: bool = False) -> None:
    """Add the gradient of ``sum(grad * output)`` to `.grad` of every leaf that requires it.

    Parameters
    ----------
    output : tensor attached to a graph.
    grad : tensor or array of the output's shape; may be left out for a scalar, where it is 1.
    create_graph : record the graph of the gradients, so that they can be differentiated again. The rules run
        with gradients enabled exactly if this is True.

    Raises
    ------
    InputError : an output not attached to a graph. ShapeError : no `grad` for an output that is not scalar, a
        `grad` of another shape or dtype, a rule that returns the wrong shape (it is named).
    """
    seed = _seed(output, grad, create_graph)
    order, leaves = _topological(output)
    gradients = _propagate(output, seed, order, None, create_graph)
    with grad_mode(create_graph):
        for leaf in leaves:
            part = gradients.get(id(leaf))
            if part is not None:
                leaf.grad = part if leaf.grad is None else add(leaf.grad, part)


def grad(
    output: Tensor, inputs: Sequence[Tensor], grad_output: Operand | None = None, create_graph: bool = False
) -> tuple[Tensor | None, ...]:
    """Return the gradients of ``sum(grad_output * output)`` with respect to `inputs`; `.grad` is not touched.

    Parameters
    ----------
    output, create_graph : as for `backward`.
    inputs : tensors, leaves or not. Only what lies between them and the output is visited.
    grad_output : as `grad` of `backward`.

    Returns
    -------
    One tensor for each input; None where the output does not depend on it.

    Raises
    ------
    InputError, ShapeError : as for `backward`.
    """
    seed = _seed(output, grad_output, create_graph)
    order, _ = _topological(output)
    gradients = _propagate(output, seed, order, {id(tensor) for tensor in inputs}, create_graph)
    return tuple(gradients.get(id(tensor)) for tensor in inputs)
