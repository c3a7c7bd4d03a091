"""The probe protocol: what passed through each sparse layer is shown as (layer, X, δ), there and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

#: Called once for each sparse layer, in the order of the backward pass, with the layer's parameter, its input X
#: (n_in, batch) and δ = ∂loss/∂Y (n_out, batch). Both arrays are read-only by contract and gone afterwards.
Observer = Callable[[Any, np.ndarray, np.ndarray], None]

_observer: ContextVar[Observer | None] = ContextVar("gse_ref_probe", default=None)


@contextmanager
def probing(observer: Observer) -> Iterator[None]:
    """Show every sparse layer of the backward passes in this block to `observer`.

    A probe pass computes no weight gradients (the observer takes what it wants from X and δ) and changes nothing:
    modules that keep running statistics leave them alone while `is_probing`.
    """
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def is_probing() -> bool:
    """Return whether a probe pass is running."""
    return _observer.get() is not None


def current_observer() -> Observer | None:
    """Return the observer of the running probe pass, if any."""
    return _observer.get()
