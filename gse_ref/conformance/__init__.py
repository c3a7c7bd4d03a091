"""A correctness oracle for other people's implementations of sparse training.

Names are resolved on first use, so that importing this loads neither Numba nor Hypothesis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..backends import Geometry as Geometry
    from .adapter import Adapter as Adapter
    from .adapter import NotCovered as NotCovered
    from .check import LEVELS as LEVELS
    from .problems import Edited as Edited
    from .problems import Pattern as Pattern
    from .problems import Weights as Weights
    from .result import Result as Result
    from .runner import run as run

_NAMES = {
    "Geometry": "..backends",
    "Adapter": ".adapter",
    "NotCovered": ".adapter",
    "LEVELS": ".check",
    **dict.fromkeys(("Draws", "Edited", "ExploredLayer", "Layer", "Pattern", "Selected"), ".problems"),
    **dict.fromkeys(("TrainingProblem", "TrainingTrace", "UpdatedLayer", "UpdateProblem", "Weights"), ".problems"),
    "Result": ".result",
    "run": ".runner",
}
__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return import_module(".strategies", __name__)
    if name not in _NAMES:
        raise AttributeError(f"module 'gse_ref.conformance' has no attribute {name!r}")
    return getattr(import_module(_NAMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
