"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .check import Check
from .code import Call, literal, script
from .judge import Disagreement

PASSED, FAILED, NOT_COVERED = "passed", "failed", "not covered"


@dataclass(frozen=True)
class Failure:
    """Why a check failed, so that it stands alone.

    Attributes
    ----------
    kind : as of `Disagreement`, or "crashed" (the process died) or "flaky" (not again on the same input).
    what : one sentence. actual, expected, bound : as Python literals, None where there is none.
    code : a program that shows it, of the smallest input that was found.
    """

    kind: str
    what: str
    actual: str | None = None
    expected: str | None = None
    bound: str | None = None
    code: str | None = None

    @classmethod
    def of(cls, found: Disagreement, how: str, calls: list[Call]) -> Failure:
        """Return what to say of a disagreement; `how` is code that makes the adapter."""
        parts = (found.actual, found.expected, found.bound)
        actual, expected, allowed = (None if part is None else literal(part) for part in parts)
        code = script(how, calls) if calls else None
        return cls(found.kind, found.what, actual, expected, allowed, code)


@dataclass(frozen=True)
class Result:
    """The outcome of one check of one adapter.

    Attributes
    ----------
    name, level, summary, section : of the check.
    status : "passed", "failed" or "not covered".
    cases : how many inputs were judged. skipped : how many the adapter said it does not cover.
    seconds : how long it took.
    why : why it is not covered, or what part of it was not.
    failure : what was wrong.
    """

    name: str
    level: str
    summary: str
    section: str
    status: str
    cases: int = 0
    skipped: int = 0
    seconds: float = 0.0
    why: str | None = None
    failure: Failure | None = None

    @classmethod
    def of(cls, check: Check, status: str, **more: Any) -> Result:
        """Return a result of `check`."""
        return cls(check.name, check.level, check.summary, check.section, status, **more)

    def text(self) -> str:
        """Return the whole story in plain text."""
        lines = [f"{self.status}: {self.name} ({self.level}), {self.cases} cases in {self.seconds:.1f} s"]
        if self.why:
            lines.append(f"  {self.why}")
        if self.failure is not None:
            found = self.failure
            lines += [
                f"  {found.kind}: {found.what}",
                f"  demanded: {self.summary} (docs/algorithm.md, {self.section})",
            ]
            for name in ("actual", "expected", "bound"):
                if getattr(found, name) is not None:
                    lines.append(f"  {name}: {getattr(found, name)}")
            if found.code is not None:
                lines += ["  smallest example:", *("    " + line for line in found.code.splitlines())]
        return "\n".join(lines)
