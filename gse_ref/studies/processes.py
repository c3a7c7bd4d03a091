"""Runs in worker processes, each started afresh (never forked) for one run, with one thread."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any, NamedTuple

from ..errors import InputError
from .execution import Executor, Job, News
from .worker import Outcome, request

_PACKAGE = Path(__file__).resolve().parents[1]
_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Message(NamedTuple):
    """What a thread that reads a worker, or a Ctrl-C, says to the main thread; `worker` None is Ctrl-C."""

    worker: _Worker | None
    news: dict[str, Any] | None  # None: the worker has ended


def _environment() -> dict[str, str]:
    """Return the environment of a worker: this very package, one thread."""
    path = [str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": os.pathsep.join(path)}


class _Worker:
    """One process and the thread that reads it. In a session of its own, so that Ctrl-C reaches only the parent."""

    def __init__(self, job: Job, messages: queue.SimpleQueue[_Message]) -> None:
        self.job, self.outcome = job, Outcome()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed when read
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            start_new_session=True,
        )
        self._write(request(job.folder, job.config).encode())
        threading.Thread(target=self._read, args=(messages,), daemon=True).start()

    def _write(self, line: bytes) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it died at once; the reading thread tells how
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def _read(self, messages: queue.SimpleQueue[_Message]) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                news = json.loads(line)
                if "outcome" in news:
                    self.outcome = news
                else:
                    messages.put(_Message(self, news))
        code = self._process.wait()
        if not self.outcome:
            self.outcome = {"outcome": "failed", "why": self._crash(code)}
        self.stop()
        for stream in (self._process.stdout, self._errors):
            if stream is not None:
                stream.close()
        messages.put(_Message(self, None))

    def _crash(self, code: int) -> str:
        """Keep what a process that died said at last beside its run's folder; return why it died."""
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")
        kept = self.job.folder.with_name(self.job.folder.name + ".crash.txt")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(said)
        reason = f"exit code {code}"
        if code < 0:
            reason = f"killed by {signal.Signals(-code).name}" + (" (out of memory?)" if code == -9 else "")
        return f"the process died: {reason}; what it said is in {kept}"

    def stop(self) -> None:
        """Ask the worker to save and end."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()

    def kill(self) -> None:
        """End the worker now, if it has not ended."""
        self.stop()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def _listening(messages: queue.SimpleQueue[_Message]) -> Iterator[None]:
    """Turn the first Ctrl-C into a message; the second one interrupts at once."""
    previous = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread() and previous not in (signal.SIG_IGN, None)
    if not ours:  # somebody above us decided about Ctrl-C
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        messages.put(_Message(None, None))  # SimpleQueue.put may be called in a signal handler

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def in_processes(workers: int) -> Executor:
    """Return the executor that runs up to `workers` jobs at a time, each in a process of its own.

    A process for each run isolates a crash, gives each run its own peak of memory, and costs the start of Python
    (about a second). Ctrl-C asks all workers to save, waits for them and ends the execution with KeyboardInterrupt.

    Raises
    ------
    InputError : fewer than 1 worker.
    """
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")

    def execute(jobs: Sequence[Job], news: News) -> Generator[tuple[Job, Outcome], None, None]:
        messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        waiting, running, stopping = deque(jobs), set[_Worker](), False
        with _listening(messages):
            try:
                while running or (waiting and not stopping):
                    while waiting and len(running) < workers and not stopping:
                        running.add(_Worker(waiting.popleft(), messages))
                    worker, told = messages.get()
                    if worker is None:
                        stopping = True
                        for other in running:
                            other.stop()
                    elif told is not None:
                        news(worker.job, told)
                    else:
                        running.discard(worker)
                        yield worker.job, worker.outcome
            finally:
                for worker in running:
                    worker.kill()
        if stopping:
            raise KeyboardInterrupt

    return execute
