"""The process that runs an adapter: ``python -m gse_ref.conformance.child``.

It reads one JSON line from standard input (a `Job`) and writes JSON lines to what was its standard output: once
the adapter is there ``{"how": ...}``, then ``{"begun": [seed, name]}`` and ``{"result": ...}`` for each check, at
last ``{"done": true}``; ``{"refused": ...}`` if the adapter cannot be used, ``{"broken": ...}`` for a fault of the
kit. Whatever else is printed goes to standard error. It ends when standard input is closed: by the parent, or by
the end of the parent.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import GseError
from .catalogue import checks
from .channel import STACK, Job, Journal, Pulse
from .code import Call
from .loading import Loaded, load
from .runner import run_check
from .subject import Subject

Tell = Callable[[dict[str, Any]], None]


def _checked(job: Job, loaded: Loaded, pulse: Pulse, tell: Tell) -> None:
    """Run the checks one after the other."""
    journal = Journal(Path(job.folder))

    def before(calls: Sequence[Call]) -> None:
        journal.write(calls)
        pulse.beat()

    @lru_cache(maxsize=1)
    def subject(seed: int) -> Subject:
        return Subject(loaded.adapter, seed, job.limit, before, pulse.beat)

    for seed, name in job.plan:
        journal.clear()
        tell({"begun": [seed, name]})
        corners = seed == job.first_seed
        result = run_check(checks()[name], subject(seed), loaded.how, job.effort, corners=corners)
        tell({"result": result.to_json()})


def _serve(job: Job, tell: Tell) -> None:
    pulse = Pulse(Path(job.folder))
    try:
        loaded = load(job.adapter)
        Subject(loaded.adapter)  # reads what it states
    except GseError as error:
        tell({"refused": type(error).__name__, "why": str(error)})
        return
    tell({"how": loaded.how})
    try:
        _checked(job, loaded, pulse, tell)
    except Exception:
        tell({"broken": traceback.format_exc()})
    else:
        tell({"done": True})


def _end_with_parent(requests: int) -> None:
    while os.read(requests, 4096):
        pass
    os._exit(1)


def _die_with_parent() -> None:
    """Ask Linux to end this process when the parent ends, even while an adapter holds the interpreter's lock."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _prepare(job: Job) -> None:
    _die_with_parent()
    sys.path[:] = job.path
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    faulthandler.enable((Path(job.folder) / STACK).open("wb"), all_threads=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even if the parent was started with it ignored


def main() -> None:
    """Do one job; a process that ends without ``done``, ``refused`` or ``broken`` has crashed."""
    requests, answers = os.dup(0), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nobody is there to answer an adapter that asks

    def tell(news: dict[str, Any]) -> None:
        answers.write(json.dumps(news) + "\n")
        answers.flush()

    with open(requests, "rb", buffering=0, closefd=False) as asked:
        job = Job(**json.loads(asked.readline()))
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()
    _prepare(job)
    _serve(job, tell)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that the adapter started must not keep us


if __name__ == "__main__":
    main()
