"""The one place where a backend is chosen."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType

from ..errors import unknown
from .api import Backend

ENVIRONMENT = "GSE_REF_BACKEND"
DEFAULT = "cpu"


def _naive() -> Backend:
    from .naive import BACKEND

    return BACKEND


def _cpu() -> Backend:
    from .cpu import BACKEND  # late: Numba loads with the cpu backend only

    return BACKEND


def _shadow() -> Backend:
    from .shadow import shadow

    return shadow(_cpu(), _naive())


def _gpu() -> Backend:
    from .cupy_device import open_device  # late: imports CuPy
    from .gpu import backend_on

    return backend_on(open_device())


_LOADERS: dict[str, Callable[[], Backend]] = {"cpu": _cpu, "gpu": _gpu, "naive": _naive, "shadow": _shadow}
_loaded: dict[str, Backend] = {}
_chosen: ContextVar[Backend | None] = ContextVar("gse_ref_backend", default=None)


def available() -> list[str]:
    """Return the names that `get` knows."""
    return sorted(_LOADERS)


def get(name: str) -> Backend:
    """Return the backend `name`: ``cpu``, ``gpu``, ``naive``, or ``shadow`` (cpu checked by naive on every call).

    Raises
    ------
    InputError : the name is not known; the message names the nearest.
    MissingDependencyError : ``gpu`` without CuPy or without a device; the message says what to install or check.
    """
    if name not in _LOADERS:
        raise unknown("backend", name, _LOADERS)
    if name not in _loaded:
        _loaded[name] = _LOADERS[name]()
    return _loaded[name]


def default() -> str:
    """Return the name of the backend in use where none is chosen: ``$GSE_REF_BACKEND``, else ``cpu``."""
    return os.environ.get(ENVIRONMENT) or DEFAULT


def active() -> Backend:
    """Return the backend in use: what `use` chose, else `default`."""
    return _chosen.get() or get(default())


class use:
    """Choose the backend from here on, or, as a context manager, for a block.

    Parameters
    ----------
    backend : a name, or a `Backend` of your own.
    """

    def __init__(self, backend: str | Backend) -> None:
        chosen = get(backend) if isinstance(backend, str) else backend
        self._token: Token[Backend | None] = _chosen.set(chosen)

    def __enter__(self) -> Backend:
        return active()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _chosen.reset(self._token)
