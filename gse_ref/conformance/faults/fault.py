"""What a fault is."""

from __future__ import annotations

from dataclasses import dataclass

from ..adapter import Adapter


@dataclass(frozen=True)
class Fault:
    """A broken implementation.

    Attributes
    ----------
    name : unique, lower case with hyphens.
    what : one line, what is wrong with it, and where it was found if it was.
    caught_by : name of the check meant for it: that check, alone, must fail it.
    make : makes the adapter; it is right in everything else.
    """

    name: str
    what: str
    caught_by: str
    make: type[Adapter]
