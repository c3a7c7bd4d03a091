"""What is shown while a comparison runs: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from gse_ref.cli import progress
from gse_ref.studies import Job
from tests.unit.studies.in_process import small

JOB = Job("key", Path("nowhere"), "gse, density 0.2, seed 0", small())
DONE = {"outcome": "finished", "test_accuracy": 0.875, "seconds": 2.0}
LOST = {"outcome": "diverged", "why": "the loss is nan [step 3]"}


def test_lines_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.comparison_progress() as display:
        display.start(2, 3)
        display.advance(JOB, {"step": 1, "steps": 2, "accuracy": None})
        display.end(JOB, DONE)
        display.end(JOB, LOST)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "2 runs to make, 3 found ended",
        "1/2 gse, density 0.2, seed 0: 87.50 %, 2.0 s",
        "2/2 gse, density 0.2, seed 0: diverged: the loss is nan [step 3]",
    ]


def test_bars_on_a_terminal() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120, color_system=None)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[last]}"))
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        display = progress.Bars(bar)
        display.start(2, 3)
        display.advance(JOB, {"step": 1, "steps": 2, "accuracy": None})
        display.advance(JOB, {"step": 2, "steps": 2, "accuracy": 0.5})
        whole, run = bar.tasks
        assert (whole.total, whole.completed, whole.description) == (2, 0, "2 runs, 3 found ended")
        assert (run.total, run.completed, run.fields["last"]) == (2, 2, "accuracy 50.0 %")
        display.end(JOB, DONE)
        assert [task.id for task in bar.tasks] == [whole.id]
        assert bar.tasks[0].completed == 1
        display.end(JOB, LOST)
        assert bar.finished
    assert "gse, density 0.2, seed 0: 87.50 %, 2.0 s" in text.getvalue()
    assert "diverged: the loss is nan [step 3]" in text.getvalue(), "brackets are no markup"


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    with progress.comparison_progress() as display:
        assert isinstance(display, progress.Bars)
