"""Where the algorithm demands an error: raising one is right, whatever it is; to return something is not."""

from __future__ import annotations

from typing import Any

from ..judge import Disagreement, wrong
from ..subject import Subject


def refused(subject: Subject, why: str, operation: str, *arguments: Any) -> None:
    """Demand that an operation raises an exception of any class.

    Parameters
    ----------
    why : what is wrong with the arguments, to follow "although".

    Raises
    ------
    Disagreement : it returned something, or hung.
    NotCovered : it says that it does not handle this input.
    """
    try:
        result = subject.call(operation, *arguments)
    except Disagreement as found:
        if found.kind == "raised":
            return
        raise
    wrong(f"{operation} returned a result although {why}: it must raise an error", result)
