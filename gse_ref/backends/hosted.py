"""A backend whose arrays live on a device, used with NumPy's: every array is copied there and back, on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

import numpy as np

from .api import Backend
from .arrays import is_elsewhere, library_of, to_device, to_host


def each_array(change: Callable[[Any], Any], value: Any) -> Any:
    """Return `value` with `change` done to every array of its nested tuples."""
    if isinstance(value, tuple):
        parts = [each_array(change, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return change(value) if isinstance(value, np.ndarray) or is_elsewhere(value) else value


def hosted(backend: Backend) -> Backend:
    """Return a backend that takes and gives NumPy arrays, and lets `backend` compute.

    For checks and comparisons: the copies cost more than most operations. One of the host comes back as it is.
    """
    library = library_of(backend)
    if library is np:
        return backend

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            def given(array: Any) -> Any:
                return to_device(array, library)

            named = {name: each_array(given, value) for name, value in kwargs.items()}
            return each_array(to_host, function(*each_array(given, args), **named))

        return call

    operations = {f.name: bound(getattr(backend, f.name)) for f in fields(Backend) if f.name != "name"}
    return Backend(name=f"hosted({backend.name})", **operations)
