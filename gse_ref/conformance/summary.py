"""What all results say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .check import LEVELS
from .result import FAILED, NOT_COVERED, PASSED, Result

#: In the order of tables.
STATUSES = (PASSED, FAILED, NOT_COVERED)


@dataclass(frozen=True)
class Summary:
    """The results of all checks, over one seed or many.

    Attributes
    ----------
    results : one of each check, in order: the first that failed if one did, else the first.
    failed_seeds : by check, the seeds with which it failed.
    seeds : how many there were.
    """

    results: tuple[Result, ...]
    failed_seeds: dict[str, list[int]]
    seeds: int

    @classmethod
    def of(cls, results: Sequence[Result]) -> Summary:
        """Return what these results, of any seeds, say."""
        shown: dict[str, Result] = {}
        failed: dict[str, list[int]] = {}
        for result in results:
            if result.status == FAILED:
                failed.setdefault(result.name, []).append(result.seed)
            first = shown.setdefault(result.name, result)
            if result.status == FAILED and first.status != FAILED:
                shown[result.name] = result
        return cls(tuple(shown.values()), failed, len({result.seed for result in results}))

    def of_status(self, status: str) -> list[Result]:
        """Return the results of one status."""
        return [result for result in self.results if result.status == status]

    @property
    def good(self) -> bool:
        """Whether nothing failed and something was judged."""
        return not self.failed_seeds and bool(self.of_status(PASSED))

    @property
    def verdict(self) -> str:
        """What it comes to, in a sentence."""
        counts = {status: len(self.of_status(status)) for status in STATUSES}
        if not counts[PASSED] + counts[FAILED]:
            return f"Nothing was judged: all {len(self.results)} checks are not covered."
        over = f" with {self.seeds:,} seeds" if self.seeds > 1 else ""
        judged = counts[PASSED] + counts[FAILED]
        said = f"{counts[FAILED]} of {judged} checks failed" if counts[FAILED] else f"All {judged} checks passed"
        return f"{said}{over}, {counts[NOT_COVERED]} not covered."

    def levels(self) -> dict[str, dict[str, int]]:
        """Return how many checks of each level have each status."""
        return {
            level: {status: sum(r.level == level for r in self.of_status(status)) for status in STATUSES}
            for level in LEVELS
            if any(result.level == level for result in self.results)
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        results = [{**r.to_json(), "failed_seeds": self.failed_seeds.get(r.name, [])} for r in self.results]
        return {
            "good": self.good,
            "verdict": self.verdict,
            "levels": self.levels(),
            "seeds": self.seeds,
            "seeds_failed": len({seed for seeds in self.failed_seeds.values() for seed in seeds}),
            "results": results,
        }
