"""Run checks on an adapter, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from .adapter import NotCovered
from .catalogue import chosen
from .check import LEVELS, Check
from .code import Call
from .judge import Disagreement
from .result import FAILED, NOT_COVERED, PASSED, Failure, Result
from .subject import LIMIT, Subject

#: Seconds after which a failing example of a check is not made smaller any more.
SHRINKING = 20.0


class _Trial:
    """One check on one subject: counts cases, remembers the smallest failure, ends shrinking in time."""

    def __init__(self, check: Check, subject: Subject) -> None:
        self.check, self.subject = check, subject
        self.cases, self.skipped, self.reasons = 0, 0, dict[str, None]()
        self.found: Disagreement | None = None
        self.calls: list[Call] = []
        self.failed_at: float | None = None
        self.worst = ""

    def one(self, case: Any) -> None:
        """Judge one case; raise if it fails."""
        late = self.failed_at is not None and time.monotonic() - self.failed_at > SHRINKING
        if late and repr(case) != self.worst:
            return
        self.subject.begin()
        try:
            self.check.body(self.subject, case)
        except NotCovered as why:
            self.skipped += 1
            self.reasons[str(why)] = None
            return
        except Disagreement as found:
            self.found, self.calls, self.worst = found, list(self.subject.calls), repr(case)
            self.failed_at = time.monotonic() if self.failed_at is None else self.failed_at
            raise
        self.cases += 1


def _drawn(trial: _Trial, effort: float) -> None:
    """Judge drawn cases; the smallest failing one comes last."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    cases = trial.check.cases
    if cases is None:
        return
    examples = max(1, round(trial.check.examples * effort))
    ways = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=False,
    )
    seed(trial.subject.seed)(ways(given(case=cases(trial.subject.states))(lambda case: trial.one(case))))()


def _judge(trial: _Trial, effort: float) -> Disagreement | None:
    from hypothesis.errors import Flaky

    try:
        for case in trial.check.corners(trial.subject.states):
            trial.one(case)
        _drawn(trial, effort)
    except Disagreement as found:
        return found
    except Flaky:
        what = "failed, and did not fail again on the same input: not deterministic"
        return Disagreement(what if trial.found is None else f"{what}; {trial.found.what}", kind="flaky")
    return None


def run_check(check: Check, subject: Subject, how: str = "adapter = ...", effort: float = 1.0) -> Result:
    """Run one check.

    Parameters
    ----------
    check, subject : what is demanded, and of whom.
    how : code that makes the adapter, for the example.
    effort : factor of the number of cases.
    """
    missing = [name for name in check.needs if name not in subject.operations]
    why = f"the adapter has no {', '.join(missing)}" if missing else check.applies(subject.states)
    if why is not None:
        return Result.of(check, NOT_COVERED, why=why)
    start, trial = time.perf_counter(), _Trial(check, subject)
    found = _judge(trial, effort)
    seconds, counted = time.perf_counter() - start, {"cases": trial.cases, "skipped": trial.skipped}
    if found is not None:
        failure = Failure.of(found, how, trial.calls)
        return Result.of(check, FAILED, seconds=seconds, failure=failure, **counted)
    said = "; ".join(filter(None, trial.reasons)) or "the adapter says so"
    if not trial.cases:
        return Result.of(check, NOT_COVERED, seconds=seconds, why=said, **counted)
    why = f"{trial.skipped} inputs not covered: {said}" if trial.skipped else None
    return Result.of(check, PASSED, seconds=seconds, why=why, **counted)


def run(
    adapter: Any,
    levels: Sequence[str] = LEVELS,
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    effort: float = 1.0,
    limit: float = LIMIT,
    how: str = "",
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Check an adapter in this process; see `isolated` for one that may hang or crash.

    Parameters
    ----------
    adapter : an object, or a class to be called without arguments.
    levels : which levels. only : names of checks, all if empty.
    seed : of everything drawn. effort : factor of the number of cases. limit : seconds a call may take.
    how : code that makes the adapter, for the examples.
    tell : is told every result at once.

    Raises
    ------
    InputError : an unknown level or check, or an adapter that states nonsense.
    MissingDependencyError : Hypothesis is not installed.
    """
    checks = chosen(levels, only)
    name = adapter.__qualname__ if isinstance(adapter, type) else type(adapter).__qualname__
    module = getattr(adapter, "__module__", type(adapter).__module__)
    how = how or f"from {module} import {name}\nadapter = {name}()"
    subject = Subject(adapter() if isinstance(adapter, type) else adapter, seed, limit)
    results = []
    for check in checks:
        results.append(run_check(check, subject, how, effort))
        tell(results[-1])
    return results
