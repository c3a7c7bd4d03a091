"""A backend that checks one backend by another on every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from ..errors import MismatchError
from . import norm_bounds
from .api import Backend, Geometry
from .tolerance import bound


def _longest(indptr: np.ndarray) -> int:
    return int(np.diff(indptr).max(initial=0)) + 1


def _taps(plan: Any, geometry: Geometry) -> int:
    """Return how many weights may meet at one pixel of an image."""
    return _longest(plan.indptr) * geometry.kernel**2


#: Reduction length of each function whose floats carry rounding; every other result must be equal bit for bit.
_LENGTH: dict[str, Callable[..., int]] = {
    "spmm": lambda indptr, indices, values, x, bias=None: _longest(indptr),
    "spmm_t": lambda plan, values, dy: _longest(plan.indptr),
    "spmm_backward": lambda plan, values, x, dy: max(_longest(plan.indptr), x.shape[1]),
    "sddmm": lambda indptr, indices, dy, x: x.shape[1],
    "sddmm_pairs": lambda rows, cols, dy, x: x.shape[1],
    "gradient_rows": lambda dy, x: x.shape[1],
    "abs_sums": lambda x: x.shape[1],
    "signed_sums": lambda x, signs: x.shape[1],
    "conv": lambda indptr, indices, values, x, geometry, bias=None: _longest(indptr),
    "conv_t": lambda plan, values, dy, geometry, size: _taps(plan, geometry),
    "conv_backward": lambda plan, values, x, dy, geometry: max(_taps(plan, geometry), dy.size // len(dy)),
    "conv_pairs": lambda rows, cols, dy, x, geometry: dy.size // len(dy),
    "conv_rows": lambda dy, x, geometry: dy.size // max(1, len(dy)),
    "patch_abs_sums": lambda x, geometry: x.size // len(x),
    "patch_signed_sums": lambda x, signs, geometry: signs.size,
    "unpool": lambda dy, taps, geometry, size: (-(-geometry.kernel // geometry.stride)) ** 2,
}

#: (expected results, arguments) → the magnitude of each result, None where it must be equal bit for bit. For what
#: gives on |arguments| nothing that bounds its rounding; the reduction length is that of `norm_bounds`.
_MAGNITUDES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "batch_norm": lambda y, mean, variance, x, gamma, beta, epsilon, *more: (
        norm_bounds.normalised(x, gamma, beta, norm_bounds.mass(x), variance, epsilon, *more),
        *norm_bounds.moments(x, variance),
    ),
    "normalise": lambda y, *args: (norm_bounds.normalised(*args),),
    "batch_norm_backward": lambda dx, dgamma, dbeta, t, *args: (*norm_bounds.gradients(*args[:8]), None),
}


def _floats(value: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return change(value.astype(np.float64)) if is_float else value


def _parts(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, tuple) else (result,)


def _complain(call: str, part: int, actual: Any, expected: Any, why: str) -> MismatchError:
    return MismatchError(f"{call}, result {part}: {why}\n  got {actual!r}\n  expected {expected!r}")


def _compare(call: str, part: int, actual: np.ndarray, expected: np.ndarray, allowed: Any) -> None:
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        why = f"{actual.dtype}{actual.shape} is not {expected.dtype}{expected.shape}"
        raise _complain(call, part, actual, expected, why)
    if allowed is None:
        if actual.tobytes() != expected.tobytes():
            raise _complain(call, part, actual, expected, "must be equal bit for bit")
        return
    with np.errstate(invalid="ignore"):
        error = np.abs(actual.astype(np.float64) - expected)
        near = (error <= allowed) & np.isfinite(expected)
        agree = near | (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    if not agree.all():
        at = np.unravel_index(int(np.argmin(agree)), agree.shape)
        worst = f"at {tuple(map(int, at))}: error {error[at]:.3g} exceeds the bound {allowed[at]:.3g}"
        raise _complain(call, part, actual[at], expected[at], worst)


def _allowed(name: str, slow: Callable[..., Any], expected: Any, args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Return how far each result may lie from the expected one, None where it may not."""
    results = _parts(expected)
    if name in _MAGNITUDES:
        reach = norm_bounds.length(args[0])
        with np.errstate(over="ignore", invalid="ignore"):
            magnitudes = _MAGNITUDES[name](*results, *args)
    elif name in _LENGTH:
        reach = _LENGTH[name](*args, **kwargs)
        sizes = [_floats(a, np.abs) for a in args], {k: _floats(v, np.abs) for k, v in kwargs.items()}
        magnitudes = _parts(slow(*sizes[0], **sizes[1]))
    else:
        return (None,) * len(results)
    pairs = zip(results, magnitudes, strict=True)
    return tuple(None if magnitude is None else bound(e.dtype, reach, magnitude) for e, magnitude in pairs)


def _checked(name: str, main: Backend, judge: Backend) -> Callable[..., Any]:
    fast, slow = getattr(main, name), getattr(judge, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        actual, expected = fast(*args, **kwargs), slow(*args, **kwargs)
        title = f"{main.name} and {judge.name} differ in {name}"
        allowed = _allowed(name, slow, expected, args, kwargs)
        triples = zip(_parts(actual), _parts(expected), allowed, strict=True)
        for part, (a, e, limit) in enumerate(triples):
            _compare(title, part, np.asarray(a), np.asarray(e), limit)
        return actual

    return call


def shadow(main: Backend, judge: Backend) -> Backend:
    """Return a backend that answers as `main` and raises when `judge` disagrees.

    Integers, tables and carried values must be equal bit for bit; sums may differ by `tolerance.bound`.

    Raises
    ------
    MismatchError : at the first call in which they differ, with both values and the bound.
    """
    operations = {f.name: _checked(f.name, main, judge) for f in fields(Backend) if f.name != "name"}
    return Backend(name=f"shadow({main.name}, {judge.name})", **operations)
