"""The page of a complexity study."""

from __future__ import annotations

from typing import Any

from ..scaling import Study


def require_plots() -> None:
    """Raise MissingDependencyError unless matplotlib is there."""


def page(study: Study, found: dict[str, Any]) -> str:
    """Return the page."""
    return ""
