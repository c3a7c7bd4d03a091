"""Run checks on an adapter, in this process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from .adapter import NotCovered
from .catalogue import chosen
from .check import LEVELS, Check
from .code import Call
from .judge import Disagreement
from .loading import load
from .result import FAILED, NOT_COVERED, PASSED, UNSHRUNK, Failure, Result
from .subject import LIMIT, Subject

#: Seconds after a failure in which a smaller example is looked for.
SHRINKING = 20.0


class _Ended(BaseException):
    """The failure that was found is the one to report: not to be made smaller. Hypothesis lets it pass."""


class _Trial:
    """One check on one subject: counts cases, remembers the smallest failure, ends shrinking in time."""

    def __init__(self, check: Check, subject: Subject, effort: float) -> None:
        self.check, self.subject, self.effort = check, subject, effort
        self.cases, self.skipped, self.reasons = 0, 0, dict[str, None]()
        self.found: Disagreement | None = None
        self.calls: list[Call] = []
        self.failed_at: float | None = None

    def one(self, case: Any) -> None:
        """Judge one case; raise if it fails."""
        if self.failed_at is not None and time.monotonic() - self.failed_at > SHRINKING:
            raise _Ended
        self.subject.begin()
        try:
            self._judged(case)
        except NotCovered as why:
            self.skipped += 1
            self.reasons[str(why)] = None
            return
        except Disagreement as found:
            self.found, self.calls = found, list(self.subject.calls)
            self.failed_at = time.monotonic() if self.failed_at is None else self.failed_at
            if found.kind == "hung":  # every smaller example would hang as long
                raise _Ended from None
            raise
        self.cases += 1

    def _judged(self, case: Any) -> None:
        """Run the body of the check; what it cannot read is the adapter's result."""
        from hypothesis.errors import HypothesisException

        try:
            self.check.body(self.subject, case)
        except (NotCovered, Disagreement, HypothesisException):
            raise
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-2:]).rstrip()
            last = self.subject.calls[-1].operation if self.subject.calls else "the adapter"
            said = f"what {last} returned cannot be judged: {type(error).__name__}: {error}\n{where}"
            raise Disagreement(said, kind="malformed") from error


def _drawn(trial: _Trial) -> None:
    """Judge drawn cases; the smallest failing one comes last."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    cases = trial.check.cases
    if cases is None:
        return
    examples = max(1, round(trial.check.examples * trial.effort))
    ways = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),  # of the strategies, not of the adapter: the project's own tests
        print_blob=False,
    )
    seed(trial.subject.seed)(ways(given(case=cases(trial.subject.states))(lambda case: trial.one(case))))()


def _flaky(trial: _Trial) -> Disagreement:
    what = "failed, and did not fail again on the same input: not deterministic"
    return Disagreement(what if trial.found is None else f"{what}; {trial.found.what}", kind="flaky")


def _corner(trial: _Trial, case: Any) -> None:
    """Judge a case that is not drawn; where it fails, twice."""
    try:
        trial.one(case)
        return
    except Disagreement as found:
        first = found
    try:
        trial.one(case)
    except (Disagreement, _Ended):
        raise first from None
    raise _flaky(trial)


def _corners(trial: _Trial) -> None:
    for case in trial.check.corners(trial.subject.states):
        _corner(trial, case)


def _found(trial: _Trial, judge: Callable[[_Trial], None]) -> Disagreement | None:
    from hypothesis.errors import Flaky

    try:
        judge(trial)
    except Disagreement as found:
        return found
    except _Ended:
        return trial.found
    except Flaky:
        return _flaky(trial)
    return None


def _example(trial: _Trial) -> str:
    return "\n".join(call.text() for call in trial.calls)


def _smaller(trial: _Trial, found: Disagreement) -> Disagreement:
    """Return a failure of the same kind on a drawn case, if one has a smaller example than this corner."""
    if found.kind in UNSHRUNK:
        return found
    drawn = _Trial(trial.check, trial.subject, trial.effort)
    drawn.failed_at = time.monotonic()
    other = _found(drawn, _drawn)
    if other is None or other.kind != found.kind or len(_example(drawn)) >= len(_example(trial)):
        return found
    trial.calls = drawn.calls
    return other


def _judge(trial: _Trial, corners: bool, smallest: bool) -> Disagreement | None:
    if corners or trial.check.seeded:
        found = _found(trial, _corners)
        if found is not None:
            return _smaller(trial, found) if smallest else found
    return _found(trial, _drawn)


def run_check(
    check: Check,
    subject: Subject,
    how: str = "adapter = ...",
    effort: float = 1.0,
    *,
    corners: bool = True,
    smallest: bool = True,
) -> Result:
    """Run one check.

    Parameters
    ----------
    check, subject : what is demanded, and of whom.
    how : code that makes the adapter, for the example.
    effort : factor of the number of cases.
    corners : whether the cases are judged that are the same with every seed.
    smallest : whether to look for a smaller example where one of these fails.
    """
    missing = [name for name in check.needs if name not in subject.operations]
    why = f"the adapter has no {', '.join(missing)}" if missing else check.applies(subject.states)
    if why is not None:
        return Result.of(check, NOT_COVERED, why=why, seed=subject.seed)
    start, trial = time.perf_counter(), _Trial(check, subject, effort)
    found = _judge(trial, corners, smallest)
    counted: dict[str, Any] = {"cases": trial.cases, "skipped": trial.skipped, "seed": subject.seed}
    counted["seconds"] = time.perf_counter() - start
    if found is not None:
        return Result.of(check, FAILED, failure=Failure.of(found, how, trial.calls), **counted)
    said = "; ".join(filter(None, trial.reasons)) or "the adapter says so"
    if not trial.cases:
        return Result.of(check, NOT_COVERED, why=said, **counted)
    why = f"{trial.skipped} inputs not covered: {said}" if trial.skipped else None
    return Result.of(check, PASSED, why=why, **counted)


def run(
    adapter: Any,
    levels: Sequence[str] = LEVELS,
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    effort: float = 1.0,
    limit: float = LIMIT,
    smallest: bool = True,
    how: str = "",
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Check an adapter in this process; see `isolated` for one that may hang or crash.

    Parameters
    ----------
    adapter : an object; or a class or function to be called without arguments; or where to import one from,
        package.module:Name; or the name of a shipped adapter.
    levels : which levels. only : names of checks, all if empty.
    seed : of everything drawn. effort : factor of the number of cases. limit : seconds a call may take.
    smallest : whether to look for a smaller example where a fixed case fails; verdicts are the same without.
    how : code that makes the adapter, for the examples.
    tell : is told every result at once.

    Raises
    ------
    InputError : an unknown level or check, or an adapter that cannot be made or states nonsense.
    MissingDependencyError : Hypothesis is not installed.
    """
    checks = chosen(levels, only)
    loaded = load(adapter)
    subject = Subject(loaded.adapter, seed, limit)
    results = []
    for check in checks:
        results.append(run_check(check, subject, how or loaded.how, effort, smallest=smallest))
        tell(results[-1])
    return results
