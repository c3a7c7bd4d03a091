"""Modules: named trees of parameters and buffers with a forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..autodiff import Tensor
from ..backends.arrays import is_array, moved, namespace, taken
from ..errors import CheckpointError, InputError
from ..sparse import Topology
from .parameter import Parameter, SparseParameter


class Module:
    """Base of everything with parameters; children and parameters are found among the attributes, in order.

    An attribute that is an array is a buffer: state that training changes without a gradient.
    """

    def __init__(self) -> None:
        self.training = True

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for `x`, batch last."""
        raise NotImplementedError("abstract: a module defines forward")

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def _members(self) -> Iterator[tuple[str, Any]]:
        for name, value in vars(self).items():
            if isinstance(value, (list, tuple)):
                for index, item in enumerate(value):
                    yield f"{name}.{index}", item
            else:
                yield name, value

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """Yield (dotted name, module) of this module ("" at the root) and all below it, depth first, each once."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, member in self._members():
            if isinstance(member, Module):
                yield from member.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def named_parameters(self) -> dict[str, Parameter]:
        """Return dotted name → parameter, in the order of the forward pass as written."""
        return {
            f"{path}.{name}" if path else name: member
            for path, module in self.named_modules()
            for name, member in module._members()
            if isinstance(member, Parameter)
        }

    def sparse_parameters(self) -> dict[str, SparseParameter]:
        """Return dotted name → parameter of the sparse layers alone; their order numbers the layers."""
        return {n: p for n, p in self.named_parameters().items() if isinstance(p, SparseParameter)}

    def buffer_owners(self) -> dict[str, tuple[Module, str]]:
        """Return dotted name of each buffer → the module that has it, and its attribute there."""
        return {
            f"{path}.{name}" if path else name: (module, name)
            for path, module in self.named_modules()
            for name, member in vars(module).items()
            if is_array(member)
        }

    def named_buffers(self) -> dict[str, np.ndarray]:
        """Return dotted name → buffer."""
        return {name: getattr(module, member) for name, (module, member) in self.buffer_owners().items()}

    def train(self, mode: bool = True) -> Module:
        """Put this module and all below it into training mode, or evaluation mode."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Put this module and all below it into evaluation mode."""
        return self.train(False)

    def to(self, library: Any) -> Module:
        """Bring parameters and buffers to `library`, NumPy or that of a device; gradients are dropped."""
        for parameter in self.named_parameters().values():
            parameter.to(library)
        for module, member in self.buffer_owners().values():
            setattr(module, member, moved(getattr(module, member), library))
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return name → array of everything that training changes.

        Sparse layers add ``.indptr`` and ``.indices``, and ``.silent`` and ``.decay`` where they have them.
        """
        state: dict[str, np.ndarray] = {}
        for name, parameter in self.named_parameters().items():
            state[name] = parameter.data
            if isinstance(parameter, SparseParameter):
                state |= {f"{name}.{suffix}": array for suffix, array in parameter.state().items()}
        return state | self.named_buffers()

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the arrays of `state_dict`, to where the model is; nothing is changed unless everything fits.

        Raises
        ------
        CheckpointError : names that are missing or too many, or arrays of another shape or dtype.
        """
        parameters = self.named_parameters()
        extras = {f"{name}.{suffix}" for name in self.sparse_parameters() for suffix in ("silent", "decay")}
        wanted = set(self.state_dict()) - extras | set(state) & extras
        if wanted != set(state):
            missing, extra = sorted(wanted - set(state)), sorted(set(state) - wanted)
            raise CheckpointError(f"the state is of another model: missing {missing}, not known {extra}")
        topologies: dict[str, Topology] = {}
        for name, parameter in parameters.items():
            shape: tuple[int, ...] = parameter.shape
            if isinstance(parameter, SparseParameter):
                indptr, indices = state[f"{name}.indptr"], state[f"{name}.indices"]
                try:
                    topology = Topology(indptr, indices, parameter.topology.shape)
                except InputError as error:
                    raise CheckpointError(f"the topology of {name} cannot be read: {error}") from None
                topologies[name] = topology.on(namespace(parameter.data))
                shape = (topology.nnz,)
            _require_alike(name, state[name], shape, parameter.dtype)
            for suffix, dtype in (("silent", np.dtype(bool)), ("decay", parameter.dtype)):
                if f"{name}.{suffix}" in state:
                    _require_alike(f"{name}.{suffix}", state[f"{name}.{suffix}"], shape, dtype)
        for name, buffer in self.named_buffers().items():
            _require_alike(name, state[name], buffer.shape, buffer.dtype)
        for name, parameter in parameters.items():
            values = taken(state[name], parameter.data)
            if isinstance(parameter, SparseParameter):
                optional = {s: f"{name}.{s}" for s in ("silent", "decay") if f"{name}.{s}" in state}
                more = {s: taken(state[key], parameter.data) for s, key in optional.items()}
                parameter.place(topologies[name], values, **more)
            else:
                parameter.data, parameter.grad = values, None
        for name, (module, member) in self.buffer_owners().items():
            setattr(module, member, taken(state[name], getattr(module, member)))


def _require_alike(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise CheckpointError(f"{name} must be {dtype}{shape}, the state holds {array.dtype}{array.shape}")


class Sequential(Module):
    """Modules one after another."""

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        self.layers = list(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x
