"""Where the time of a training step goes: the functions of a backend, modules and gradient rules, wrapped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from gse_ref.autodiff import Tensor
from gse_ref.backends import Backend
from gse_ref.nn import Module


class Stopwatch:
    """Seconds of each part, where a part that calls another does not count the other's.

    Parameters
    ----------
    rest : name of the part that counts while no other runs.
    """

    def __init__(self, rest: str) -> None:
        self.seconds: dict[str, float] = {}
        self._parts, self._since = [rest], time.perf_counter()

    def _charge(self) -> None:
        now = time.perf_counter()
        part = self._parts[-1]
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now

    def start(self) -> None:
        """Set all parts to zero."""
        self.seconds, self._since = dict.fromkeys(self.seconds, 0.0), time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Return the seconds of each part since `start`."""
        self._charge()
        return dict(self.seconds)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, its time charged to `part`."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self._parts.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._parts.pop()

        return call

    def backend(self, backend: Backend, parts: Mapping[str, str], other: str) -> Backend:
        """Return `backend` with all its functions timed; `parts` maps their names to parts, else `other`."""
        wrapped = {
            field.name: self.timed(parts.get(field.name, other), getattr(backend, field.name))
            for field in fields(Backend)
            if field.name != "name"
        }
        return Backend(name=backend.name, **wrapped)

    def modules(self, model: Module, parts: Mapping[type[Module], str]) -> None:
        """Time the forward pass of the modules below `model` whose type is among `parts`, from now on."""
        for _, module in model.named_modules():
            if type(module) in parts:
                module.forward = self.timed(parts[type(module)], module.forward)

    def graph(self, output: Tensor, parts: Mapping[str, str], other: str) -> None:
        """Time the gradient rules below `output`; `parts` maps names of operations to parts, else `other`.

        What this itself takes counts nowhere.
        """
        self._charge()
        stack, seen = [output], {id(output)}
        while stack:
            node = stack.pop()
            if node.op is not None:
                node.op = replace(node.op, vjp=self.timed(parts.get(node.op.name, other), node.op.vjp))
            for tensor in node.inputs:
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    stack.append(tensor)
        self._since = time.perf_counter()
