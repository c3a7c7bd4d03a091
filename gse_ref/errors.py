"""Exception classes: each says which input was wrong, what was wanted and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GseError(Exception):
    """Base of every error this package raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 2


class InputError(GseError, ValueError):
    """A value, shape, dtype or combination that cannot be used."""


class ShapeError(InputError):
    """Arrays whose shapes do not fit together."""


class DataError(InputError):
    """A data file that is missing, truncated, or not in the format it claims."""


class CheckpointError(InputError):
    """A run folder or checkpoint that is corrupt, foreign, or of another configuration."""


class DivergenceError(GseError):
    """Training produced a number that is not finite; `step` is the SGD step, where it is known."""

    exit_code = 1

    def __init__(self, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.step = step


class MismatchError(GseError):
    """Two backends that must agree do not."""

    exit_code = 1


class UnfinishedError(GseError):
    """Some runs of a comparison diverged or failed; the others were carried through and are reported."""

    exit_code = 1


class AllocationLimitError(GseError, MemoryError):
    """A single block of memory beyond the limit of an allocation guard; `size` is its bytes, where known."""

    exit_code = 1

    def __init__(self, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.size = size


class NotLinearError(GseError):
    """A program that should cost O(n + nnz) does not."""

    exit_code = 1


class ConformanceError(GseError):
    """An implementation fails a check of the conformance kit, or the kit does not find a fault that it should."""

    exit_code = 1


class MissingDependencyError(GseError, ImportError):
    """An optional dependency that the request needs is not installed."""

    exit_code = 3


def unknown(kind: str, name: object, options: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a table, with the nearest names first.

    Parameters
    ----------
    kind : what the name stands for, e.g. ``"method"``.
    name : what came.
    options : the names that exist.
    """
    known = sorted(options)
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    return InputError(f"unknown {kind} {name!r}: {hint}available: {', '.join(known)}")
