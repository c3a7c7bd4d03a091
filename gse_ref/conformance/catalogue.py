"""Every check, in the order of the report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from ..errors import MissingDependencyError, unknown
from .check import LEVELS, Check

_MODULES = ("kernels",)


@cache
def checks() -> dict[str, Check]:
    """Return every check by name.

    Raises
    ------
    MissingDependencyError : Hypothesis is not installed.
    """
    try:
        import hypothesis  # noqa: F401
    except ImportError:
        what = "the conformance kit draws its inputs with Hypothesis: pip install gse_ref[conformance]"
        raise MissingDependencyError(what) from None
    found = [check for name in _MODULES for check in import_module(f".checks.{name}", __package__).CHECKS]
    return {check.name: check for check in sorted(found, key=lambda check: LEVELS.index(check.level))}


def chosen(levels: Sequence[str], only: Sequence[str] = ()) -> list[Check]:
    """Return the checks of these levels, of these names if there are any.

    Raises
    ------
    InputError : an unknown level or check; the message names the nearest.
    """
    for level in levels:
        if level not in LEVELS:
            raise unknown("level", level, LEVELS)
    for name in only:
        if name not in checks():
            raise unknown("check", name, checks())
    return [check for check in checks().values() if check.level in levels and (not only or check.name in only)]
