"""A backend that checks one backend by another on every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from ..errors import MismatchError
from .api import Backend
from .tolerance import bound


def _longest(indptr: np.ndarray) -> int:
    return int(np.diff(indptr).max(initial=0)) + 1


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


def _checked(name: str, main: Backend, judge: Backend) -> Callable[..., Any]:
    fast, slow, length = getattr(main, name), getattr(judge, name), _LENGTH.get(name)

    def call(*args: Any, **kwargs: Any) -> Any:
        actual, expected = fast(*args, **kwargs), slow(*args, **kwargs)
        title = f"{main.name} and {judge.name} differ in {name}"
        allowed: tuple[Any, ...] = (None,) * len(_parts(actual))
        if length is not None:
            sizes = [_floats(a, np.abs) for a in args], {k: _floats(v, np.abs) for k, v in kwargs.items()}
            reach = length(*args, **kwargs)
            floats = zip(_parts(actual), _parts(slow(*sizes[0], **sizes[1])), strict=True)
            allowed = tuple(bound(a.dtype, reach, magnitude) for a, magnitude in floats)
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
