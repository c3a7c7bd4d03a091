"""The family of errors: exit codes, what else they are, and names that were nearly right."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from gse_ref import errors


@pytest.mark.parametrize(
    ("kind", "code", "also"),
    [
        (errors.GseError, 2, Exception),
        (errors.InputError, 2, ValueError),
        (errors.ShapeError, 2, ValueError),
        (errors.DataError, 2, ValueError),
        (errors.CheckpointError, 2, ValueError),
        (errors.DivergenceError, 1, Exception),
        (errors.MismatchError, 1, Exception),
        (errors.UnfinishedError, 1, Exception),
        (partial(errors.AllocationLimitError, size=8), 1, MemoryError),
        (errors.NotLinearError, 1, Exception),
        (errors.ConformanceError, 1, Exception),
        (errors.MissingDependencyError, 3, ImportError),
    ],
)
def test_exit_codes_and_bases(kind: Callable[[str], errors.GseError], code: int, also: type[Exception]) -> None:
    error = kind("why")
    assert isinstance(error, errors.GseError)
    assert isinstance(error, also)
    assert error.exit_code == code
    assert str(error) == "why"


def test_every_error_is_in_the_table_above() -> None:
    kinds = {v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.GseError)}
    assert len(kinds) == 12


def test_a_name_that_was_nearly_right() -> None:
    error = errors.unknown("method", "gse-unifrom", ["static", "gse-uniform", "set"])
    assert isinstance(error, errors.InputError)
    wanted = "unknown method 'gse-unifrom': did you mean 'gse-uniform'? available: gse-uniform, set, static"
    assert str(error) == wanted


def test_the_nearest_name_comes_first() -> None:
    assert "did you mean 'abcd' or 'abce'? " in str(errors.unknown("x", "abcd1", ["abce", "abcd"]))


def test_a_name_like_no_other() -> None:
    assert str(errors.unknown("method", "???", iter(["b", "a"]))) == "unknown method '???': available: a, b"


def test_a_name_that_is_no_text() -> None:
    assert str(errors.unknown("backend", 3, ["cpu"])) == "unknown backend 3: available: cpu"  # type: ignore[arg-type]
