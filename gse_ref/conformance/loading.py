"""From the name of an adapter to the adapter."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from ..errors import GseError, InputError, unknown
from .adapter import OPERATIONS, Adapter
from .adapters.table import SHIPPED
from .subject import covers


class Loaded(NamedTuple):
    """An adapter, and code that makes it."""

    adapter: Any
    how: str


def place(text: str) -> tuple[str, str]:
    """Return module and attribute of an adapter, written package.module:attribute or by the name of a shipped one.

    Raises
    ------
    InputError : neither.
    """
    if text in SHIPPED:
        module, _, name = SHIPPED[text].place.partition(":")
        return f"{__package__}.adapters.{module}", name
    module, colon, name = text.partition(":")
    if not colon:
        written = "write your own as package.module:Name"
        raise InputError(f"{unknown('adapter', text, SHIPPED)}; {written}")
    if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise InputError(f"an adapter is written package.module:Name, got {text!r}")
    return module, name


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _guarded(call: Callable[[], Any], failing: str, advice: str) -> Any:
    """Return what `call` returns; whatever the user's code raises is what they need to read."""
    try:
        return call()
    except GseError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{failing}: {_said(error)}{advice}") from error


def _attribute(module: str, name: str) -> Any:
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    advice = "; start from the folder that holds it, or install it"
    found = _guarded(lambda: import_module(module), f"importing {module} fails", advice)
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=3)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "it has no name like that"
            raise InputError(f"{module} has no {name!r}: {hint}")
        found = getattr(found, part)
    return found


def made(maker: Callable[[], Any]) -> Any:
    """Return the adapter that a class or function without arguments makes.

    Raises
    ------
    InputError : it raises.
    """
    name = getattr(maker, "__qualname__", repr(maker))
    advice = "; an adapter is made without arguments: give a function that makes it, or the object"
    return _guarded(maker, f"making {name}() fails", advice)


def is_adapter(thing: Any) -> bool:
    """Return whether it has any of the operations."""
    return isinstance(thing, Adapter) or any(covers(thing, operation) for operation in OPERATIONS)


def load(adapter: Any) -> Loaded:
    """Return an adapter, made from whatever stands for it.

    Parameters
    ----------
    adapter : a class or function to be called without arguments, or the object; or where to import one of these
        from, package.module:Name (the current folder is searched too); or the name of a shipped adapter.

    Raises
    ------
    InputError : it cannot be imported or made, or has none of the operations; the message says what to do.
    MissingDependencyError : a shipped adapter needs a package that is not installed.
    """
    if isinstance(adapter, str):
        module, name = place(adapter)
        found = _attribute(module, name)
    else:
        found, kind = adapter, adapter if hasattr(adapter, "__qualname__") else type(adapter)
        module, name = kind.__module__, kind.__qualname__
    code = f"from {module} import {name.split('.')[0]}\nadapter = {name}"
    if not isinstance(found, type) and is_adapter(found):
        return Loaded(found, code if isinstance(adapter, str) else f"{code}(...)")
    if not callable(found):
        what = f"{name} is {type(found).__name__}, neither an adapter nor a class or function that makes one"
        raise InputError(f"{what}; it has none of the operations of gse_ref.conformance.Adapter")
    result = made(found)
    if not is_adapter(result):
        operations = ", ".join(OPERATIONS[:4])
        what = f"{name} makes {type(result).__name__}, which has none of the operations {operations}, ..."
        raise InputError(f"{what}; see gse_ref.conformance.Adapter")
    return Loaded(result, f"{code}()")
