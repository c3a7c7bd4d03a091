"""Bytes of each method: what training holds, and what a step must at least read and write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..errors import InputError, unknown
from .flops import METHOD_FLOPS
from .layers import Layer
from .setting import Setting

#: Arrays of optimizer state for each weight: momentum; first and second moment.
STATE_SLOTS = {"sgd": 1, "adam": 2, "adamw": 2}
INDEX, POINTER = 4, 8
#: Methods that hold every connection before they prune.
DENSE_STARTS = ("gradual", "lottery", "snip", "grasp", "synflow")


class Storage(NamedTuple):
    """Bytes of the sparse layers.

    Attributes
    ----------
    weights : values of the active connections.
    indices : of a `Topology` and its transpose plan: two arrays of pointers (int64), four of indices (int32).
    gradients : as many as weights. state : of the optimizer.
    extra : what the method adds at its largest moment: candidates, a dense gradient, momentum or master copy.
    activations : outputs of the layers for one batch, and as much again for their gradients.
    """

    weights: float
    indices: float
    gradients: float
    state: float
    extra: float
    activations: float

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self)


class Traffic(NamedTuple):
    """Bytes that a step of one batch reads and writes at least, if every array passes once for each use."""

    read: float
    written: float


def _candidates(layer: Layer, share: float, itemsize: int) -> float:
    """Pairs (two int32) and a score for `share` candidates a connection, no more than are inactive."""
    return min(share * layer.nnz, layer.size - layer.nnz) * (2 * INDEX + itemsize)


Extra = Callable[[Layer, Setting, int], float]


def _guided(layer: Layer, setting: Setting, itemsize: int) -> float:
    return _candidates(layer, setting.subset_factor, itemsize)


def _replaced(layer: Layer, setting: Setting, itemsize: int) -> float:
    return _candidates(layer, setting.prune_fraction, itemsize)


def _dense_array(layer: Layer, setting: Setting, itemsize: int) -> float:
    return layer.size * itemsize


#: Method → bytes it adds, and whether they are touched in every step rather than at updates. RigL is counted as
#: published, with the gradient of all weights at once.
_EXTRAS: dict[str, tuple[Extra, bool]] = {
    **dict.fromkeys(("gse", "gse-grabo", "gse-graest"), (_guided, False)),
    "set": (_replaced, False),
    "rigl": (_dense_array, False),
    "rigl-sketch": (_replaced, False),
    "snfs": (lambda *given: 2 * _dense_array(*given), True),
    "topkast": (lambda *given: _dense_array(*given) + _guided(*given), True),
    "topkast-sparse": (_guided, True),
}
_NOTHING: tuple[Extra, bool] = (lambda *given: 0.0, False)


def _read_indices(layer: Layer) -> float:
    return 2 * INDEX * layer.nnz + POINTER * (layer.n_out + layer.n_in + 2)


def _slots(optimizer: str) -> int:
    if optimizer not in STATE_SLOTS:
        raise unknown("optimizer", optimizer, STATE_SLOTS)
    return STATE_SLOTS[optimizer]


def _check(method: str, batch: int) -> None:
    if method not in METHOD_FLOPS:
        raise unknown("method", method, METHOD_FLOPS)
    if batch < 1:
        raise InputError(f"batch must be at least 1, got {batch}")


def training_storage(
    method: str, layers: Sequence[Layer], setting: Setting, batch: int, optimizer: str = "sgd", itemsize: int = 4
) -> Storage:
    """Return what a method holds in training, once it has reached the density of `layers`.

    `dense` is counted as plain arrays without indices. Temporary arrays of kernels are not counted.

    Parameters
    ----------
    batch : samples a step; itemsize : bytes of a number.

    Raises
    ------
    InputError : a method or optimizer that is not known, a batch below 1.
    """
    _check(method, batch)
    dense = method == "dense"
    nnz = sum(layer.size if dense else layer.nnz for layer in layers)
    pointers = sum(layer.n_out + layer.n_in + 2 for layer in layers)
    extra, _ = _EXTRAS.get(method, _NOTHING)
    return Storage(
        weights=nnz * itemsize,
        indices=0 if dense else 4 * INDEX * nnz + POINTER * pointers,
        gradients=nnz * itemsize,
        state=_slots(optimizer) * nnz * itemsize,
        extra=sum(extra(layer, setting, itemsize) for layer in layers),
        activations=2 * batch * itemsize * sum(layer.n_out * layer.positions for layer in layers),
    )


def peak_storage(
    method: str, layers: Sequence[Layer], setting: Setting, batch: int, optimizer: str = "sgd", itemsize: int = 4
) -> Storage:
    """Return what a method holds at its largest moment: with every connection in CSR, where it starts dense."""
    if method in DENSE_STARTS:
        layers = [layer._replace(nnz=layer.size) for layer in layers]
    return training_storage(method, layers, setting, batch, optimizer, itemsize)


def step_traffic(
    method: str, layers: Sequence[Layer], setting: Setting, batch: int, optimizer: str = "sgd", itemsize: int = 4
) -> Traffic:
    """Return what a step reads and writes at least, the update's part spread over its cycle of T + 1 steps.

    Weights and indices are read forward, by rows, and backward, by columns, for both gradients at once. Outputs are
    read by the next layer and again for the gradient of its weights, their own gradients once. The optimizer reads
    gradients and reads and writes weights and state. A kernel that passes over an operand twice moves more.

    Raises
    ------
    InputError : as `training_storage`.
    """
    held = training_storage(method, layers, setting, batch, optimizer, itemsize)
    indices = 0.0 if method == "dense" else sum(_read_indices(layer) for layer in layers)
    _, always = _EXTRAS.get(method, _NOTHING)
    extra = held.extra if always else held.extra / (setting.every + 1)
    outputs = held.activations / 2
    read = 3 * held.weights + indices + held.gradients + held.state + 3 * outputs + extra
    written = held.weights + held.gradients + held.state + 2 * outputs + extra
    return Traffic(read, written)
