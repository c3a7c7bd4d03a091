"""One run of a comparison, in this process: started or gone on with, and its outcome kept in its folder.

``python -m gse_ref.studies.worker`` is the process of one run: it reads one JSON line from standard input (the
folder and the configuration), writes JSON lines to standard output (progress, at last the outcome), and saves and
ends when standard input is closed: by the parent that wants it to stop, or by the end of the parent.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import DivergenceError, GseError
from ..training import TrainConfig, stored_config, train
from ..training.config import CIRCUMSTANCES
from ..training.loop import Trainer
from ..training.record import CONFIG, SESSIONS, write_atomically

#: In a run's folder, once it has ended: finished or diverged.
OUTCOME = "outcome.json"
#: Seconds between two reports of progress, at least.
_PAUSE = 0.2

#: ``outcome`` is "finished", "diverged", "failed" (tried again when asked again) or "interrupted"; see `run_once`.
Outcome = dict[str, Any]
Report = Callable[[dict[str, Any]], None]


def stored_outcome(folder: Path) -> Outcome | None:
    """Return the outcome of a run that has ended, None for one that has not."""
    path = folder / OUTCOME
    return json.loads(path.read_text()) if path.exists() else None


def _spent(folder: Path) -> dict[str, Any]:
    """Return wall time and peak memory over all sessions of a run, as far as they noted it."""
    seconds, peak, last = 0.0, 0, 0.0
    for line in (folder / SESSIONS).read_text().splitlines():
        row = json.loads(line)
        if row["event"] == "start":
            seconds, last = seconds + last, 0.0
        last, peak = row["seconds"], max(peak, row.get("peak_memory_bytes", 0))
    return {"seconds": round(seconds + last, 3), "peak_memory_bytes": peak}


def _go_on(folder: Path, config: TrainConfig) -> TrainConfig:
    """Return what to train: `config` in a new folder, or what the folder already holds of it."""
    if not (folder / CONFIG).exists():
        return dataclasses.replace(config, out=folder)
    stored_config(folder)  # raises where it is no run
    return dataclasses.replace(config, out=None, resume=folder)


def run_once(folder: Path, config: TrainConfig, report: Report = lambda news: None) -> Outcome:
    """Train `config` in `folder`, or go on with it, or return how it ended; an error of the package is an outcome.

    Parameters
    ----------
    report : receives ``{"step", "steps", "accuracy"}`` now and then.

    Returns
    -------
    outcome : ``outcome`` is "finished" (with the fields of `RunResult`, time and memory over all sessions),
        "diverged" (with ``why``) or "failed" (with ``why``; not stored, so that it is tried again).
    """
    stored = stored_outcome(folder)
    if stored is not None:
        return stored
    told = [0.0]

    def watch(trainer: Trainer) -> None:
        now = time.monotonic()
        if now - told[0] >= _PAUSE:
            told[0] = now
            accuracy = trainer.progress.test_accuracy if trainer.epoch else None
            report({"step": trainer.progress.step, "steps": trainer.total_steps, "accuracy": accuracy})

    try:
        result = train(_go_on(folder, config), watch).to_dict()
        outcome: Outcome = {"outcome": "finished", **result, **_spent(folder)}
    except DivergenceError as error:
        outcome = {"outcome": "diverged", "why": str(error), "steps": error.step, **_spent(folder)}
    except (GseError, MemoryError, OSError) as error:
        return {"outcome": "failed", "why": str(error) or type(error).__name__}
    write_atomically(folder / OUTCOME, (json.dumps(outcome, indent=2) + "\n").encode())
    return outcome


def request(folder: Path, config: TrainConfig) -> str:
    """Return the line that asks a worker for a run."""
    where = {name: getattr(config, name) for name in CIRCUMSTANCES if name not in ("out", "resume")}
    where["data_dir"] = None if config.data_dir is None else str(config.data_dir)
    return json.dumps({"folder": str(folder), "config": config.to_json(), "circumstances": where}) + "\n"


def _requested(line: str) -> tuple[Path, TrainConfig]:
    asked = json.loads(line)
    config = TrainConfig.from_json(asked["config"])
    return Path(asked["folder"]), dataclasses.replace(config, **asked["circumstances"])


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    """Serve one request; the outcome is the last line written, and a process that ends without one has crashed."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is not ours

    def tell(news: dict[str, Any]) -> None:
        channel.write(json.dumps(news) + "\n")
        channel.flush()

    signal.signal(signal.SIGINT, signal.default_int_handler)  # even if the parent was started with it ignored
    try:
        with open(0, "rb", buffering=0, closefd=False) as asked:
            folder, config = _requested(asked.readline().decode())
        threading.Thread(target=_end_with_parent, daemon=True).start()
        tell(run_once(folder, config, tell))
    except KeyboardInterrupt as interrupt:
        tell({"outcome": "interrupted", "why": str(interrupt)})
    except Exception as error:
        traceback.print_exc()
        tell({"outcome": "failed", "why": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
