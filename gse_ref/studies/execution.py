"""What an executor of runs is: it takes jobs, in any number at a time, and yields how each of them ended."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..training import TrainConfig
from .worker import Outcome


@dataclass(frozen=True)
class Job:
    """One run to carry through.

    Attributes
    ----------
    key, folder : name and folder of the run.
    label : the run in words.
    config : what to train, circumstances included.
    """

    key: str
    folder: Path
    label: str
    config: TrainConfig


#: Receives the progress of a job: ``{"step", "steps", "accuracy"}``.
News = Callable[[Job, Mapping[str, Any]], None]
#: Yields each job with its outcome as it ends; raises KeyboardInterrupt once all has been saved after Ctrl-C.
Executor = Callable[[Sequence[Job], News], Generator[tuple[Job, Outcome], None, None]]
