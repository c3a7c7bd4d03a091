"""Somebody else's implementation as a subject: ``--target package.module:factory``.

The contract. ``factory(n, nnz, batch)`` is called with three integers and builds one n × n layer with nnz
connections and whatever a call needs (operands included: what it allocates in the factory is not timed). It returns

- a callable without arguments, which performs one training step, or
- an object with one or both of the methods ``step()`` (one training step) and ``update()`` (one topology update);
  it may also have ``counts()`` → mapping of "step" and "update" to mappings of names to whole numbers, such as
  ``{"step": {"multiply_adds": 3 * nnz * batch}}``. Counts are judged as this package's own; without them the times
  and the peak memory decide.

Calls are repeated, so each must leave the object able to run it again at the same cost. Return values are ignored.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import InputError
from .sizes import Sizes
from .subject import ELEMENTS, ROWS, Counts, Phase, Subject, Work

PHASES = {"step": Phase(access=ROWS), "update": Phase(access=ELEMENTS)}
#: The factory is tried at this size before anything is measured.
TRIAL = Sizes(64, 128, 8)

Factory = Callable[[int, int, int], Any]


def load(text: str) -> Factory:
    """Import ``package.module:factory``; the current folder is searched too.

    Raises
    ------
    InputError : not of that form, a module that cannot be imported, or no callable of that name in it.
    """
    module, colon, name = text.partition(":")
    if not (module and colon and name) or not all(part.isidentifier() for part in [*module.split("."), name]):
        raise InputError(f"a target is written package.module:factory, got {text!r}")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except Exception as error:  # the code is the user's: whatever it raises is what they need to read
        raise InputError(f"target {text!r}: importing {module} fails: {_said(error)}") from error
    factory = getattr(found, name, None)
    if not callable(factory):
        missing = f"{module} has no {name!r}"
        what = f"{name} is {type(factory).__name__}, not callable" if hasattr(found, name) else missing
        raise InputError(f"target {text!r}: {what}")
    return factory


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _guarded(call: Callable[[], Any], place: str) -> Callable[[], Any]:
    def run() -> Any:
        try:
            return call()
        except MemoryError:
            raise
        except Exception as error:
            raise InputError(f"{place} fails: {_said(error)}") from error

    return run


def _checked_counts(counts: Any, place: str) -> dict[str, Counts]:
    if not isinstance(counts, Mapping) or not set(counts) <= set(PHASES):
        raise InputError(f"{place}: counts() must map 'step' and 'update' to counts, got {counts!r}")
    for phase, amounts in counts.items():
        whole = isinstance(amounts, Mapping) and all(
            isinstance(name, str) and isinstance(amount, int) and amount >= 0 for name, amount in amounts.items()
        )
        if not whole:
            raise InputError(
                f"{place}: counts()[{phase!r}] must map names to whole numbers, at least 0, got {amounts!r}"
            )
    return {phase: dict(amounts) for phase, amounts in counts.items()}


def _built(factory: Factory, text: str, sizes: Sizes) -> Work:
    """Build the target at one size.

    Raises
    ------
    InputError : the factory raises, or returns neither a callable nor an object with `step` or `update`.
    """
    place = f"target {text!r} at n={sizes.n}, nnz={sizes.nnz}, batch={sizes.batch}"
    made = _guarded(lambda: factory(*sizes), f"{place}: the factory")()
    phases = {
        name: _guarded(getattr(made, name), f"{place}: {name}()")
        for name in PHASES
        if callable(getattr(made, name, None))
    }
    if not phases and callable(made):
        phases = {"step": _guarded(made, f"{place}: the step")}
    if not phases:
        raise InputError(
            f"{place}: the factory must return a callable, or an object with step() or update(), "
            f"got {type(made).__name__}"
        )
    counts = getattr(made, "counts", None)
    if not callable(counts):
        return Work(phases)
    return Work(phases, lambda: _checked_counts(_guarded(counts, f"{place}: counts()")(), place))


def target(text: str) -> Subject:
    """Return the target as a subject, tried once at `TRIAL`; all its phases are expected to be linear.

    Raises
    ------
    InputError : it cannot be imported, built or run; the message says what it raised or returned.
    """
    factory = load(text)
    trial = _built(factory, text, TRIAL)
    for call in trial.phases.values():
        call()
    if trial.counts is not None:
        trial.counts()
    phases = {name: PHASES[name] for name in trial.phases}
    return Subject(text, phases, lambda sizes: _built(factory, text, sizes))
