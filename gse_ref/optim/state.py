"""What optimizers share: the parameters they see, their state, and how state follows a topology update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from ..autodiff import Tensor
from ..backends.arrays import taken
from ..errors import CheckpointError, InputError, ShapeError, unknown

#: Parameter name -> slot name -> array: shaped like the parameter, or 0-d for counts.
State = dict[str, dict[str, np.ndarray]]

#: Elements updated at a time: the few arrays of an update then stay in a core's cache between the passes.
BLOCK = 1 << 15


class Trainable(Protocol):
    """A parameter as an optimizer sees it."""

    @property
    def data(self) -> np.ndarray:
        """float32 or float64, changed in place; of a sparse parameter the (nnz,) values in CSR order."""
        ...

    @property
    def grad(self) -> Tensor | None:
        """The gradient, of the shape and dtype of `data`; None leaves the parameter as it is."""
        ...

    @property
    def decay(self) -> bool | np.ndarray:
        """Whether weight decay applies (not to biases and normalisation), or its factor for each element."""
        ...


class SlotMap(Protocol):
    """Where the slots of one sparse parameter went in a topology update."""

    @property
    def old_nnz(self) -> int:
        """Number of slots before the update."""
        ...

    def carry(self, array: np.ndarray) -> np.ndarray:
        """Return the array for the new slots: survivors bit for bit, grown ones 0."""
        ...


def remap(state: State, slot_maps: Mapping[str, SlotMap]) -> State:
    """Return the state after a topology update; `state` is not changed.

    Parameters
    ----------
    state : as made by an optimizer's `init`.
    slot_maps : for each sparse parameter that changed, where its slots went. Its 1-d arrays are carried over;
        0-d arrays (step counts) stay, and so do the arrays of all other parameters (they are shared).

    Raises
    ------
    InputError : a parameter that is not in the state. ShapeError : an array that does not fit the slot map.
    """
    result = {name: dict(slots) for name, slots in state.items()}
    for name, slot_map in slot_maps.items():
        if name not in state:
            raise unknown("parameter in the optimizer state", name, state)
        for slot, array in state[name].items():
            if not array.ndim:
                result[name][slot] = array.copy()
                continue
            if array.shape != (slot_map.old_nnz,):
                raise ShapeError(
                    f"{slot} of {name} has shape {array.shape}, the slot map starts from {slot_map.old_nnz} "
                    "slots: remap the state at every topology update, once"
                )
            result[name][slot] = slot_map.carry(array)
    return result


def momentum_of(state: State, name: str) -> np.ndarray | None:
    """Return the running mean of a parameter's gradients, up to a factor; None if its optimizer keeps none."""
    slots = state.get(name, {})
    return slots.get("momentum", slots.get("mean"))


def slots_of(state: State, name: str, parameter: Trainable) -> dict[str, np.ndarray]:
    """Return the state of one parameter, checked against its present shape."""
    if name not in state:
        raise unknown("parameter in the optimizer state", name, state)
    slots = state[name]
    for slot, array in slots.items():
        if array.ndim and array.shape != parameter.data.shape:
            raise ShapeError(
                f"{slot} of {name} has shape {array.shape}, the parameter {parameter.data.shape}: call remap after "
                "each topology update"
            )
    return slots


def gradient_of(name: str, parameter: Trainable) -> np.ndarray | None:
    """Return the gradient's array, checked against the parameter's shape and dtype; None where there is none."""
    if parameter.grad is None:
        return None
    data, gradient = parameter.data, parameter.grad.data
    if gradient.shape != data.shape or gradient.dtype != data.dtype:
        raise ShapeError(
            f"the gradient of {name} is {gradient.dtype} {gradient.shape}, the parameter {data.dtype} "
            f"{data.shape}: clear gradients when the topology changes"
        )
    return gradient


def decay_of(name: str, parameter: Trainable, weight_decay: float) -> float | np.ndarray:
    """Return the weight decay of a parameter: 0 for none, one number, or one for each element."""
    decay = parameter.decay
    if isinstance(decay, bool):
        return float(weight_decay) if decay else 0.0
    if decay.shape != parameter.data.shape:
        raise ShapeError(
            f"{name} has {parameter.data.shape} elements but factors of weight decay for {decay.shape}: set them "
            "anew when the topology changes"
        )
    return decay * float(weight_decay)


def blocks(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Yield views of the same BLOCK elements of each array (all of one shape), small arrays in one piece.

    Arrays of other libraries too: a device has no such cache.
    Numbers among the arrays are handed on as they are.
    """
    own = [array for array in arrays if isinstance(array, np.ndarray)]
    size = own[0].size if own else 0
    if size <= BLOCK or not all(array.flags.c_contiguous for array in own):
        yield arrays
        return
    flat = [array.reshape(-1) if isinstance(array, np.ndarray) else array for array in arrays]
    for start in range(0, size, BLOCK):
        yield tuple(a[start : start + BLOCK] if isinstance(a, np.ndarray) else a for a in flat)


def is_decayed(decay: float | np.ndarray) -> bool:
    """Return whether there is any weight decay."""
    return not isinstance(decay, float) or decay != 0


def check_number(name: str, value: float, below: float = float("inf")) -> None:
    """Raise InputError unless 0 <= value < below."""
    if not 0 <= value < below:
        limit = "be finite and not negative" if below == float("inf") else f"lie in [0, {below:g})"
        raise InputError(f"{name} must {limit}, got {value!r}")


def restore(state: State, saved: State) -> None:
    """Copy the arrays of `saved` into `state`, which `init` made for the same parameters.

    Raises
    ------
    CheckpointError : parameters, slots, shapes or dtypes that differ; `state` is then unchanged.
    """
    for name in sorted({*state, *saved}):
        own, other = state.get(name, {}), saved.get(name, {})
        if {s: (a.shape, a.dtype) for s, a in own.items()} != {s: (a.shape, a.dtype) for s, a in other.items()}:
            raise CheckpointError(f"the saved optimizer state of {name} does not fit this optimizer and model")
    for name, slots in saved.items():
        for slot, array in slots.items():
            state[name][slot] = taken(array, state[name][slot])
