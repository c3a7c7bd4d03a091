"""What each operation is handed and gives, by name: for files, whose readers know no Python."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..adapter import OPERATIONS, Adapter
from ..judge import Disagreement

Array = np.ndarray

#: Operations that give one array, and its name.
_ONE = {
    "forward": "y",
    "transposed": "dx",
    "gradient_on_pattern": "gradient",
    "gradient_on_pairs": "gradient",
    "conv_forward": "y",
    "conv_transposed": "dx",
    "conv_gradient_on_pattern": "gradient",
    "conv_gradient_on_pairs": "gradient",
    "draw": "slots",
    "top_k": "positions",
}
#: Operations that give two.
_TWO = {
    "distributions": ("f", "g"),
    "conv_distributions": ("f", "g"),
    "candidates": ("rows", "cols"),
    "inactive": ("rows", "cols"),
}
#: Operations that give a number of Python's, and its name.
_NUMBER = {"prune_fraction": "fraction", "update_due": "due", "prune_count": "count"}
#: Floats of these results may be of the dtype of the inputs or float64.
OF_ANY_FLOAT = frozenset({"f", "g", "fraction", "losses"})


def arguments_of(operation: str) -> tuple[str, ...]:
    """Return the names of the arguments of an operation, in order."""
    return tuple(inspect.signature(getattr(Adapter, operation)).parameters)[1:]


def _parts(value: Any, what: str, length: int | None = None) -> list[Any]:
    if isinstance(value, np.ndarray) and value.ndim == 1 and length is None:
        return list(value)
    if not isinstance(value, (tuple, list)) or (length is not None and len(value) != length):
        wanted = "a tuple or list" if length is None else f"{length} parts"
        raise Disagreement(f"{what} gave back a {type(value).__name__}, not {wanted}", value, kind="malformed")
    return list(value)


def _field(value: Any, name: str, what: str) -> Any:
    if not hasattr(value, name):
        raise Disagreement(f"{what} has no {name!r}: it is a {type(value).__name__}", value, kind="malformed")
    return getattr(value, name)


def _number(value: Any, what: str) -> Array:
    if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        raise Disagreement(f"{what} gave back a {type(value).__name__}, not a number", value, kind="malformed")
    return np.array(int(value) if isinstance(value, (bool, np.bool_)) else value)


def _layer(value: Any, prefix: str = "") -> dict[str, Any]:
    what = f"layer {prefix.rstrip('.')}" if prefix else "the layer"
    weights = _field(value, "weights", what)
    found = {f"{prefix}{name}": _field(weights, name, what) for name in ("indptr", "indices", "values")}
    found[f"{prefix}momentum"] = _field(value, "momentum", what)
    if getattr(value, "candidates", None) is not None:
        found[f"{prefix}candidates"] = value.candidates
    return found


def _state(state: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, layer in enumerate(_parts(_field(state, "layers", "the state"), "the layers of the state")):
        found |= _layer(layer, f"{number}.")
        for name in ("bias", "bias_momentum"):
            if getattr(layer, name, None) is not None:
                found[f"{number}.{name}"] = getattr(layer, name)
    norm = getattr(state, "normalisation", None)
    if norm is not None:
        found |= {f"normalisation.{name}": part for name, part in norm._asdict().items()}
    return found


def _trace(trace: Any) -> dict[str, Any]:
    found = {"losses": _field(trace, "losses", "the trace")}
    for update in _parts(_field(trace, "updates", "the trace"), "the updates of the trace"):
        step = _field(update, "step", "an update")
        for number, pattern in enumerate(_parts(_field(update, "patterns", "an update"), "the patterns")):
            for name in ("indptr", "indices"):
                found[f"update-{step}.{number}.{name}"] = _field(pattern, name, "a pattern")
    return found | _state(_field(trace, "state", "the trace"))


def named(operation: str, result: Any) -> dict[str, Any]:
    """Return the arrays of a result by name, those of a layer as ``"0.grow"``.

    Raises
    ------
    Disagreement : the result is not of the form that the adapter protocol asks for.
    """
    if operation in _ONE:
        return {_ONE[operation]: result}
    if operation in _TWO:
        return dict(zip(_TWO[operation], _parts(result, operation, 2), strict=True))
    if operation in _NUMBER:
        return {_NUMBER[operation]: _number(result, operation)}
    if operation == "budget":
        return {"counts": np.array([_number(one, operation) for one in _parts(result, operation)])}
    if operation == "select":
        layers, names = enumerate(_parts(result, operation)), ("grow", "prune")
        return {f"{n}.{name}": _field(layer, name, f"layer {n}") for n, layer in layers for name in names}
    if operation == "edit":
        return _layer(result)
    if operation == "update":
        layers = enumerate(_parts(result, operation))
        return {name: value for n, layer in layers for name, value in _layer(layer, f"{n}.").items()}
    return _trace(result)


#: Operations that a vector can be of: not those that draw by themselves or give nothing.
COVERED = tuple(name for name in OPERATIONS if name not in ("sample", "set_threads"))
