"""Look at a model without a trace: modes and buffers are put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .module import Module


@contextmanager
def untouched(model: Module) -> Iterator[None]:
    """Put every module's mode and every buffer (running statistics) back after this block."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    buffers = [(module, name, getattr(module, name)) for module, name in model.buffer_owners().values()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for module, name, buffer in buffers:
            setattr(module, name, buffer)
