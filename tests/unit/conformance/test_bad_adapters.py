"""Whatever an adapter does in the process of the kit, it gets a verdict; the kit never breaks."""

from __future__ import annotations

import time

import numpy as np
import pytest

from gse_ref.conformance import Adapter, Edited, Weights, run
from gse_ref.conformance.check import Check
from gse_ref.conformance.result import Result
from gse_ref.conformance.runner import run_check
from gse_ref.conformance.subject import Subject
from gse_ref.errors import InputError
from tests.unit.conformance import bad


def verdict(adapter: object, limit: float = 20) -> Result:
    [result] = run(adapter, only=["forward"], effort=0.2, limit=limit)
    return result


@pytest.mark.parametrize(
    ("adapter", "kind", "words"),
    [
        (bad.spoilt(lambda y: y[:, :0]), "malformed", "has shape"),
        (bad.spoilt(lambda y: y.ravel()), "malformed", "has shape"),
        (bad.spoilt(lambda y: np.broadcast_to(y[:1, :1], (10**7, 10**7))), "malformed", "has shape"),
        (bad.BatchFirstHuge, "malformed", "cannot be judged"),
        (bad.spoilt(lambda y: y.astype(np.complex64)), "malformed", "complex64"),
        (bad.spoilt(lambda y: y.astype(np.float16)), "malformed", "float16"),
        (bad.spoilt(lambda y: y.astype(object)), "malformed", "object"),
        (bad.spoilt(lambda y: y.view(np.int32)), "malformed", "int32"),
        (bad.spoilt(lambda y: None), "malformed", "NoneType, not a NumPy array"),
        (bad.spoilt(np.ndarray.tolist), "malformed", "list, not a NumPy array"),
        (bad.spoilt(lambda y: [0.0] * 10**5), "malformed", "list, not a NumPy array"),
        (bad.spoilt(lambda y: (row for row in y)), "malformed", "generator, not a NumPy array"),
        (bad.spoilt(lambda y: np.ma.masked_array(y, True)), "malformed", "MaskedArray"),
        (bad.spoilt(lambda y: bad.Reprless()), "malformed", "Reprless"),
        (bad.spoilt(bad.endless), "malformed", "RecursionError"),
        (bad.spoilt(lambda y: y + 1), "wrong", "exceeds the bound"),
        (bad.raising(ValueError("too wide")), "raised", "forward raised ValueError: too wide"),
        (bad.raising(bad.Unspeakable()), "malformed", "no words"),
        (bad.raising(SystemExit(0)), "raised", "SystemExit"),
        (bad.raising(GeneratorExit()), "raised", "GeneratorExit"),
        (bad.raising(MemoryError()), "raised", "MemoryError"),
        (bad.raising(TimeoutError("the device is busy")), "raised", "the device is busy"),
        (bad.Property, "raised", "no device"),
        (bad.doing(bad.overwrite), "modified", "changed an argument"),
        (bad.FirstPart, "modified", "memory that it was handed"),
        (bad.doing(lambda *arguments: time.sleep(60)), "hung", "no answer within 0.2 s"),
        (bad.Unstable, "flaky", "not deterministic"),
    ],
)
def test_what_is_bad_fails(adapter: type[Adapter], kind: str, words: str) -> None:
    result = verdict(adapter, limit=0.2 if kind == "hung" else 20)
    assert (result.status, result.failure.kind) == ("failed", kind), result.text()
    assert words in result.failure.what
    assert len(result.text()) < 40_000
    assert "adapter.forward(Weights(" in result.failure.code


@pytest.mark.parametrize(
    "adapter",
    [
        bad.Right,
        bad.Right(),
        bad.factory,
        bad.spoilt(bad.silent),
        bad.spoilt(np.asfortranarray),
        bad.spoilt(lambda y: np.repeat(y, 2, axis=1)[:, ::2]),
        bad.doing(lambda *arguments: print("called")),
        bad.doing(lambda *arguments: np.seterr(all="ignore")),
    ],
)
def test_what_is_only_strange_passes(adapter: object) -> None:
    assert verdict(adapter).status == "passed"


@pytest.mark.parametrize(
    ("adapter", "why"),
    [
        (bad.Nothing, "the adapter has no forward"),
        (bad.Absent, "the adapter has no forward"),
        (bad.doing(bad.not_covered), "no such device"),
    ],
)
def test_what_is_missing_is_not_covered(adapter: type[Adapter], why: str) -> None:
    result = verdict(adapter)
    assert (result.status, result.why) == ("not covered", why)


def stating(**statements: object) -> type[Adapter]:
    return type("Stating", (bad.Right,), statements)


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        (stating(layout="sideways"), "unknown layout 'sideways'"),
        (stating(dtypes=()), "must state its dtypes"),
        (stating(dtypes=None), "cannot be read: TypeError"),
        (stating(dtypes="float16"), "unknown dtypes 'float16'"),
        (stating(index_dtype=np.int8), "unknown index_dtype|cannot be read"),
        (stating(deterministic=np.zeros(2)), "cannot be read: ValueError"),
        (stating(name=property(lambda self: 1 / 0)), "cannot be read: ZeroDivisionError"),
        (bad.Leaving, r"making Leaving\(\) fails: SystemExit: 3"),
        (bad.with_argument, "missing 1 required positional argument.*made without arguments"),
        (bad.number, "number makes int, which has none of the operations"),
        (1, "int is int, neither an adapter"),
    ],
)
def test_nonsense_is_refused(adapter: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(adapter, only=["forward"])


def _reads_deep(subject: Subject, case: None) -> None:
    values = np.zeros(1, np.float32)
    weights = Weights(np.array([0, 1]), np.array([0]), values, (1, 1))
    edited = subject.call("edit", weights, values, np.empty(0, int), np.empty(0, int), np.empty(0, int))
    np.repeat(np.arange(1), np.diff(edited.weights.indptr))


NEGATIVE = Edited(Weights(np.array([0, -1]), np.empty(0, int), np.empty(0), (1, 1)), np.empty(0))


@pytest.mark.parametrize("returned", [None, 1, (), {}, "text", Edited(None, None), NEGATIVE])
def test_what_a_check_cannot_read_is_malformed(returned: object) -> None:
    class Edits(Adapter):
        def edit(self, weights, momentum, pruned, rows, cols):
            return returned

    corners = {"corners": lambda states: [None]}
    check = Check("deep", "selection", "reads deep", "section 5", ("edit",), _reads_deep, **corners)
    result = run_check(check, Subject(Edits()))
    assert result.failure.kind == "malformed"
    assert "what edit returned cannot be judged" in result.failure.what
