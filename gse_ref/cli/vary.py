"""Words of the command line that say which values a setting takes: ``every=50,100``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError, unknown
from ..training import TrainConfig

#: Fields with options of their own.
OWN_OPTION = {"method": "--methods", "density": "--densities", "seed": "--seeds"}
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(TrainConfig)}


def _literal(word: str) -> Any:
    """Return a number, true, false or null as JSON writes them, else the word itself."""
    try:
        return json.loads(word)
    except ValueError:
        return word


def _value(field: str, word: str) -> Any:
    """Return one value; lists, such as widths, are written with colons: 512:512."""
    if isinstance(_DEFAULTS[field], str):
        return word
    if isinstance(_DEFAULTS[field], tuple):
        return tuple(_literal(part) for part in word.split(":") if part)
    return _literal(word)


def varied(words: Sequence[str]) -> Mapping[str, list[Any]]:
    """Return the values that each setting takes; `TrainConfig` judges them.

    Parameters
    ----------
    words : ``name=value,value,…`` each; names as options or as fields; null for a default that depends on others.

    Raises
    ------
    InputError : a word without ``=``, a setting that is not known, has an option of its own, or comes twice.
    """
    axes: dict[str, list[Any]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        field = name.lstrip("-").replace("-", "_")
        if not equals or not values:
            raise InputError(f"--vary takes words such as every=50,100; got {word!r}")
        if field in OWN_OPTION:
            raise InputError(f"{field} is varied by {OWN_OPTION[field]}, not by --vary")
        if field not in _DEFAULTS:
            raise unknown("setting", field, _DEFAULTS)
        if field in axes:
            raise InputError(f"--vary {field} comes twice: give all its values in one word, {field}=VALUE,VALUE")
        axes[field] = [_value(field, value) for value in values.split(",")]
    return axes
