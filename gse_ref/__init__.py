"""Guided stochastic exploration, for real: training that is sparse from the first step to the last.

Names are resolved on first use, so that ``import gse_ref`` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import backends as backends
    from . import errors as errors
    from .backends.allocation import allocation_guard as allocation_guard
    from .sparse import Topology as Topology
    from .training import RunResult as RunResult
    from .training import TrainConfig as TrainConfig
    from .training import stored_config as stored_config
    from .training import train as train

__version__ = "0.1.0"

_NAMES = {
    "backends": None,
    "errors": None,
    "allocation_guard": "backends.allocation",
    "Topology": "sparse",
    "RunResult": "training",
    "TrainConfig": "training",
    "stored_config": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'gse_ref' has no attribute {name!r}")
    room = _NAMES[name]
    value = import_module(f".{room or name}", __name__)
    return value if room is None else getattr(value, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
