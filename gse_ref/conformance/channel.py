"""What the process that runs an adapter and the one that watches it share."""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .code import Call

#: In the folder that both know: calls, a counter of them, and where the process was when it died.
JOURNAL, PULSE, STACK = "journal", "pulse", "stack"
_WORD = 8


class Job(NamedTuple):
    """What a process is to do.

    Attributes
    ----------
    adapter : package.module:Name, or the name of a shipped one.
    path : where to import from, as sys.path.
    plan : (seed, name of a check), in order. first_seed : the one whose checks judge corners too.
    effort, limit : as of `run`.
    folder : for the journal, the pulse and the stack.
    """

    adapter: str
    path: Sequence[str]
    plan: Sequence[tuple[int, str]]
    first_seed: int
    effort: float
    limit: float
    folder: str


class Pulse:
    """A counter in shared memory: odd while a call is under way, and never the same for two calls."""

    def __init__(self, folder: Path, make: bool = False) -> None:
        path = folder / PULSE
        if make:
            path.write_bytes(bytes(_WORD))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _WORD)

    def read(self) -> int:
        """Return the counter."""
        return int.from_bytes(self._memory[:_WORD], "little")

    def beat(self) -> None:
        """Say that a call begins, or that it has come back."""
        self._memory[:_WORD] = (self.read() + 1).to_bytes(_WORD, "little")

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


class Journal:
    """Keeps the calls of the case under way, each written before it is made, so that the deadly one is known."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / JOURNAL).open("wb", buffering=0)

    def write(self, calls: Sequence[Call]) -> None:
        """Add the last of the calls; the first of a case takes the place of the case before."""
        if len(calls) == 1:
            self.clear()
        self._file.write(pickle.dumps(calls[-1], protocol=5))

    def clear(self) -> None:
        """Forget all calls."""
        self._file.seek(0)
        self._file.truncate()


def journal(folder: Path) -> list[Call]:
    """Return the calls of the case that was under way, at last the one that did not come back, if it is one."""
    calls: list[Any] = []
    with (folder / JOURNAL).open("rb") as file:
        while True:
            try:
                calls.append(pickle.load(file))
            except (EOFError, pickle.UnpicklingError):
                return calls
