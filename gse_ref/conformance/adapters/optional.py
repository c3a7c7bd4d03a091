"""Libraries that an adapter is made of, and that need not be installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...errors import MissingDependencyError


def imported(module: str, adapter: str, install: str) -> Any:
    """Return a module.

    Parameters
    ----------
    module : its name. adapter : what it is needed for. install : the command that installs it.

    Raises
    ------
    MissingDependencyError : it cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        needs = f"the adapter of {adapter} needs {module}, which cannot be imported ({error})"
        raise MissingDependencyError(f"{needs}: {install}") from error
