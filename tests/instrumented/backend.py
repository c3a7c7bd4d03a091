"""The literal loops as a backend: results to judge by the contract, and a meter to read afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from gse_ref.backends import Backend
from tests.instrumented import conv, exploration, images, linear
from tests.instrumented.meter import Meter

LOOPS: dict[str, Callable[..., Any]] = {**linear.LOOPS, **exploration.LOOPS, **conv.LOOPS, **images.LOOPS}


def instrumented(meter: Meter, **replaced: Callable[..., Any]) -> Backend:
    """Return the backend of literal loops whose every load, store and operation `meter` counts.

    `replaced` are other loops for functions by name: planted faults.
    """

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: function(meter, *args, **kwargs)

    loops = {**LOOPS, **replaced}
    return Backend(
        name="instrumented", **{f.name: bound(loops[f.name]) for f in fields(Backend) if f.name != "name"}
    )
