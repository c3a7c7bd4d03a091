"""The allocation guard: whoever makes a single array beyond a limit fails, there and then.

The data of a NumPy array comes from NumPy's table of allocation functions (NEP 49), that of an array made inside a
Numba kernel from CPython's raw domain, as do bytes, lists and dictionaries of more than 512 bytes. In both tables
the guard puts compiled functions that pass requests on or refuse them.
"""

from __future__ import annotations

import ctypes
import operator
import threading
import traceback
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]  # where all extensions find NumPy's API

from ..errors import AllocationLimitError, GseError, InputError
from ..kernels.allocator import LARGEST, LIMIT, REFUSED, limited

_UNLIMITED = int(np.iinfo(np.intp).max)
#: Places in NumPy's table of functions, which never change: `PyDataMem_GetHandler`, `PyDataMem_DefaultHandler`.
_GET_HANDLER, _DEFAULT_HANDLER = 305, 306
#: CPython's number of the raw domain, `PYMEM_DOMAIN_RAW`.
_RAW = 0
#: Lines of the stack that an error tells.
_DEPTH = 12

_python = ctypes.pythonapi
_python.PyCapsule_GetPointer.restype = ctypes.c_void_p
_python.PyCapsule_GetPointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_python.PyMem_GetAllocator.argtypes = _python.PyMem_SetAllocator.argtypes = (ctypes.c_int, ctypes.c_void_p)
_python.PyMem_RawMalloc.restype, _python.PyMem_RawMalloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)


_NAMES = ("context", "malloc", "calloc", "realloc", "free")


class _Functions(ctypes.Structure):
    """Addresses of allocation functions: NumPy's `PyDataMemAllocator`, CPython's `PyMemAllocatorEx`."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in _NAMES)

    def addresses(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) or 0 for name in _NAMES)


class _Handler(ctypes.Structure):
    """NumPy's `PyDataMem_Handler`."""

    _fields_ = (("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("functions", _Functions))


class _Place(NamedTuple):
    """Where allocation functions are looked up: the address of NumPy's handler, or None for CPython's raw domain.

    NumPy's handler is changed itself, not exchanged: which one is in force is a matter of each thread.
    """

    handler: int | None

    def read(self) -> tuple[int, ...]:
        if self.handler is not None:
            return _Handler.from_address(self.handler).functions.addresses()
        functions = _Functions()
        _python.PyMem_GetAllocator(_RAW, ctypes.byref(functions))
        return functions.addresses()

    def write(self, addresses: tuple[int, ...]) -> None:
        functions = _Functions(*addresses)
        if self.handler is not None:
            _Handler.from_address(self.handler).functions = functions
        else:
            _python.PyMem_SetAllocator(_RAW, ctypes.byref(functions))


def _places() -> set[_Place]:
    """Return NumPy's handlers, the default one and that of this thread, and the raw domain."""
    table = ctypes.cast(
        _python.PyCapsule_GetPointer(_multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p)
    )
    own = ctypes.PYFUNCTYPE(ctypes.py_object)(table[_GET_HANDLER])()
    default = ctypes.cast(table[_DEFAULT_HANDLER], ctypes.POINTER(ctypes.py_object))[0]
    return {_Place(_python.PyCapsule_GetPointer(handler, b"mem_handler")) for handler in (own, default)} | {
        _Place(None)
    }


#: What the compiled functions read and write, at an address that holds as long as the process.
_shared = np.zeros(3, np.intp)


@cache  # and so kept for ever: a thread may be inside of one at any time
def _guarded(functions: tuple[int, ...], sized_free: bool) -> tuple[tuple[int, ...], Any]:
    """Return the table of functions that apply the limit to these, and what keeps them alive."""
    context, malloc, calloc, realloc, free = functions
    compiled = limited(context, malloc, calloc, realloc, free, sized_free)
    return (_shared.ctypes.data, *(function.address for function in compiled)), compiled


class _Switch:
    """Puts the functions in their places for the first guard, and takes them out after the last."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.guards: list[allocation_guard] = []
        self.before: dict[_Place, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def collect(self) -> None:
        """Tell every guard what was asked for and refused since the last time."""
        for guard in self.guards:
            guard._seen(int(_shared[LARGEST]), int(_shared[REFUSED]))
        _shared[LARGEST] = _shared[REFUSED] = 0

    def add(self, guard: allocation_guard) -> None:
        with self.lock:
            self.collect()
            if not self.guards:
                _shared[LIMIT] = _UNLIMITED
                self._install()
            self.guards.append(guard)
            self._limit()

    def remove(self, guard: allocation_guard) -> None:
        with self.lock:
            self.collect()
            self.guards.remove(guard)
            self._limit()
            if not self.guards:
                self._uninstall()

    def _limit(self) -> None:
        _shared[LIMIT] = min((guard.limit for guard in self.guards), default=_UNLIMITED)

    def _install(self) -> None:
        for place in _places():
            now = place.read()
            if now[0] != _shared.ctypes.data:
                replaced, _ = _guarded(now, sized_free=place.handler is not None)
                place.write(replaced)
                self.before[place] = replaced, now
        self._try()

    def _try(self) -> None:
        """Refuse to guard what would not be guarded: a NumPy or CPython that allocates by other ways."""
        _shared[LIMIT] = size = 1 << 16
        block = _python.PyMem_RawMalloc(size + 1)
        try:
            missed = block is not None or len(np.empty(size + 1, np.uint8)) > 0
        except MemoryError:
            missed = False
        _python.PyMem_RawFree(ctypes.c_void_p(block))
        _shared[LIMIT], _shared[LARGEST], _shared[REFUSED] = _UNLIMITED, 0, 0
        if missed:
            self._uninstall()
            raise GseError(f"allocations of NumPy {np.__version__} cannot be guarded here: measure memory instead")

    def _uninstall(self) -> None:
        """Put back what was there, but not where another tool (tracemalloc) has since put its own before ours."""
        for place, (ours, before) in list(self.before.items()):
            if place.read() == ours:
                place.write(before)
                del self.before[place]


_switch = _Switch()


class allocation_guard:
    """Fail where a single array of more than `limit_bytes` is made, in this block and in any thread.

    Guarded are the data of NumPy arrays, whoever makes them (SciPy included), arrays that Numba kernels make, and
    large Python objects (bytes, lists). Such a request is refused as if memory had run out, so a MemoryError is
    raised in that very line; at the end of the block it becomes an AllocationLimitError that tells the stack, as
    does any other error that it caused. Where someone swallowed the MemoryError, or it arose in another thread, the
    block still ends in AllocationLimitError, though without a stack. Guards nest: the lowest limit holds. Nothing
    else changes: what is not refused goes to the functions that would have got it.

    Not seen: memory that other libraries take from the system themselves (torch, BLAS, std::vector inside SciPy,
    NumPy's own scratch for sorting), files mapped into memory, arrays made before the block, many small arrays
    that are large only together, and the table of a dictionary whose keys are all strings: the process has one, of
    its interned names, that grows in the middle of whatever runs. Numba adds about 100 bytes to an array,
    `backends.empty` 64.

    Parameters
    ----------
    limit_bytes : the largest block allowed.

    Attributes
    ----------
    largest : bytes of the largest block asked for in this block so far, refused or not.

    Raises
    ------
    InputError : the limit is not a positive integer.
    AllocationLimitError : at the end of the block, if anything was refused; its `size` is the largest refused.
    GseError : this NumPy's allocations cannot be guarded.

    Examples
    --------
    >>> with gse_ref.allocation_guard(10**8):
    ...     gse_ref.train(config)
    """

    def __init__(self, limit_bytes: int) -> None:
        try:
            self.limit = operator.index(limit_bytes)
        except TypeError:
            raise InputError(f"the limit must be a number of bytes, an integer, got {limit_bytes!r}") from None
        if not 0 < self.limit <= _UNLIMITED:
            raise InputError(f"the limit must be a positive number of bytes, got {limit_bytes}")
        self._largest = self._refused = 0

    def __enter__(self) -> allocation_guard:
        self._largest = self._refused = 0
        _switch.add(self)
        return self

    @property
    def largest(self) -> int:
        """Bytes of the largest block asked for so far."""
        with _switch.lock:
            _switch.collect()
        return self._largest

    def _seen(self, largest: int, refused: int) -> None:
        self._largest = max(self._largest, largest)
        self._refused = max(self._refused, refused)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _switch.remove(self)
        ours = self._refused > self.limit
        if not ours or isinstance(error, AllocationLimitError) or not isinstance(error, Exception | None):
            return
        raise AllocationLimitError(
            f"a single array of {self._refused:,} bytes was asked for where the guard allows {self.limit:,}: "
            f"{_stack(error)}",
            self._refused,
        ) from error


def _stack(error: BaseException | None) -> str:
    """Tell the innermost lines of the stack of the MemoryError behind `error`."""
    if error is None:
        return "whoever asked went on without it, or was another thread"
    source: BaseException | None = error
    while source is not None and not isinstance(source, MemoryError):
        source = source.__cause__ or source.__context__
    lines = traceback.format_tb((source or error).__traceback__)[-_DEPTH:]
    return "the stack, innermost last:\n" + "".join(lines)
