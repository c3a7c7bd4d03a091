"""A stand-in for arrays of a device: NumPy arrays that only their own library can read, as CuPy's are.

Stricter than CuPy where CuPy transfers without being asked: no truth value, no number, no iteration, no index and
no operand from the host. Its library has only functions that CuPy 14 has.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from gse_ref.backends import Backend

#: What the package may use of a device's library; each is in CuPy 14 with the arguments used here.
FUNCTIONS = (
    *("abs", "add", "arange", "argmax", "argsort", "asarray", "astype", "bincount", "broadcast_to", "concat"),
    *("concatenate", "cumsum", "delete", "diff", "divide", "divmod", "einsum", "empty", "empty_like", "exp"),
    *("flatnonzero", "full", "isfinite", "isdtype", "log", "matmul", "maximum", "mean", "minimum"),
    *("multiply", "negative", "nonzero", "ones", "permute_dims", "pow", "repeat", "reshape", "searchsorted"),
    *("sign", "sort", "sqrt", "square", "subtract", "sum", "max", "tanh", "tile", "var", "where", "zeros"),
    "zeros_like",
)
TYPES = ("bool", "int32", "int64", "float32", "float64", "uint8")
#: Methods and attributes that give arrays or facts about them; nothing of them reads a number.
METHODS = (
    *("all", "any", "argsort", "astype", "copy", "fill", "max", "mean", "min", "reshape", "sum", "transpose"),
    "view",
)
FACTS = ("dtype", "itemsize", "nbytes", "ndim", "shape", "size")
OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lt", "le"),
    *("gt", "ge", "eq", "ne"),
)
IN_PLACE = ("iadd", "isub", "imul", "itruediv")


def _refuse(name: str) -> Callable[..., Any]:
    def refused(self: DeviceArray, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{name} of a device array: a transfer that nobody asked for")

    return refused


class DeviceArray:
    """An array on the device."""

    __slots__ = ("inner",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, inner: np.ndarray) -> None:
        self.inner = inner

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return LIBRARY

    def get(self) -> np.ndarray:
        """Return a copy on the host, under CuPy's name."""
        return self.inner.copy()

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, key: Any) -> DeviceArray:
        return wrap(self.inner[unwrap(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.inner[unwrap(key)] = unwrap(value)

    def __neg__(self) -> DeviceArray:
        return wrap(-self.inner)

    def __invert__(self) -> DeviceArray:
        return wrap(~self.inner)

    def __abs__(self) -> DeviceArray:
        return wrap(abs(self.inner))

    def __divmod__(self, other: Any) -> tuple[DeviceArray, DeviceArray]:
        return self // other, self % other  # type: ignore[operator]

    def __repr__(self) -> str:
        return f"DeviceArray({self.dtype}, {self.shape})"  # type: ignore[attr-defined]


def unwrap(value: Any) -> Any:
    """Return what the device computes with, or raise TypeError for an array of the host."""
    if isinstance(value, DeviceArray):
        return value.inner
    if isinstance(value, np.ndarray):
        raise TypeError(f"an array of the host, {value.dtype}{value.shape}, on the device: nobody handed it over")
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(unwrap, value))
    if isinstance(value, tuple | list):
        return type(value)(map(unwrap, value))
    return value


def wrap(value: Any) -> Any:
    """Return results as arrays of the device; what is no array passes."""
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(np.asarray(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrap, value))
    if isinstance(value, tuple | list):
        return type(value)(map(wrap, value))
    return value


def _method(name: str) -> Callable[..., Any]:
    def call(self: DeviceArray, *args: Any, **kwargs: Any) -> Any:
        options = {key: unwrap(value) for key, value in kwargs.items()}
        return wrap(getattr(self.inner, name)(*map(unwrap, args), **options))

    return call


def _operator(name: str) -> Callable[..., Any]:
    function = getattr(operator, f"{name}_" if name in ("and", "or") else name)
    return lambda self, other: wrap(function(self.inner, unwrap(other)))


def _reflected(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)
    return lambda self, other: wrap(function(unwrap(other), self.inner))


def _in_place(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def change(self: DeviceArray, other: Any) -> DeviceArray:
        self.inner = function(self.inner, unwrap(other))
        return self

    return change


for _name in METHODS:
    setattr(DeviceArray, _name, _method(_name))
for _name in FACTS:
    setattr(DeviceArray, _name, property(operator.attrgetter(f"inner.{_name}")))
for _name in OPERATORS:
    setattr(DeviceArray, f"__{_name}__", _operator(_name))
for _name in OPERATORS[:7]:
    setattr(DeviceArray, f"__r{_name}__", _reflected(_name))
for _name in IN_PLACE:
    setattr(DeviceArray, f"__{_name}__", _in_place(_name))
for _name in ("array", "array_ufunc", "array_function", "bool", "int", "float", "index", "iter", "complex"):
    setattr(DeviceArray, f"__{_name}__", _refuse(f"__{_name}__"))


class _Ufunc:
    """A function of the library with its `at`, which adds for every repetition of an index."""

    def __init__(self, name: str) -> None:
        self._function = getattr(np, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        options = {key: unwrap(value) for key, value in kwargs.items()}
        return wrap(self._function(*map(unwrap, args), **options))

    def at(self, array: DeviceArray, key: Any, values: DeviceArray) -> None:
        self._function.at(array.inner, unwrap(key), unwrap(values))


class _Library:
    """The module that computes with device arrays."""

    __name__ = "device"

    def __getattr__(self, name: str) -> Any:
        if name in TYPES:
            return getattr(np, name)
        if name not in FUNCTIONS:
            raise AttributeError(f"the device's library has no {name}; if CuPy has it, list it in {__name__}")
        return _Ufunc(name)

    def asarray(self, array: Any, dtype: Any = None) -> DeviceArray:
        """Take an array of the host: the door."""
        inner = array.inner if isinstance(array, DeviceArray) else np.array(array)
        return DeviceArray(np.asarray(inner, dtype))

    def repeat(self, array: DeviceArray, repeats: int) -> DeviceArray:
        if not isinstance(repeats, int):
            raise ValueError("CuPy repeats by numbers of the host only")
        return wrap(np.repeat(array.inner, repeats))


LIBRARY = _Library()
#: Arguments that `gather`, the data loader's door, takes from the host.
DOOR = "gather"


def _on_device(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        given = args if name == DOOR else [unwrap(value) for value in args]
        return wrap(function(*given, **{key: unwrap(value) for key, value in kwargs.items()}))

    return call


def device_backend(host: Backend) -> Backend:
    """Return a backend of device arrays that computes what `host` computes."""
    functions = {f.name: getattr(host, f.name) for f in fields(Backend) if f.name != "name"}
    return Backend(name="device", **{name: _on_device(name, function) for name, function in functions.items()})


def on_device(array: Any) -> DeviceArray:
    """Return a copy of an array of the host on the device."""
    return LIBRARY.asarray(array)
