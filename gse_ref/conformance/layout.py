"""Between the layout of the kit, batch last, and that of an adapter."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Arguments of an operation that have a batch axis, by position; of its result: True, or positions in a tuple.
_BATCHED: dict[str, tuple[int, ...]] = {
    "forward": (1,),
    "transposed": (1,),
    "gradient_on_pattern": (1, 2),
    "gradient_on_pairs": (2, 3),
    "conv_forward": (1,),
    "conv_transposed": (1,),
    "conv_gradient_on_pattern": (1, 2),
    "conv_gradient_on_pairs": (2, 3),
    "distributions": (1, 2),
    "conv_distributions": (1, 2, 3),
}
_BATCHED_RESULTS = frozenset({"forward", "transposed", "conv_forward", "conv_transposed"})
#: Named tuples whose fields have a batch axis: field names by class name.
BATCHED_FIELDS: dict[str, tuple[str, ...]] = {"ExploredLayer": ("x", "delta")}


def batch_first(array: np.ndarray) -> np.ndarray:
    """Return a copy with the last axis first: (features…, batch) → (batch, features…)."""
    return np.array(np.moveaxis(array, -1, 0), order="C")


def batch_last(array: np.ndarray) -> np.ndarray:
    """Return a copy with the first axis last."""
    return np.array(np.moveaxis(array, 0, -1), order="C")


def _handed(value: Any, batched: bool, first: bool, index_dtype: np.dtype) -> Any:
    if isinstance(value, np.ndarray):
        if batched and first and value.ndim > 1:
            return batch_first(value)
        dtype = index_dtype if value.dtype.kind in "iu" else value.dtype
        return np.array(value, dtype, order="C")
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = BATCHED_FIELDS.get(type(value).__name__, ())
        parts = (
            _handed(part, name in fields, first, index_dtype)
            for name, part in zip(value._fields, value, strict=True)
        )
        return type(value)(*parts)
    if isinstance(value, (tuple, list)):
        return type(value)(_handed(part, batched, first, index_dtype) for part in value)
    return value


def to_adapter(operation: str, arguments: tuple[Any, ...], layout: str, index_dtype: np.dtype) -> tuple[Any, ...]:
    """Return copies of the arguments in the layout and index width of an adapter."""
    batched, first = _BATCHED.get(operation, ()), layout == "batch_first"
    return tuple(_handed(value, at in batched, first, index_dtype) for at, value in enumerate(arguments))


def to_kit(operation: str, result: Any, layout: str) -> Any:
    """Return an adapter's result with the batch last; what is no array is left for the judge."""
    turned = operation in _BATCHED_RESULTS and layout == "batch_first"
    return batch_last(result) if turned and isinstance(result, np.ndarray) and result.ndim > 1 else result
