"""``gse-ref info``: what is installed and what can be chosen."""

from __future__ import annotations

import json as json_module
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from .. import __version__, backends
from ..explore import CRITERIA, METHODS
from ..models import MODELS
from ..presets import PRESETS
from ..sparse import BUDGETS


def _facts() -> dict[str, Any]:
    packages = ("numpy", "scipy", "numba")
    return {
        "gse_ref": __version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "cores": os.cpu_count(),
        "threads": backends.most_threads(),
        "backend": backends.active().name,
        "backends": backends.available(),
        "models": list(MODELS),
        "budgets": sorted(BUDGETS),
        "presets": sorted(PRESETS),
        "criteria": {name: rule.summary for name, rule in CRITERIA.items()},
        "methods": {
            name: {"summary": m.summary, "densifies": m.densifies, "options": sorted(m.options)}
            for name, m in METHODS.items()
        },
    }


@dataclass(frozen=True)
class Info:
    """Show versions, threads, backends, models and methods."""

    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Print it."""
        facts = _facts()
        if self.json:
            print(json_module.dumps(facts))
            return
        methods, criteria = facts.pop("methods"), facts.pop("criteria")
        facts["packages"] = [f"{name} {number}" for name, number in facts["packages"].items()]
        for name, value in facts.items():
            print(f"{name:<10}{', '.join(value) if isinstance(value, list) else value}")
        print("methods")
        for name, row in methods.items():
            options = ", ".join("--" + option.replace("_", "-") for option in row["options"])
            print(f"  {name:<15}{row['summary']}; makes dense: {row['densifies']}{options and '; ' + options}")
        print("prune criteria")
        for name, summary in criteria.items():
            print(f"  {name:<15}{summary}")
