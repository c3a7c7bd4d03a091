"""Which library an array belongs to, and the two doors between NumPy's arrays and those of a device.

The rooms above compute with the library of their operands. Nothing passes from one library to another but through
`to_host` and `to_device`, which can be counted: whatever else needs the other side's numbers raises, or should.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeGuard

import numpy as np
from scipy import special as _scipy_special

from ..errors import InputError
from .api import Backend
from .memory import empty

#: Libraries whose arrays do not say ``__array_namespace__`` themselves; CuPy 14 does not.
_SILENT = frozenset({"cupy"})
#: Library → its module with `scipy.special`'s names: the array standard has no error function.
SPECIAL = {"cupy": "cupyx.scipy.special"}


@dataclass
class Transfers:
    """Arrays that passed the doors, in either direction."""

    to_host: int = 0
    to_device: int = 0


_transfers: ContextVar[Transfers | None] = ContextVar("gse_ref_transfers", default=None)


@contextmanager
def counted_transfers() -> Iterator[Transfers]:
    """Count the transfers of this block, those of blocks inside it excepted."""
    counted = Transfers()
    token = _transfers.set(counted)
    try:
        yield counted
    finally:
        _transfers.reset(token)


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


@cache
def _is_foreign(kind: type) -> bool:
    if issubclass(kind, (np.ndarray, np.generic)):
        return False
    return hasattr(kind, "__array_namespace__") or (_root(kind) in _SILENT and hasattr(kind, "dtype"))


def is_elsewhere(value: object) -> bool:
    """Return whether `value` is an array of another library than NumPy."""
    return type(value) is not np.ndarray and _is_foreign(type(value))  # type: ignore[arg-type]


def is_array(value: object) -> TypeGuard[np.ndarray]:
    """Return whether `value` is an array, of whatever library."""
    return isinstance(value, np.ndarray) or is_elsewhere(value)


def namespace(array: Any) -> Any:
    """Return the library that `array` belongs to; NumPy for numbers too."""
    if type(array) is np.ndarray or not is_elsewhere(array):
        return np
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return sys.modules[_root(type(array))]


def library_of(backend: Backend) -> Any:
    """Return the library whose arrays `backend` works on: that of what it gives at the data loader's door."""
    one = backend.gather(np.zeros((1, 1), np.float32), np.zeros(1, np.int64), 1.0, 0.0, np.dtype(np.float32))
    return namespace(one)


def to_host(array: Any) -> np.ndarray:
    """Return a NumPy array of the numbers of `array`: itself if it is one, else a copy, which is counted."""
    if type(array) is np.ndarray:
        return array
    if not is_elsewhere(array):
        return np.asarray(array)
    counted = _transfers.get()
    if counted is not None:
        counted.to_host += 1
    return array.get() if hasattr(array, "get") else np.from_dlpack(array)  # CuPy's name for it, and the standard's


def item(array: Any) -> Any:
    """Return the only element of `array` as a Python number; from a device it passes `to_host`."""
    return to_host(array).item()


def to_device(array: Any, library: Any) -> Any:
    """Return the numbers of a NumPy array as an array of `library`, which is counted; other arrays as they are."""
    if library is np or not isinstance(array, np.ndarray):
        return array
    counted = _transfers.get()
    if counted is not None:
        counted.to_device += 1
    return library.asarray(array)


def moved(array: Any, library: Any) -> Any:
    """Return the numbers of `array`, wherever it is, as an array of `library`; itself if it is there already."""
    return array if namespace(array) is library else to_device(to_host(array), library)


def taken(array: Any, like: Any) -> Any:
    """Return a copy of `array`, of the host or of the library of `like`, in the library of `like`."""
    return array.copy() if is_elsewhere(array) else to_device(np.array(array), namespace(like))


def all_finite(array: Any) -> bool:
    """Return whether no element is infinite or NaN; from a device that is one transfer."""
    return bool(item(namespace(array).isfinite(array).all()))


def constant(value: Any, like: Any) -> Any:
    """Return `value` as an array of the library and dtype of `like`; a number is filled in there, not copied.

    Raises
    ------
    InputError : an array of the host for a `like` elsewhere, which would be a transfer that nobody asked for.
    """
    if isinstance(like, np.ndarray):
        return np.asarray(value, like.dtype)
    library = namespace(like)
    if is_elsewhere(value):
        return library.astype(value, like.dtype)
    if np.ndim(value):
        raise InputError(
            f"an array of the host, {np.shape(value)}, stands beside one of {library.__name__}: bring both to one "
            "library first, with to_device or to_host of gse_ref.backends.arrays; nothing is copied unasked"
        )
    return library.full((), float(value), dtype=like.dtype)


def new(shape: tuple[int, ...], like: Any) -> Any:
    """Return an uninitialised C-ordered array of the library and dtype of `like`; NumPy's are aligned."""
    if isinstance(like, np.ndarray):
        return empty(shape, like.dtype)
    return namespace(like).empty(shape, dtype=like.dtype)


def special(array: Any) -> Any:
    """Return the module with `scipy.special`'s functions for the library of `array`.

    Raises
    ------
    InputError : a library for which none is known.
    """
    if not is_elsewhere(array):
        return _scipy_special
    library = _root(type(array))
    if library not in SPECIAL:
        raise InputError(
            f"no error function is known for arrays of {library}: use gelu with approximate=True, or another "
            "activation, or add the library's module of special functions to arrays.SPECIAL"
        )
    return import_module(SPECIAL[library])
