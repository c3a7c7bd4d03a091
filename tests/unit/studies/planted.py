"""Results with accuracies that a test chooses, without any training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gse_ref.studies import Arm, Result, Study, points, summarise
from gse_ref.studies.study import Found
from tests.unit.studies.in_process import small

#: Test accuracy of a setting with a seed; None for a run that diverged.
Accuracy = Callable[[Mapping[str, Any], int], float | None]


def planted(arms: Sequence[Arm], accuracy: Accuracy, seeds: Sequence[int] = (0, 1, 2)) -> list[Result]:
    """Return a result for each arm and seed."""
    results = []
    for point in points(small(), arms, seeds):
        value = accuracy(point.setting, point.config.seed)
        outcome = {"outcome": "finished", "test_accuracy": value, "seconds": 1.0, "nnz": 100, "steps": 8}
        results.append(Result(point, outcome if value is not None else {"outcome": "diverged", "why": "too fast"}))
    return results


def found(study: Study, accuracy: Accuracy, seeds: Sequence[int] = (0, 1, 2)) -> Found:
    """Return what a study would come to with these accuracies."""
    base = small()
    results = planted(study.arms(base, study.methods), accuracy, seeds)
    rows = summarise(results, study.reference)
    return Found(base, study.methods, {}, Path("nowhere"), study.against, results, rows)
