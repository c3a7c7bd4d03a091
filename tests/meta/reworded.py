"""Plant a bug in a function by changing its words, and undo it with the test."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

Plant = Callable[[pytest.MonkeyPatch], None]


def rewritten(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """Return the function with `old`, which must occur once in its source, replaced by `new`."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{function.__name__} does not say {old!r} once: plant the fault anew"
    code = "from __future__ import annotations\n" + source.replace(old, new)
    defined: dict[str, Any] = {}
    exec(compile(code, f"<{function.__name__}, planted>", "exec"), vars(inspect.getmodule(function)), defined)
    return defined[function.__name__]


def reword(place: Any, name: str, old: str, new: str) -> Plant:
    """Return what rewrites the function `name` of a module or class."""
    return lambda patch: patch.setattr(place, name, rewritten(getattr(place, name), old, new))
