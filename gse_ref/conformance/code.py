"""A call as Python code that can be copied and pasted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

#: What the code starts with.
IMPORTS = "from numpy import array, empty, inf, nan\nfrom gse_ref.conformance import *"
#: Arrays of more elements are shortened: code that nobody would paste.
MOST = 2000


class Call(NamedTuple):
    """One call of an adapter: the operation and what it was given, in the adapter's own layout."""

    operation: str
    arguments: tuple[Any, ...]

    def text(self) -> str:
        """Return the call on an object named `adapter`."""
        return f"adapter.{self.operation}({', '.join(map(literal, self.arguments))})"


def literal(value: Any) -> str:
    """Return Python code of a value: arrays with their dtype, named tuples by their name."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = ", ".join(f"{name}={literal(part)}" for name, part in zip(value._fields, value, strict=True))
        return f"{type(value).__name__}({parts})"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def _array(value: np.ndarray) -> str:
    if value.size == 0:
        return f"empty({value.shape}, '{value.dtype}')"
    if value.size > MOST:
        edge = ", ".join(repr(v.item()) for v in value.reshape(-1)[:5])
        return f"<{value.dtype} array of shape {value.shape}: {edge}, ...>"
    return f"array({value.tolist()!r}, '{value.dtype}')"


def script(how: str, calls: Sequence[Call]) -> str:
    """Return a program that makes these calls and prints what comes back.

    Parameters
    ----------
    how : code that makes `adapter`.
    calls : in order.
    """
    return "\n".join([IMPORTS, how, *(f"print({call.text()})" for call in calls)])
