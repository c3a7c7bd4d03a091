"""``gse-ref info``: what is installed and what can be chosen."""

from __future__ import annotations

import json as json_module
import os
import platform
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

from .. import __version__, backends
from ..explore import CRITERIA, METHODS
from ..models import MODELS
from ..presets import PRESETS
from ..sparse import BUDGETS


def _gpu_lines(facts: dict[str, Any]) -> list[str]:
    """Return how the gpu backend stands, for a reader."""
    cupy = facts["cupy"]
    lines = [f"gpu       CuPy {cupy}" if cupy else "gpu       CuPy is not installed: pip install gse_ref[gpu]"]
    if facts["cuda"]:
        lines.append("          CUDA of driver, runtime: {driver}, {runtime}".format(**facts["cuda"]))
    lines.append(f"          devices: {', '.join(facts['devices']) or 'none'}")
    for rung in dict.fromkeys(facts["kernels"].values()):
        names = [name for name, its in facts["kernels"].items() if its == rung]
        lines.append(f"          kernels {rung}: {', '.join(names)}")
    return lines


def _facts() -> dict[str, Any]:
    packages = ("numpy", "scipy", "numba")
    return {
        "gse_ref": __version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "cores": os.cpu_count(),
        "threads": backends.most_threads(),
        "backend": backends.default(),
        "backends": backends.available(),
        # by name: whoever asks for nothing of the gpu backend imports nothing of it
        "gpu": import_module("gse_ref.backends.gpu_facts").facts(),
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
    """Show versions, threads, backends, devices, models and methods."""

    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Print it."""
        facts = _facts()
        if self.json:
            print(json_module.dumps(facts))
            return
        methods, criteria, gpu = facts.pop("methods"), facts.pop("criteria"), facts.pop("gpu")
        facts["packages"] = [f"{name} {number}" for name, number in facts["packages"].items()]
        for name, value in facts.items():
            print(f"{name:<10}{', '.join(value) if isinstance(value, list) else value}")
        print("\n".join(_gpu_lines(gpu)))
        print("methods")
        for name, row in methods.items():
            options = ", ".join("--" + option.replace("_", "-") for option in row["options"])
            print(f"  {name:<15}{row['summary']}; makes dense: {row['densifies']}{options and '; ' + options}")
        print("prune criteria")
        for name, summary in criteria.items():
            print(f"  {name:<15}{summary}")
