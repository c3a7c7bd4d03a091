"""The gpu backend: CUDA kernels and an array library, bound to a device.

Arrays stay on the device between calls. An array of the host is an error, but for the arguments in `FROM_HOST`,
which are drawn or stored on the host: those are copied at the door, by `device.admitted` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from ..errors import InputError
from . import gpu_edit, gpu_exploration, gpu_images, gpu_linear
from .api import Backend
from .device import Device

#: Positions of the arguments that may come from the host: random numbers (`rng` draws on the host, so that every
#: backend sees the same), and at the data loader's door the samples with their order and scaling.
FROM_HOST: dict[str, tuple[int, ...]] = {
    "alias_draw": (1,),
    "signed_sums": (1,),
    "patch_signed_sums": (1,),
    "gather": (0, 1, 2, 3),
}

OPERATIONS: dict[str, Callable[..., Any]] = {
    **gpu_linear.OPERATIONS,
    **gpu_exploration.OPERATIONS,
    **gpu_edit.OPERATIONS,
    **gpu_images.OPERATIONS,
}


def _refuse_host_arrays(device: Device, function: str, value: Any) -> None:
    if isinstance(value, tuple):
        for part in value:
            _refuse_host_arrays(device, function, part)
    elif isinstance(value, np.ndarray) and not device.holds(value):
        raise InputError(
            f"{function} on the gpu backend got a NumPy array {value.dtype}{value.shape}, wanted an array of the "
            f"device ({device.name}): nothing is copied unasked; copy it once, with cupy.asarray, and keep it there"
        )


def _bound(device: Device, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    parameters = list(signature(function).parameters)[1:]
    doors = {parameters[position] for position in FROM_HOST.get(name, ())}

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for parameter, value in (*zip(parameters, args, strict=False), *kwargs.items()):
            if parameter not in doors:
                _refuse_host_arrays(device, name, value)
        return function(device, *args, **kwargs)

    return call


def backend_on(device: Device) -> Backend:
    """Return the backend whose kernels run on `device`.

    Its functions raise InputError for an array of the host where the specification wants one of the device.
    """
    operations = {name: _bound(device, name, function) for name, function in OPERATIONS.items()}
    return Backend(name="gpu", **operations)
