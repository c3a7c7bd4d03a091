"""An adapter under test: called in its own layout, on copies, within a time limit, and never trusted."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, unknown
from .adapter import OPERATIONS, Adapter, NotCovered
from .code import Call
from .judge import Disagreement
from .layout import to_adapter, to_kit

LAYOUTS = ("batch_last", "batch_first")
DTYPES = ("float32", "float64")
INDEX_DTYPES = ("int32", "int64")
#: Seconds that one call may take, where nothing else is said: the inputs are tiny.
LIMIT = 20.0


@dataclass(frozen=True)
class Declaration:
    """What an adapter states, checked; attributes as those of `Adapter`."""

    name: str
    layout: str
    dtypes: tuple[np.dtype, ...]
    index_dtype: np.dtype
    deterministic: bool
    linear: bool
    methods: tuple[str, ...]
    networks: tuple[str, ...]


def _among(kind: str, given: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in allowed:
            raise unknown(kind, name, allowed)
    if not names:
        raise InputError(f"an adapter must state its {kind}: one or more of {', '.join(allowed)}")
    return names


def declaration(adapter: Any) -> Declaration:
    """Return what an adapter states.

    Raises
    ------
    InputError : a statement that means nothing.
    """

    def stated(name: str) -> Any:
        return getattr(adapter, name, getattr(Adapter, name))

    try:
        return _declaration(stated, type(adapter).__name__)
    except InputError:
        raise
    except Exception as error:  # whatever an attribute raises or is, such as None for a list of names
        what = f"what the adapter states cannot be read: {type(error).__name__}: {error}"
        raise InputError(f"{what}; see the attributes of gse_ref.conformance.Adapter") from error


def _declaration(stated: Callable[[str], Any], default_name: str) -> Declaration:
    return Declaration(
        name=str(stated("name") or default_name),
        layout=_among("layout", stated("layout"), LAYOUTS)[0],
        dtypes=tuple(map(np.dtype, _among("dtypes", stated("dtypes"), DTYPES))),
        index_dtype=np.dtype(_among("index_dtype", stated("index_dtype"), INDEX_DTYPES)[0]),
        deterministic=bool(stated("deterministic")),
        linear=bool(stated("linear")),
        methods=_among("methods", stated("methods"), Adapter.methods),
        networks=_among("networks", stated("networks"), ("mlp", "conv")),
    )


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt what runs too long, in the main thread, wherever Python gets a word in."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s; what compiles in a call needs a higher limit")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def arrays_in(value: Any) -> list[np.ndarray]:
    """Return the arrays of nested tuples and lists, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    return [array for part in value for array in arrays_in(part)] if isinstance(value, (tuple, list)) else []


def covers(adapter: Any, operation: str) -> bool:
    """Return whether the adapter has an operation of its own."""
    try:
        found = getattr(adapter, operation, None)
    except Exception:
        return True  # it is there, and will raise again when it is called
    return callable(found) and getattr(found, "__func__", None) is not getattr(Adapter, operation)


@dataclass
class Subject:
    """An adapter under test.

    Attributes
    ----------
    adapter : the object. seed : of this run, for checks that draw on their own. limit : seconds a call may take.
    before, after : told of each call before it is made, and when it has come back.
    calls : what the current case called, in order; `begin` starts a case.
    held : of each of these calls that came back, the very arrays that the adapter was handed and gave.
    """

    adapter: Any
    seed: int = 0
    limit: float = LIMIT
    before: Callable[[list[Call]], None] = lambda calls: None
    after: Callable[[], None] = lambda: None
    calls: list[Call] = field(default_factory=list)
    held: list[list[np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = declaration(self.adapter)
        self.operations = frozenset(name for name in OPERATIONS if covers(self.adapter, name))

    def begin(self) -> None:
        """Start a case."""
        self.calls, self.held = [], []

    def call(self, operation: str, *arguments: Any) -> Any:
        """Call an operation on arrays with the batch last, and return its result with the batch last.

        The adapter gets copies in its own layout and index width.

        Raises
        ------
        Disagreement : it raised, hung, changed an argument, or gave back memory that it was handed.
        NotCovered : it says that it does not handle this input.
        """
        given = to_adapter(operation, arguments, self.states.layout, self.states.index_dtype)
        self.calls.append(Call(operation, given))
        handed = to_adapter(operation, arguments, self.states.layout, self.states.index_dtype)
        self.before(self.calls)
        start = time.monotonic()
        try:
            with _alarm(self.limit):
                result = getattr(self.adapter, operation)(*handed)
        except (KeyboardInterrupt, NotCovered):
            raise
        except TimeoutError as error:
            kind = "hung" if time.monotonic() - start >= self.limit else "raised"
            raise Disagreement(f"{operation}: {error}", kind=kind) from None
        except BaseException as error:
            where = traceback.format_exception(error)[-3:]
            said = f"{operation} raised {type(error).__name__}: {error}\n{''.join(where).rstrip()}"
            raise Disagreement(said, kind="raised") from None
        finally:
            self.after()
        self._unchanged(operation, given, handed, result)
        self.held.append([*arrays_in(handed), *arrays_in(result)])
        return to_kit(operation, result, self.states.layout)

    def _unchanged(self, operation: str, given: Any, handed: Any, result: Any) -> None:
        arguments = arrays_in(handed)
        for before, after in zip(arrays_in(given), arguments, strict=True):
            if before.tobytes() != after.tobytes():
                raise Disagreement(f"{operation} changed an argument in place", after, before, kind="modified")
        for out in arrays_in(result):
            if any(np.may_share_memory(out, array) for array in arguments):
                what = f"{operation} returned memory that it was handed: the next change of one changes the other"
                raise Disagreement(what, out, kind="modified")
