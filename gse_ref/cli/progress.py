"""How a comparison is shown while it runs: bars on a terminal, else a line for each run that ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..studies import Display, Job, Outcome

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def _ending(job: Job, outcome: Outcome) -> str:
    if outcome["outcome"] == "finished":
        return f"{job.label}: {100 * outcome['test_accuracy']:.2f} %, {outcome['seconds']:.1f} s"
    return f"{job.label}: {outcome['outcome']}: {outcome['why']}"


class Lines:
    """A line on standard error for each run that ends."""

    def __init__(self) -> None:
        self.ended, self.to_run = 0, 0

    def start(self, to_run: int, stored: int) -> None:
        """Say how much there is to do."""
        self.to_run = to_run
        print(f"{to_run} runs to make, {stored} found ended", file=sys.stderr)

    def advance(self, job: Job, news: Mapping[str, Any]) -> None:
        """Say nothing between start and end."""

    def end(self, job: Job, outcome: Outcome) -> None:
        """Say how a run ended."""
        self.ended += 1
        print(f"{self.ended}/{self.to_run} {_ending(job, outcome)}", file=sys.stderr, flush=True)


class Bars:
    """A bar for the whole and one for each run under way."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.whole = progress.add_task("runs", total=None, last="")
        self.under_way: dict[str, TaskID] = {}

    def start(self, to_run: int, stored: int) -> None:
        """Set the length of the whole."""
        self.progress.update(self.whole, total=to_run, description=f"{to_run} runs, {stored} found ended")

    def advance(self, job: Job, news: Mapping[str, Any]) -> None:
        """Move the bar of a run."""
        if job.key not in self.under_way:
            self.under_way[job.key] = self.progress.add_task(job.label, total=news["steps"], last="")
        accuracy = "" if news["accuracy"] is None else f"accuracy {100 * news['accuracy']:.1f} %"
        self.progress.update(self.under_way[job.key], completed=news["step"], last=accuracy)

    def end(self, job: Job, outcome: Outcome) -> None:
        """Replace the bar of a run by a line."""
        if job.key in self.under_way:
            self.progress.remove_task(self.under_way.pop(job.key))
        self.progress.console.print(_ending(job, outcome), markup=False, highlight=False)
        self.progress.advance(self.whole)


@contextmanager
def comparison_progress() -> Iterator[Display]:
    """Show bars if standard error is a terminal, else lines."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[last]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bars(bar)
