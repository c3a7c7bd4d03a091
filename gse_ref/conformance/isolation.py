"""Run checks in a process of their own, started afresh and watched: an adapter may hang or crash it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from ..errors import InputError, MissingDependencyError
from .catalogue import checks, chosen
from .channel import JOURNAL, STACK, Job, Pulse, journal
from .check import LEVELS
from .code import script
from .result import FAILED, Failure, Result
from .subject import LIMIT

#: Seconds to import and make an adapter.
LOADING = 120.0
#: Seconds beyond the limit, at most, in which a call may still be interrupted from within.
GRACE = 2.0
#: Seconds that the kit itself may be busy between two calls.
SILENCE = 600.0
#: Lines of the stack that are shown of a call that hung or crashed.
_LINES = 6
_PACKAGE = Path(__file__).resolve().parents[1]


class _Process:
    """A process at work, in a session of its own, so that Ctrl-C reaches only us."""

    def __init__(self, job: Job) -> None:
        self.folder = Path(job.folder)
        for name in (JOURNAL, STACK):
            (self.folder / name).touch()
        self.pulse = Pulse(self.folder, make=True)
        path = [str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            start_new_session=True,
        )
        self._requests, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        self._unread = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        with suppress(BrokenPipeError):  # it died at once, which will be seen
            self._requests.write(json.dumps(job._asdict()).encode() + b"\n")

    def news(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield what it has said, waiting so long for the first word."""
        while self._selector.get_map() and self._selector.select(seconds):
            seconds = 0.0
            block = os.read(self._answers.fileno(), 1 << 16)
            if not block:
                self._selector.unregister(self._answers)
            *lines, self._unread = (self._unread + block).split(b"\n")
            yield from map(json.loads, lines)
        if not self._selector.get_map():
            time.sleep(seconds)

    def ended(self) -> bool:
        """Return whether it has ended."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Make it write down where it is, and die of it."""
        self._process.send_signal(signal.SIGABRT)
        end = time.monotonic() + 1
        while not self.ended() and time.monotonic() < end:
            time.sleep(0.01)

    def close(self) -> int:
        """End it and all that it started, if that has not ended, and return its exit code."""
        if self._answers.closed:
            return self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._selector.close()
        self._requests.close()
        self._answers.close()
        self.pulse.close()
        return code

    def stack(self) -> str:
        """Return where it was when it died, the innermost call first, as far as that is not the kit."""
        lines = []
        for line in (self.folder / STACK).read_text(errors="replace").splitlines():
            if f"{os.sep}conformance{os.sep}subject.py" in line or f"{os.sep}conformance{os.sep}loading.py" in line:
                break
            lines += [line] if line.startswith("  File") else []
        return "".join(f"\n{line}" for line in lines[:_LINES])


class _Watch:
    """Follows one process through its checks: `results` ends after the first that it did not survive."""

    def __init__(self, job: Job) -> None:
        self.job, self.how, self.begun, self.since = job, "", None, time.monotonic()
        self.process = _Process(job)

    def results(self) -> Iterator[Result]:
        """Yield results as they come."""
        for news in self._news():
            if "how" in news:
                self.how = news["how"]
            elif "begun" in news:
                self.begun, self.since = news["begun"], time.monotonic()
            elif "result" in news:
                self.begun = None
                yield Result.from_json(news["result"])
            elif "refused" in news:
                missing = news["refused"] == MissingDependencyError.__name__
                raise (MissingDependencyError if missing else InputError)(news["why"])
            elif "broken" in news:
                raise RuntimeError(f"a fault of the kit, not of the adapter:\n{news['broken']}")
            elif "lost" in news:
                yield self._lost(*news["lost"])

    def _news(self) -> Iterator[dict[str, Any]]:
        """Yield what the process says, at last ``lost`` (kind, what) if it hung or died."""
        pause = min(0.1, self.job.limit / 10)
        last, since = self.process.pulse.read(), time.monotonic()
        while True:
            over = self.process.ended()
            said = list(self.process.news(0 if over else pause))
            yield from said
            if any({"done", "refused", "broken"} & set(news) for news in said):
                return
            beat, now = self.process.pulse.read(), time.monotonic()
            if over:
                yield {"lost": ("crashed", beat)}
                return
            if said or beat != last:
                last, since = beat, now
            if now - since > self._patience(beat):
                self.process.stop()
                yield {"lost": ("hung", beat)}
                return

    def _patience(self, beat: int) -> float:
        if not self.how:
            return LOADING
        return self.job.limit + min(self.job.limit, GRACE) if beat % 2 else SILENCE

    def _lost(self, kind: str, beat: int) -> Result:
        """Return the verdict on the check that the process did not survive."""
        code = self.process.close()
        died = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        died += " (out of memory?)" if code == -signal.SIGKILL else ""
        stack = self.process.stack()
        if self.begun is None:
            said = f"hung for {LOADING:g} s" if kind == "hung" else f"ended the process: {died}"
            raise InputError(f"importing or making {self.job.adapter} {said}{stack}")
        calls = journal(self.process.folder)
        last = calls[-1].operation if calls else ""
        if kind == "hung":
            what = f"{last}: no answer within {self.job.limit:g} s, nor to an interrupt; the process was killed"
        elif beat % 2:
            what = f"{last} ended the process: {died}"
        else:
            after = f"after {last} had come back" if last else "outside of a call"
            what = f"the process ended {after}: {died}"
        failure = Failure(kind, what + stack, code=script(self.how, calls) if calls else None)
        seed, name = self.begun
        return Result.of(checks()[name], FAILED, failure=failure, seed=seed, seconds=time.monotonic() - self.since)


def _place(adapter: str | type) -> str:
    if isinstance(adapter, str):
        return adapter
    if adapter.__module__ == "__main__" or "<locals>" in adapter.__qualname__:
        where = f"{adapter.__qualname__} of {adapter.__module__}"
        raise InputError(f"another process cannot import {where}: define it at the top of a module of its own")
    return f"{adapter.__module__}:{adapter.__qualname__}"


def isolated(
    adapter: str | type,
    levels: Sequence[str] = LEVELS,
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    repeat: int = 1,
    effort: float = 1.0,
    limit: float = LIMIT,
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Check an adapter in a process of its own, which may hang or crash: the check fails, the others go on.

    Parameters
    ----------
    adapter : package.module:Name of a class, a function that makes it, or an object; the name of a shipped one;
        or a class. levels, only, effort, limit, tell : as of `run`.
    seed, repeat : all checks with seed, then with seed + 1, and so on, `repeat` times; of these the cases that are
        drawn, and statistics: corners are the same with every seed.

    Raises
    ------
    InputError : an unknown level or check; an adapter that cannot be imported or made, or states nonsense.
    MissingDependencyError : Hypothesis is not installed, or what a shipped adapter needs.
    """
    asked = chosen(levels, only)
    plan = [
        (one, check.name) for one in range(seed, seed + repeat) for check in asked if one == seed or check.varies
    ]
    results: list[Result] = []
    while len(results) < len(plan):
        with tempfile.TemporaryDirectory(prefix="gse-ref-") as folder:
            rest = plan[len(results) :]
            job = Job(_place(adapter), list(map(str, sys.path)), rest, seed, effort, limit, folder)
            watch = _Watch(job)
            try:
                for result in watch.results():
                    results.append(result)
                    tell(result)
            finally:
                watch.process.close()
    return results
