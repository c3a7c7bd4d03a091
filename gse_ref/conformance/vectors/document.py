"""Between Python values and the JSON of a file of vectors.

An array is ``{"dtype", "shape", "data"}``, data flat in C order; a named tuple an object of its fields and its
name, ``{"type": "Weights", ...}``. A float is the shortest decimal that reads back as the same float64; what JSON
has no number for is one of the strings "nan", "inf" and "-inf".
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from ...backends import Geometry
from ...errors import DataError
from .. import problems

_NAMES = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TUPLES = {
    kind.__name__: kind
    for kind in (
        Geometry,
        *(kind for kind in vars(problems).values() if isinstance(kind, type) and hasattr(kind, "_fields")),
    )
}


def _number(value: float | int | bool) -> float | int | bool | str:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def encoded(value: Any) -> Any:
    """Return what the JSON says of a value: of arrays, numbers, strings, None, and tuples and lists of them."""
    if isinstance(value, np.ndarray):
        data = [_number(one) for one in value.reshape(-1).tolist()]
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {"type": type(value).__name__, **{k: encoded(v) for k, v in value._asdict().items()}}
    if isinstance(value, (tuple, list)):
        return [encoded(part) for part in value]
    return _number(value)


def array(found: dict[str, Any]) -> np.ndarray:
    """Return the array that an object of the JSON describes."""
    data = [_NAMES[one] if isinstance(one, str) else one for one in found["data"]]
    return np.array(data, found["dtype"]).reshape(found["shape"])


def decoded(found: Any) -> Any:
    """Return the value that the JSON describes; lists become tuples.

    Raises
    ------
    DataError : an object of a type that there is not.
    """
    if isinstance(found, list):
        return tuple(map(decoded, found))
    if not isinstance(found, dict):
        return found
    if "data" in found:
        return array(found)
    kind = _TUPLES.get(found.get("type", ""))
    if kind is None:
        raise DataError(f"a vector has an object of type {found.get('type')!r}: one of {', '.join(_TUPLES)}")
    return kind(**{name: decoded(part) for name, part in found.items() if name != "type"})


def text(value: Any, depth: int = 0) -> str:
    """Return JSON text for people: what holds no object stands on one line, an array always does."""
    flat = not isinstance(value, dict) or "data" in value
    nested = isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value)
    if (flat and not nested) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    space = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        named = (f"{json.dumps(name)}: {text(part, depth + 1)}" for name, part in value.items())
        return "{" + space + f",{space}".join(named) + "\n" + " " * depth + "}"
    return "[" + space + f",{space}".join(text(part, depth + 1) for part in value) + "\n" + " " * depth + "]"
