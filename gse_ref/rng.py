"""Counter-based random streams: a draw at one step never depends on what was drawn before."""

from __future__ import annotations

import operator

import numpy as np

from .errors import InputError, unknown

#: Every use of randomness in the project. A stream's identity is the position here: only ever append.
PURPOSES = (
    "topology",
    "weights",
    "bias",
    "batches",
    "probe",
    "signs",
    "draw",
    "grow",
    "synthetic",
    "teacher",
    "check",
    "dropout",
    "augment",
    "bootstrap",
)
_IDS = {name: number for number, name in enumerate(PURPOSES)}
_LIMIT = 1 << 64


def _counter(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be an integer, got {value!r}") from None
    if not 0 <= number < _LIMIT:
        raise InputError(f"{name} must lie in [0, 2**64), got {value}")
    return number


def stream(seed: int, purpose: str, layer: int = 0, step: int = 0) -> np.random.Generator:
    """Return the generator of one (seed, purpose, layer, step); equal arguments give equal draws.

    Built on Philox-4x64 (Salmon et al. 2011): key = (seed, purpose), the upper half of the 256-bit counter =
    (layer, step), the lower half counts the draws, so streams never overlap. O(1) to create at any step.

    Parameters
    ----------
    seed, layer, step : integers in [0, 2**64).
    purpose : one of `PURPOSES`.

    Raises
    ------
    InputError : a number out of range, or a purpose that is not listed.
    """
    if purpose not in _IDS:
        raise unknown("random stream", purpose, PURPOSES)
    key = np.array([_counter("seed", seed), _IDS[purpose]], dtype=np.uint64)
    counter = np.array([0, 0, _counter("layer", layer), _counter("step", step)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
