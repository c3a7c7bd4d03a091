"""What results say together."""

from __future__ import annotations

import json

from gse_ref.conformance.result import Failure, Result
from gse_ref.conformance.summary import Summary


def result(name: str, status: str, seed: int = 0, level: str = "kernels") -> Result:
    failure = Failure("wrong", "what", "1", "2", code="code") if status == "failed" else None
    return Result(name, level, "summary", "section 2", status, failure=failure, seed=seed)


def test_a_check_is_shown_by_its_first_failure() -> None:
    every = [result("a", "passed"), result("b", "failed"), result("a", "failed", 1), result("b", "failed", 1)]
    summary = Summary.of([*every, result("c", "not covered", 1, "update")])
    assert [(one.name, one.seed) for one in summary.results] == [("a", 1), ("b", 0), ("c", 1)]
    assert summary.failed_seeds == {"a": [1], "b": [0, 1]}
    assert not summary.good
    assert summary.verdict == "2 of 2 checks failed with 2 seeds, 1 not covered."
    assert summary.levels() == {
        "kernels": {"passed": 0, "failed": 2, "not covered": 0},
        "update": {"passed": 0, "failed": 0, "not covered": 1},
    }
    told = json.loads(json.dumps(summary.to_json()))
    assert [row["failed_seeds"] for row in told["results"]] == [[1], [0, 1], []]
    assert told["seeds_failed"] == 2


def test_what_passes_is_good_and_nothing_judged_is_not() -> None:
    assert Summary.of([result("a", "passed"), result("b", "not covered")]).good
    nothing = Summary.of([result("a", "not covered")])
    assert not nothing.good
    assert nothing.verdict == "Nothing was judged: all 1 checks are not covered."


def test_a_result_survives_json() -> None:
    for one in (result("a", "failed", 3), result("b", "passed")):
        assert Result.from_json(json.loads(json.dumps(one.to_json()))) == one
