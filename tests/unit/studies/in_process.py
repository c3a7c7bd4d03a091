"""An executor that carries runs through one after the other in this process, and remembers them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import gse_ref as gse
from gse_ref.studies import Job, Outcome, Result, Silent, carry_through, points, product
from gse_ref.studies.worker import run_once

#: Half a second of training at most: four steps an epoch on 512 samples of 16 features.
SMALL: dict[str, Any] = {
    "data": "synthetic:16:512:3",
    "hidden": (16,),
    "density": 0.2,
    "epochs": 2,
    "every": 2,
    "until": 2.0,
}


def small(**changes: Any) -> gse.TrainConfig:
    return gse.TrainConfig(**{**SMALL, **changes})


class InProcess:
    """Runs jobs in this process.

    Attributes
    ----------
    ran : keys of the jobs, in order.
    before : called with each job before it is run; may raise, as Ctrl-C does.
    """

    def __init__(self, before: Callable[[Job], None] = lambda job: None) -> None:
        self.before, self.ran = before, list[str]()

    def __call__(self, jobs: Sequence[Job], news: Any) -> Generator[tuple[Job, Outcome], None, None]:
        for job in jobs:
            self.before(job)
            self.ran.append(job.key)
            yield job, run_once(job.folder, job.config, lambda told, job=job: news(job, told))


def compared(
    folder: Path,
    axes: dict[str, list[Any]],
    seeds: Sequence[int] = (0,),
    execute: InProcess | None = None,
    **base: Any,
) -> list[Result]:
    """Carry a small comparison through in this process."""
    settings = small(**base)
    execute = InProcess() if execute is None else execute
    return carry_through(points(settings, product(axes), seeds), settings, folder, execute, Silent())
