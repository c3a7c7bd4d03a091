"""Look at what every module of a model gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autodiff import Tensor
from .module import Module

#: Called after each forward pass of a module with its dotted name ("" at the root), itself and its output.
Watcher = Callable[[str, Module, Tensor], None]


@contextmanager
def watching(model: Module, watcher: Watcher) -> Iterator[None]:
    """Show the output of every module of `model` to `watcher` in this block, inner modules before outer ones."""
    modules = list(model.named_modules())

    def watch(name: str, module: Module) -> None:
        plain = module.forward

        def forward(*args: Any, **options: Any) -> Tensor:
            result = plain(*args, **options)
            watcher(name, module, result)
            return result

        module.forward = forward  # type: ignore[method-assign]

    try:
        for name, module in modules:
            watch(name, module)
        yield
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
