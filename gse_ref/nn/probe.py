"""The probe protocol: what passed through each sparse layer is shown as (layer, X, δ), there and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..autodiff import Tensor, grad

#: Called once for each sparse layer, in the order of the backward pass, with the layer's parameter, its input X
#: (n_in, batch) and δ = ∂loss/∂Y (n_out, batch), of a convolution as images (channels, height, width, batch).
#: Both arrays are read-only by contract and gone afterwards.
Observer = Callable[[Any, np.ndarray, np.ndarray], None]

_observer: ContextVar[Observer | None] = ContextVar("gse_ref_probe", default=None)
_onlooker: ContextVar[Observer | None] = ContextVar("gse_ref_onlooker", default=None)


@contextmanager
def probing(observer: Observer) -> Iterator[None]:
    """Show every sparse layer of the backward passes in this block to `observer`.

    Sparse layers compute no weight gradients then (the observer takes what it wants from X and δ), and modules
    that keep running statistics leave them alone while `is_probing`. `probe` is the whole pass.
    """
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def probe(loss: Callable[[], Tensor], parameters: Iterable[Tensor], observer: Observer) -> None:
    """Run one forward and backward pass that shows the layers of the sparse `parameters` to `observer`.

    No gradient is kept anywhere, and none is computed that the sparse layers do not need.

    Parameters
    ----------
    loss : computes the scalar loss of the probe batch; called once, while `is_probing`.
    """
    with probing(observer):
        grad(loss(), list(parameters))


@contextmanager
def showing(onlooker: Observer | None) -> Iterator[None]:
    """Show every sparse layer of the backward passes in this block to `onlooker` (if any) as they train.

    Unlike under `probing`, all gradients are computed as usual.
    """
    token = _onlooker.set(onlooker)
    try:
        yield
    finally:
        _onlooker.reset(token)


def is_probing() -> bool:
    """Return whether a probe pass is running."""
    return _observer.get() is not None


def current_observer() -> Observer | None:
    """Return the observer of the running probe pass, if any."""
    return _observer.get()


def current_onlooker() -> Observer | None:
    """Return who is shown the layers of ordinary backward passes, if anybody."""
    return _onlooker.get()
