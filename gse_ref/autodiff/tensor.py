"""The node of the gradient graph: an array, and the operation and tensors it was made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike

from ..backends.arrays import constant, is_elsewhere, item, namespace, to_host
from ..errors import GseError, InputError, ShapeError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

#: What an operation takes beside tensors: numbers and arrays, which are cast to the dtype of its tensors.
Operand: TypeAlias = Union["Tensor", np.ndarray, float, int]
Axes: TypeAlias = int | tuple[int, ...] | None

_enabled: ContextVar[bool] = ContextVar("gse_ref_grad_enabled", default=True)


def is_grad_enabled() -> bool:
    """Return whether operations record the graph now, in this thread or task."""
    return _enabled.get()


class grad_mode:
    """Context in which operations record the graph (`enabled`) or do not; local to the thread or task."""

    __slots__ = ("_enabled", "_tokens")

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(_enabled.set(self._enabled))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _enabled.reset(self._tokens.pop())


def no_grad() -> grad_mode:
    """Return a context in which no graph is recorded: results do not require gradients."""
    return grad_mode(False)


@dataclass(frozen=True, slots=True)
class Op:
    """A differentiable operation: how to compute it and how to pull a gradient back through it.

    Attributes
    ----------
    name : shown in errors and in `repr` of a tensor.
    forward : ``(*arrays, **static) -> array`` of the arrays' dtype. NumPy's ValueError becomes a ShapeError.
    vjp : ``(grad, out, inputs, needs, **static) -> sequence``, one entry for each input: the gradient (of
        the input's shape and dtype) where ``needs`` is True; elsewhere the entry is ignored and may be None,
        as it may be for a gradient that is zero everywhere. ``out`` is the tensor that `apply` returned. The
        rule must be written with differentiable operations, so that gradients have gradients; it may run a
        fused kernel where `is_grad_enabled()` is False: then no graph of the gradient is wanted.
    fresh : whether, where no graph is wanted, the rule always returns new arrays that nothing else holds: the
        reverse pass then adds other gradients to them in place.
    """

    name: str
    forward: Callable[..., np.ndarray]
    vjp: Callable[..., Sequence[Tensor | None]]
    fresh: bool = False


def _floats_of(array: Any) -> tuple[Any, ...]:
    """Return the dtypes of a library whose dtypes are not NumPy's."""
    return namespace(array).float32, namespace(array).float64


class Tensor:
    """A float32 or float64 array, of NumPy or another library, that remembers where it came from.

    Parameters
    ----------
    data : array of float32 or float64 (kept, not copied), or floats (float64).
    requires_grad : True for a leaf whose gradient is wanted.

    Attributes
    ----------
    data : the array. May be changed between one backward pass and the next forward pass, not between the
        two passes: the graph reads it.
    grad : Tensor of the same shape and dtype, or None: what `backward` accumulated. Only leaves receive it.
        It may share memory with other gradients: replace it, do not change it in place.
    requires_grad : whether a gradient flows here.
    op, inputs, needs, static : the operation that made the tensor (None for a leaf), its inputs, which of
        them need gradients, and its options.

    Raises
    ------
    InputError : data of another dtype.
    """

    __slots__ = ("__weakref__", "data", "grad", "inputs", "needs", "op", "requires_grad", "static")
    #: NumPy leaves ``array + tensor`` to the tensor instead of making an object array.
    __array_ufunc__ = None

    data: np.ndarray
    grad: Tensor | None
    requires_grad: bool
    op: Op | None
    inputs: tuple[Tensor, ...]
    needs: tuple[bool, ...]
    static: dict[str, Any]

    def __init__(self, data: ArrayLike, requires_grad: bool = False) -> None:
        foreign = type(data) is not np.ndarray and is_elsewhere(data)
        array: Any = data if foreign else np.asarray(data)
        if array.dtype not in (_floats_of(array) if foreign else FLOATS):
            raise InputError(
                f"a tensor holds float32 or float64, got {array.dtype}: convert it first, e.g. with "
                ".astype(np.float32)"
            )
        self.data = array
        self.grad = None
        self.requires_grad = requires_grad
        self.op = None
        self.inputs = ()
        self.needs = ()
        self.static = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    def item(self) -> float:
        """Return the only element as a Python float."""
        if self.data.size != 1:
            raise ShapeError(f"item() wants a tensor of one element, got shape {self.shape}: index it first")
        return float(item(self.data))

    def numpy(self) -> np.ndarray:
        """Return the array itself, not a copy, or a copy of an array of another library."""
        return to_host(self.data)

    def detach(self) -> Tensor:
        """Return a leaf without gradient that shares the array."""
        return Tensor(self.data)

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("a 0-d tensor has no length")
        return self.data.shape[0]

    def __repr__(self) -> str:
        made = f", op={self.op.name}" if self.op else ", requires_grad=True" if self.requires_grad else ""
        if is_elsewhere(self.data):
            values = f"<array of {namespace(self.data).__name__}>"  # nobody asked for its numbers
        else:
            values = np.array2string(self.data, threshold=20, edgeitems=3, separator=", ")
        return f"Tensor({values}, shape={self.shape}, dtype={self.dtype}{made})"

    if TYPE_CHECKING:
        # Attached by `operators.attach`: the rules they call import this file.
        def backward(self, grad: Operand | None = None, create_graph: bool = False) -> None: ...
        def __add__(self, other: Operand) -> Tensor: ...
        def __radd__(self, other: Operand) -> Tensor: ...
        def __sub__(self, other: Operand) -> Tensor: ...
        def __rsub__(self, other: Operand) -> Tensor: ...
        def __mul__(self, other: Operand) -> Tensor: ...
        def __rmul__(self, other: Operand) -> Tensor: ...
        def __truediv__(self, other: Operand) -> Tensor: ...
        def __rtruediv__(self, other: Operand) -> Tensor: ...
        def __matmul__(self, other: Operand) -> Tensor: ...
        def __rmatmul__(self, other: Operand) -> Tensor: ...
        def __pow__(self, exponent: float) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def exp(self) -> Tensor: ...
        def log(self) -> Tensor: ...
        def sqrt(self) -> Tensor: ...
        def sum(self, axis: Axes = None, keepdims: bool = False) -> Tensor: ...
        def mean(self, axis: Axes = None, keepdims: bool = False) -> Tensor: ...
        def var(self, axis: Axes = None, ddof: int = 0, keepdims: bool = False) -> Tensor: ...
        def max(self, axis: Axes = None, keepdims: bool = False) -> Tensor: ...
        def reshape(self, *shape: int | tuple[int, ...]) -> Tensor: ...
        def transpose(self, axes: tuple[int, ...] | None = None) -> Tensor: ...
        @property
        def T(self) -> Tensor: ...


def as_tensor(value: Operand) -> Tensor:
    """Return `value` if it is a tensor, else a tensor of it."""
    return value if isinstance(value, Tensor) else Tensor(value)


def _lift(op: Op, inputs: tuple[Operand, ...]) -> tuple[Tensor, ...]:
    kind = like = None
    plain = False
    for value in inputs:
        if not isinstance(value, Tensor):
            plain = True
        elif kind is None:
            like = value.data
            kind = like.dtype
        elif value.data.dtype is not kind and value.data.dtype != kind:
            raise InputError(
                f"{op.name} got a {kind} and a {value.data.dtype} tensor: bring both to one dtype first, so "
                "that nothing is widened or rounded unseen"
            )
    if not plain:
        return inputs  # type: ignore[return-value]
    if kind is None:
        return _lift(op, (Tensor(inputs[0]), *inputs[1:]))  # type: ignore[arg-type]
    return tuple(v if isinstance(v, Tensor) else Tensor(constant(v, like)) for v in inputs)


def apply(op: Op, *inputs: Operand, **static: Any) -> Tensor:
    """Compute `op` on `inputs` and, where a gradient is wanted, record it.

    Parameters
    ----------
    inputs : tensors of one dtype; numbers and arrays beside them are cast to it, so float32 stays float32.
    static : options handed to `op.forward` and `op.vjp`; not differentiated. Arrays in them are not copied.

    Raises
    ------
    InputError : tensors of different dtypes. ShapeError : shapes that `op` cannot combine.
    """
    tensors = _lift(op, inputs)
    try:
        data = op.forward(*[tensor.data for tensor in tensors], **static)
    except GseError:
        raise
    except ValueError as error:
        shapes = " and ".join(str(tensor.data.shape) for tensor in tensors)
        raise ShapeError(f"{op.name} cannot take shapes {shapes}: {error}") from error
    except TypeError as error:
        homes = {namespace(tensor.data).__name__ for tensor in tensors}
        if len(homes) > 1:
            raise InputError(
                f"{op.name} got arrays of {' and '.join(sorted(homes))}: bring them to one library first, with "
                "to_device or to_host of gse_ref.backends.arrays; nothing is copied unasked"
            ) from error
        raise
    out = Tensor.__new__(Tensor)
    out.data = data if type(data) is np.ndarray or is_elsewhere(data) else np.asarray(data)
    out.grad = None
    if _enabled.get():
        needs = tuple([tensor.requires_grad for tensor in tensors])
        if True in needs:
            out.requires_grad = True
            out.op = op
            out.inputs = tensors
            out.needs = needs
            out.static = static
            return out
    out.requires_grad = False
    out.op = None
    out.inputs = ()
    out.needs = ()
    out.static = {}
    return out
