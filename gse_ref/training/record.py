"""The run folder: what is written, and how, so that a kill at any moment loses nothing that was saved."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, InputError

#: The log of a run whose exploration is observed; others have no such file.
EXPLORATION = "exploration.jsonl"
_ALWAYS = ("metrics.jsonl", "topology.jsonl", "events.jsonl")
#: Logs that are equal byte for byte for equal runs. `sessions.jsonl` beside them holds what is not: threads,
#: versions, seconds, memory.
LOGS = (*_ALWAYS, EXPLORATION)
SESSIONS = "sessions.jsonl"
CONFIG, CHECKPOINT, DIVERGED = "config.json", "checkpoint.npz", "diverged.npz"

#: Receives the name of a log and a row for it.
Log = Callable[[str, dict[str, Any]], None]

#: Ending of a file that is being written; after a kill it may stay behind and means nothing.
_PART = ".part"


def _is_part(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(_PART)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one, even after a power cut."""
    part = path.with_name(f".{path.name}{_PART}")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def new_folder(name: str) -> Path:
    """Create the first ``runs/NAME-000``, ``-001``, … that does not exist; two runs never share one."""
    number = 0
    while True:
        path = Path("runs") / f"{name}-{number:03d}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return path


def make_folder(out: Path | None, name: str, config: str) -> RunFolder:
    """Create the folder of a new run: `out`, which must be new or empty, or the next free ``runs/NAME-000``.

    Parameters
    ----------
    out : the folder wanted, or None.
    name : what a folder of our own choice is called after.
    config : JSON text of ``config.json``, the first file of the run.

    Raises
    ------
    InputError : the folder holds something, or cannot be written.
    """
    path = Path("runs") if out is None else out
    try:
        if out is None:
            path = new_folder(name)
        path.mkdir(parents=True, exist_ok=True)
        if any(not _is_part(entry) for entry in path.iterdir()):
            go_on = f", or --resume {path} to go on with the run there" if (path / CONFIG).exists() else ""
            raise InputError(f"{path} is not empty: give another --out{go_on}")
        write_atomically(path / CONFIG, config.encode())
        for log in _ALWAYS:
            (path / log).touch()
    except OSError as error:
        raise InputError(f"cannot write a run to {path}: {error.strerror or error}; give another --out") from None
    return RunFolder(path)


class RunFolder:
    """The files of one run; every log line is written whole, logs are cut back to the checkpoint on resume."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_config(self) -> str:
        """Return ``config.json``.

        Raises
        ------
        CheckpointError : there is none, so this is not the folder of a run.
        """
        try:
            return (self.path / CONFIG).read_text()
        except (OSError, UnicodeDecodeError):
            raise CheckpointError(f"{self.path} is not the folder of a run: it has no readable {CONFIG}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for a block: two processes on one run would tear its logs.

        Raises
        ------
        InputError : another process holds it.
        """
        with (self.path / CONFIG).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(
                    f"{self.path} is in use by another process: wait for it, or start a new run"
                ) from None
            yield

    def append(self, log: str, row: Mapping[str, Any]) -> None:
        """Add one line to a log."""
        line = json.dumps(row, allow_nan=False) + "\n"
        with (self.path / log).open("ab") as file:
            file.write(line.encode())

    def settle(self) -> dict[str, int]:
        """Bring `LOGS` to the disk, so that no later checkpoint knows more than they hold; return their bytes."""
        for log in LOGS:
            if (self.path / log).exists():
                with (self.path / log).open("rb") as file:
                    os.fsync(file.fileno())
        return {log: self._size(log) for log in LOGS}

    def _size(self, log: str) -> int:
        """Return the bytes of a log, 0 where it has no file."""
        path = self.path / log
        return path.stat().st_size if path.exists() else 0

    def cut(self, lengths: Mapping[str, int]) -> None:
        """Cut `LOGS` back to these lengths: what was logged after the checkpoint happens again.

        Raises
        ------
        CheckpointError : a log is missing or shorter than the checkpoint says.
        """
        for log in LOGS:
            have = self._size(log)
            if have < lengths[log]:
                raise CheckpointError(
                    f"{self.path / log} has {have} bytes, the checkpoint knew {lengths[log]}: it was changed"
                )
        for log in _ALWAYS:
            (self.path / log).touch()
        for log in LOGS:
            if self._size(log) > lengths[log]:
                os.truncate(self.path / log, lengths[log])
        for entry in self.path.iterdir():
            if _is_part(entry):
                entry.unlink()
