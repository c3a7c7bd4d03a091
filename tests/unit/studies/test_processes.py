"""Worker processes: one thread each, a crash stays one run's, stopping saves."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gse_ref.errors import InputError
from gse_ref.studies import Job, in_processes, processes
from gse_ref.studies.worker import run_once
from tests.unit.studies.in_process import small


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen]:
    """Every process that the test starts, in order."""
    found: list[subprocess.Popen] = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            found.append(self)

    monkeypatch.setattr(processes.subprocess, "Popen", Recorded)
    return found


def _job(folder: Path, name: str, **changes: Any) -> Job:
    return Job(name, folder / name, name, small(threads=1, **changes))


def _quiet(job: Job, news: Any) -> None:
    """Say nothing."""


def test_a_crash_is_told_and_the_other_runs_end(tmp_path: Path, started: list[subprocess.Popen]) -> None:
    def murder(job: Job, news: Any) -> None:
        assert news["steps"] == 4 * (10**6 if job.key == "endless" else 2)
        if job.key == "endless":
            started[0].send_signal(signal.SIGSEGV)

    jobs = [_job(tmp_path, "endless", epochs=10**6), _job(tmp_path, "short"), _job(tmp_path, "broken", lr=1e30)]
    ends = {job.key: outcome for job, outcome in in_processes(2)(jobs, murder)}
    assert ends["endless"]["outcome"] == "failed"
    assert "killed by SIGSEGV" in ends["endless"]["why"]
    assert (tmp_path / "endless.crash.txt").exists()
    assert ends["broken"]["outcome"] == "diverged"
    expected = run_once(tmp_path / "here", small())
    for name in ("outcome", "test_accuracy", "test_loss", "nnz", "updates", "steps"):
        assert ends["short"][name] == expected[name]
    assert '"threads": 1' in (tmp_path / "short" / "sessions.jsonl").read_text()


def test_closing_the_execution_leaves_no_process_behind(tmp_path: Path, started: list[subprocess.Popen]) -> None:
    jobs = [_job(tmp_path, "endless", epochs=10**6), _job(tmp_path, "short")]
    ends = in_processes(2)(jobs, _quiet)
    assert next(ends)[0].key == "short"
    ends.close()
    assert started[0].poll() == -signal.SIGKILL


def test_a_worker_saves_when_its_parent_is_gone(tmp_path: Path, started: list[subprocess.Popen]) -> None:
    def leave(job: Job, news: Any) -> None:
        stdin = started[0].stdin
        assert stdin is not None
        stdin.close()  # as the end of this process would

    ((_, outcome),) = in_processes(1)([_job(tmp_path, "endless", epochs=10**6)], leave)
    assert outcome["outcome"] == "interrupted"
    assert (tmp_path / "endless" / "checkpoint.npz").exists()
    assert '"interrupted"' in (tmp_path / "endless" / "sessions.jsonl").read_text()


def test_no_workers_are_refused() -> None:
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        in_processes(0)
