"""Reader of the pickles that CIFAR is given out in; it can make arrays of bytes, lists, dicts and strings only.

It is a stack machine of its own over the few opcodes that such files use, so nothing that a file names is ever
imported or called, nothing is made before it is known to fit into the file, and nothing recurses.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError

_HIGHEST_PROTOCOL = 4
_SHORT_ARGUMENT = 60
#: The largest published file takes a twentieth of these; a file of nothing but brackets would fill the memory.
_MOST_STEPS = 10_000_000


class _Global(NamedTuple):
    """A name that the file refers to; a plain marker, never the thing itself."""

    module: str
    name: str


class _Mark(NamedTuple):
    """Where a tuple, list or dict under construction begins on the stack."""


class _Dtype(NamedTuple):
    """The dtype of bytes, the only one there is."""


@dataclass(eq=False)
class _Array:
    """An array whose content comes later in the file, as its state."""

    value: np.ndarray | None = None


_RECONSTRUCT = _Global("numpy.core.multiarray", "_reconstruct")
_NDARRAY = _Global("numpy", "ndarray")
_DTYPE = _Global("numpy", "dtype")
_ENCODE = _Global("_codecs", "encode")
_GLOBALS = {entry: entry for entry in (_RECONSTRUCT, _NDARRAY, _DTYPE, _ENCODE)}
#: NumPy 2 writes the same function under its new name.
_GLOBALS[_Global("numpy._core.multiarray", "_reconstruct")] = _RECONSTRUCT


class _Malformed(Exception):
    """What is wrong with the file, without its name."""


def loads(content: bytes, source: str) -> Any:
    """Return the object of a pickle of protocol 2 to 4, as Python 2 and NumPy 1 wrote them.

    Parameters
    ----------
    content : the whole file.
    source : its name, for the messages of errors.

    Returns
    -------
    dicts, lists, tuples, bytes (Python 2's ``str``), str, int, bool, None and uint8 arrays.

    Raises
    ------
    DataError : names the file and what is wrong: another global, an array of another dtype, a file cut short, or
        anything that CIFAR's files do not use. Nothing of it has been executed.
    """
    machine = _Machine(content)
    try:
        return machine.run()
    except _Malformed as error:
        raise DataError(
            f"{source}: not a pickle of arrays, lists, dicts and strings: {error} (at byte {machine.at}); nothing "
            "in it was executed: get the file again from where it is published"
        ) from None


class _Machine:
    """One pickle being read: its stack, its memo and the place in the file."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.encoded = 0

    def run(self) -> Any:
        """Execute opcodes up to STOP and return what is left on the stack."""
        if self.take(1) != b"\x80" or not 2 <= self.take(1)[0] <= _HIGHEST_PROTOCOL:
            raise _Malformed(f"it does not begin as protocol 2 to {_HIGHEST_PROTOCOL} does")
        steps = 0
        while (code := self.take(1)) != b".":
            if (steps := steps + 1) > _MOST_STEPS:
                raise _Malformed(f"it takes more than {_MOST_STEPS} steps")
            if code not in _OPCODES:
                raise _Malformed(f"opcode {code!r} is not one of those it needs")
            _OPCODES[code](self)
        result = self.pop()
        if self.stack:
            raise _Malformed(f"{len(self.stack)} objects are left over at its end")
        return _finished(result)

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if not 0 <= count <= len(self.content) - self.at:
            raise _Malformed(f"it is cut short: {count} bytes wanted, {len(self.content) - self.at} left")
        self.at += count
        return self.content[self.at - count : self.at]

    def number(self, form: str) -> int:
        """Return the next integer in the layout `form` of struct."""
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def line(self) -> str:
        """Return the text up to the next line feed."""
        end = self.content.find(b"\n", self.at, self.at + 256)
        if end < 0:
            raise _Malformed("a name without end")
        text = self.take(end - self.at)
        self.take(1)
        return text.decode("ascii", "backslashreplace")

    def push(self, value: Any) -> None:
        """Put one object on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take one object, which must not be a mark, from the stack."""
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise _Malformed("its stack runs empty")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take everything above the topmost mark, and the mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[place], _Mark):
                items = self.stack[place + 1 :]
                del self.stack[place:]
                return items
        raise _Malformed("a mark is missing")

    def top(self, kind: type) -> Any:
        """Return the topmost object, which must be of this kind."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise _Malformed(f"an item without its {kind.__name__}")
        return self.stack[-1]

    def recall(self, number: int) -> None:
        """Push what was memorised under this number."""
        if number not in self.memo:
            raise _Malformed(f"it refers to object {number}, which is not there")
        self.push(self.memo[number])

    def memorise(self, number: int) -> None:
        """Remember the topmost object."""
        value = self.pop()
        self.memo[number] = value
        self.push(value)

    def tuple_of(self, count: int) -> None:
        """Replace the topmost `count` objects by their tuple."""
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def append(self, items: list[Any]) -> None:
        """Add items to the list below them."""
        self.top(list).extend(_finished(item) for item in items)

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values by turns to the dict below them."""
        if len(items) % 2:
            raise _Malformed("a key without a value")
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (bytes, str, int):
                raise _Malformed(f"a {type(key).__name__} as key of a dict")
            target[key] = _finished(value)

    def admit(self, module: str, name: str) -> None:
        """Push the marker of a global, if it is one of the few."""
        if (found := _GLOBALS.get(_Global(module, name))) is None:
            raise _Malformed(f"it wants {f'{module}.{name}'!a}, which is not admitted")
        self.push(found)

    def admit_stacked(self) -> None:
        """Push the marker of a global whose module and name lie on the stack."""
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise _Malformed("the name of a global is no text")
        self.admit(module[:256], name[:256])

    def reduce(self) -> None:
        """Make what a global and its arguments stand for."""
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Global) or type(arguments) is not tuple:
            raise _Malformed("it calls something that is not admitted")
        if function == _ENCODE:
            self.push(self.encode(arguments))
        elif function == _RECONSTRUCT and len(arguments) == 3 and arguments[0] == _NDARRAY:
            self.push(_Array())
        elif function == _DTYPE and arguments and (kind := _text(arguments[0])) is not None:
            if kind not in ("u1", "|u1", "uint8"):
                raise _Malformed(f"an array of dtype {kind[:_SHORT_ARGUMENT]!a}; bytes are wanted")
            self.push(_Dtype())
        else:
            raise _Malformed(f"it calls {function.module}.{function.name} with arguments that are not admitted")

    def encode(self, arguments: tuple[Any, ...]) -> bytes:
        """Return the bytes that Python 3 wrote as text; in all no more than the file has."""
        if len(arguments) != 2 or type(arguments[0]) is not str or _text(arguments[1]) not in ("latin1", "latin-1"):
            raise _Malformed("bytes in another encoding than latin1")
        self.encoded += len(arguments[0])
        if self.encoded > len(self.content):
            raise _Malformed("it makes more bytes than it holds")
        try:
            return arguments[0].encode("latin-1")
        except UnicodeEncodeError:
            raise _Malformed("a text that is no byte string") from None

    def build(self) -> None:
        """Give an array or a dtype its state."""
        state, target = self.pop(), self.pop()
        if isinstance(target, _Array) and target.value is None:
            target.value = _filled(state)
        elif not isinstance(target, _Dtype):
            raise _Malformed("it gives a state to something that has none")
        self.push(target)


def _filled(state: Any) -> np.ndarray:
    """Return the array of a state (version, shape, dtype, Fortran order, bytes), in C order."""
    if type(state) is not tuple or len(state) != 5:
        raise _Malformed("an array without shape and content")
    _, shape, dtype, fortran, raw = state
    if not isinstance(dtype, _Dtype) or type(raw) is not bytes or type(fortran) not in (bool, int):
        raise _Malformed("an array that does not hold bytes")
    sizes = type(shape) is tuple and len(shape) <= 4 and all(type(size) is int and size >= 0 for size in shape)
    if not sizes or math.prod(shape) != len(raw):
        raise _Malformed(f"an array of {len(raw)} bytes that do not fit its shape")
    return np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C"))


def _text(value: Any) -> str | None:
    if type(value) is bytes:
        return value[:256].decode("latin-1")
    return value if type(value) is str else None


def _finished(value: Any) -> Any:
    """Return an object that may stand in the result: an array in place of its marker."""
    if isinstance(value, _Array):
        if value.value is None:
            raise _Malformed("an array without content")
        return value.value
    if isinstance(value, (_Global, _Dtype)):
        raise _Malformed(f"a {type(value).__name__[1:].lower()} that nothing uses")
    return value


def _decoded(machine: _Machine, form: str) -> None:
    try:
        machine.push(machine.take(machine.number(form)).decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        raise _Malformed("a text that is not UTF-8") from None


def _long(machine: _Machine) -> None:
    machine.push(int.from_bytes(machine.take(machine.number("<B")), "little", signed=True))


_OPCODES: dict[bytes, Callable[[_Machine], Any]] = {
    b"(": lambda m: m.push(_Mark()),
    b"0": lambda m: m.pop(),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"J": lambda m: m.push(m.number("<i")),
    b"\x8a": _long,
    b"U": lambda m: m.push(m.take(m.number("<B"))),
    b"T": lambda m: m.push(m.take(m.number("<i"))),
    b"C": lambda m: m.push(m.take(m.number("<B"))),
    b"B": lambda m: m.push(m.take(m.number("<I"))),
    b"\x8c": lambda m: _decoded(m, "<B"),
    b"X": lambda m: _decoded(m, "<I"),
    b")": lambda m: m.tuple_of(0),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"]": lambda m: m.push([]),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.pop_to_mark()),
    b"}": lambda m: m.push({}),
    b"s": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    b"u": lambda m: m.set_items(m.pop_to_mark()),
    b"q": lambda m: m.memorise(m.number("<B")),
    b"r": lambda m: m.memorise(m.number("<I")),
    b"\x94": lambda m: m.memorise(len(m.memo)),
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<I")),
    b"\x95": lambda m: m.number("<Q"),
    b"c": lambda m: m.admit(m.line(), m.line()),
    b"\x93": lambda m: m.admit_stacked(),
    b"R": lambda m: m.reduce(),
    b"b": lambda m: m.build(),
}
