"""A run from start or checkpoint to its end: the loop, its folder, interruption and divergence."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from .. import __version__
from ..backends import keep_freed_memory, thread_limit
from ..errors import CheckpointError, DataError, DivergenceError, InputError
from . import checkpoint
from .config import TrainConfig
from .loop import Trainer
from .record import CHECKPOINT, CONFIG, DIVERGED, SESSIONS, RunFolder, make_folder


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes
    ----------
    test_accuracy, train_loss, test_loss : after the last epoch; accuracy in [0, 1].
    nnz, nnz_initial : active connections at the end and at the start.
    density : nnz over all possible connections.
    updates, steps : topology updates made and SGD steps taken, over all sessions of the run.
    seconds : wall time of this session, compilation included.
    peak_memory_bytes : highest resident memory of the process so far.
    method, densifies : the method, and what it makes dense, a key of `explore.DENSE`.
    unreadable : image files that were replaced because they could not be read, in this session.
    run : the run's folder.
    """

    test_accuracy: float
    train_loss: float
    test_loss: float
    nnz: int
    nnz_initial: int
    density: float
    updates: int
    steps: int
    seconds: float
    peak_memory_bytes: int
    seed: int
    method: str
    densifies: str
    unreadable: int
    run: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-ready dictionary."""
        return asdict(self)


def _way_on(run: Path, config: TrainConfig) -> str:
    """Return the command that goes on with a run, with the circumstances that it needs."""
    words = ["gse-ref", "train", "--resume", str(run)]
    words += [] if config.data_dir is None else ["--data-dir", str(config.data_dir)]
    words += [] if config.unreadable == "error" else ["--unreadable", config.unreadable]
    return shlex.join(words)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; the state is saved in `run`."""

    def __init__(self, run: Path, step: int, config: TrainConfig) -> None:
        super().__init__(f"interrupted at step {step}; go on with: {_way_on(run, config)}")


#: Called after every step with the trainer, for display.
Watcher = Callable[[Trainer], None]


def peak_memory() -> int:
    """Return the highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _versions() -> dict[str, str]:
    """Return what the floats of a run depend on besides its configuration."""
    packages = {name: version(name) for name in ("numpy", "numba")}
    return {"gse_ref": __version__, **packages, "python": platform.python_version(), "machine": platform.machine()}


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that a step is never torn; the second one interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def handle(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.getsignal(signal.SIGINT)
    if previous in (signal.SIG_IGN, None):  # somebody above us decided about Ctrl-C
        yield asked
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, previous)


def stored_config(run: str | Path) -> TrainConfig:
    """Return the configuration of the run in folder `run`, with `resume` set to it: train it to go on with the run.

    Raises
    ------
    CheckpointError : `run` is not the folder of a run, or its configuration is not one of this version.
    """
    run = Path(run)
    try:
        config = TrainConfig.from_json(RunFolder(run).read_config())
    except CheckpointError:
        raise
    except InputError as error:
        raise CheckpointError(f"{run / CONFIG}: {error}") from None
    return replace(config, resume=run)


def _same_run(config: TrainConfig, stored: TrainConfig, run: Path) -> TrainConfig:
    """Return the configuration to go on with, after checking that it is that of the run."""
    odd = [f"{n} {getattr(config, n)} instead of {getattr(stored, n)}" for n in config.differences(stored)]
    if odd:
        raise CheckpointError(
            f"{run} was made with another configuration ({', '.join(odd)}): resume without these options (from "
            "Python with `stored_config`), or start a new run with another --out"
        )
    return config


class _Session:
    """One sitting at a run: the trainer and the folder it writes to."""

    def __init__(self, config: TrainConfig, lock: ExitStack) -> None:
        self.start, self.lock, self.told = time.perf_counter(), lock, set[str]()
        if config.resume is None:
            self.trainer = Trainer(config, self._log)
            name = f"{Path(config.data.replace(':', '-')).stem}-{config.model}-{config.method}"
            self.folder = make_folder(config.out, f"{name}-d{config.density:g}-s{config.seed}", config.to_json())
            lock.enter_context(self.folder.locked())
            self.trainer.log_initial_topology()
        else:
            self._resume(config, config.resume)

    def _resume(self, config: TrainConfig, run: Path) -> None:
        if config.out is not None and config.out != run:
            raise InputError(f"--resume {run} goes on in its own folder: leave --out {config.out} out")
        self.folder = RunFolder(run)
        config = _same_run(config, stored_config(run), run)
        self.lock.enter_context(self.folder.locked())
        path, saved = run / CHECKPOINT, None
        if path.exists():  # else it was killed before its first checkpoint: nothing was saved, so it starts over
            saved = checkpoint.load(path)
            if saved.config != config.to_json():
                raise CheckpointError(f"{path} belongs to another run than the {CONFIG} beside it")
        try:
            self.trainer = Trainer(config, self._log, saved)
        except DataError as error:
            raise DataError(f"{error}. To go on with {run}, give the --data-dir it was started with") from None
        self.folder.cut(self.trainer.progress.log_bytes)
        if saved is None:
            self.trainer.log_initial_topology()

    def _log(self, log: str, row: dict[str, Any]) -> None:
        self.folder.append(log, row)

    def save(self, name: str = CHECKPOINT) -> None:
        checkpoint.save(self.folder.path / name, self.trainer.checkpoint(self.folder.settle()))

    def note_unreadable(self) -> None:
        """Log the image files that were replaced since the last call: when is a circumstance of reading ahead."""
        for file in self.trainer.unreadable:
            if file.path not in self.told:
                self.told.add(file.path)
                self.note("unreadable image", path=file.path, why=file.reason)

    def note(self, what: str, **more: Any) -> None:
        """Log a circumstance, which may differ between equal runs."""
        seconds = round(time.perf_counter() - self.start, 3)
        row = {"event": what, "step": self.trainer.progress.step, "seconds": seconds, **more}
        self.folder.append(SESSIONS, row)


def _go(session: _Session, asked: threading.Event, watch: Watcher | None) -> None:
    trainer = session.trainer
    every = trainer.config.checkpoint_every
    try:
        for epoch_ended in trainer.steps():
            if watch is not None:
                watch(trainer)
            stop = asked.is_set()  # read once: what is stopped has been saved
            due = epoch_ended if every is None else trainer.progress.step % every == 0
            if due or stop or trainer.progress.step == trainer.total_steps:
                session.save()
            if epoch_ended:
                session.note_unreadable()
                session.note("epoch", epoch=trainer.epoch, peak_memory_bytes=peak_memory())
            if stop:
                session.note("interrupted")
                raise Interrupted(session.folder.path, trainer.progress.step, trainer.config)
    except DivergenceError as error:
        step = trainer.progress.step + 1 if error.step is None else error.step
        session.folder.append("events.jsonl", {"step": step, "event": "diverged", "why": str(error)})
        session.save(DIVERGED)
        raise DivergenceError(f"{error}. State saved in {session.folder.path / DIVERGED}", step) from None
    except DataError as error:
        raise DataError(f"{error}. Go on with: {_way_on(session.folder.path, trainer.config)}") from None
    finally:
        session.note_unreadable()


def train(config: TrainConfig, watch: Watcher | None = None) -> RunResult:
    """Train as `config` says and return what came of it; the run's folder holds everything.

    Deterministic on one machine: equal configurations give equal folders, byte for byte but for ``sessions.jsonl``,
    whatever the number of threads and however often the run was interrupted and resumed.

    Raises
    ------
    InputError, DataError : a configuration that cannot be run; nothing has been written.
    CheckpointError : a run that cannot be resumed; its folder is as before.
    DivergenceError : a number that is not finite, with step and layer; the state is saved as ``diverged.npz``.
    KeyboardInterrupt : Ctrl-C. The first one ends the step and saves; a second one stops at once, with the last
        checkpoint.
    """
    if not isinstance(config, TrainConfig):
        raise InputError(
            f"train wants a TrainConfig, got {type(config).__name__}: gse.TrainConfig(density=0.02, ...)"
        )
    keep_freed_memory()
    with thread_limit(config.threads) as threads, _interruptible() as asked, ExitStack() as lock:
        session = _Session(config, lock)
        trainer = session.trainer
        files = list(trainer.parts.dataset.provenance)
        session.note("start", threads=threads, cores=os.cpu_count(), files=files, **_versions())
        _go(session, asked, watch)
        session.note("end", peak_memory_bytes=peak_memory())
    progress = trainer.progress
    return RunResult(
        test_accuracy=progress.test_accuracy,
        train_loss=progress.train_loss,
        test_loss=progress.test_loss,
        nnz=trainer.nnz,
        nnz_initial=progress.nnz_initial,
        density=trainer.nnz / sum(p.topology.size for p in trainer.layers.values()),
        updates=progress.updates,
        steps=progress.step,
        seconds=round(time.perf_counter() - session.start, 3),
        peak_memory_bytes=peak_memory(),
        seed=trainer.config.seed,
        method=trainer.config.method,
        densifies=trainer.parts.method.densifies,
        unreadable=len(trainer.unreadable),
        run=str(session.folder.path),
    )
