"""``gse-ref train``: one run."""

from __future__ import annotations

import dataclasses
import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..explore import DENSE
from ..training import RunResult, TrainConfig, train
from ..training.loop import Trainer
from ..training.run import Watcher


@contextmanager
def _progress() -> Iterator[Watcher | None]:
    """Show a bar on a terminal's standard error; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[last]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=None, last="")

        def watch(trainer: Trainer) -> None:
            done = trainer.progress
            accuracy = f"accuracy {100 * done.test_accuracy:.1f} %" if trainer.epoch else ""
            title = f"epoch {trainer.epoch}/{trainer.total_steps // trainer.parts.per_epoch}"
            bar.update(task, total=trainer.total_steps, completed=done.step, description=title, last=accuracy)

        yield watch


def _summary(result: RunResult) -> str:
    rows = [
        ("test accuracy", f"{100 * result.test_accuracy:.2f} %"),
        ("training loss", f"{result.train_loss:.4f}"),
        (
            "connections",
            f"{result.nnz:,} active, density {result.density:.4g}, at the start {result.nnz_initial:,}",
        ),
        ("makes dense", DENSE[result.densifies]),
        ("topology updates", f"{result.updates} in {result.steps:,} steps"),
        ("time", f"{result.seconds:.1f} s"),
        ("peak memory", f"{result.peak_memory_bytes / 1e6:.0f} MB"),
        ("run", result.run),
    ]
    if result.unreadable:
        rows.insert(-1, ("unreadable images", f"{result.unreadable} replaced, named in sessions.jsonl"))
    return "\n".join(f"{name:<18}{value}" for name, value in rows)


@dataclass(frozen=True)
class Train(TrainConfig):
    """Train a network that is sparse from the first step to the last."""

    preset: str | None = None
    """Start from named settings instead of the defaults, e.g. paper-cifar10-resnet56; gse-ref info lists them."""
    json: bool = False
    """Print one JSON object on standard output instead of the summary."""

    def __post_init__(self) -> None:
        """Leave validation to `run`, so that every bad value is reported in the same way."""

    @classmethod
    def of(cls, config: TrainConfig) -> Train:
        """Return the command with these settings."""
        return cls(**{f.name: getattr(config, f.name) for f in dataclasses.fields(TrainConfig)})

    def run(self) -> None:
        """Train, then print what came of it."""
        config = TrainConfig(**{f.name: getattr(self, f.name) for f in dataclasses.fields(TrainConfig)})
        with _progress() as watch:
            result = train(config, watch)
        print(json_module.dumps(result.to_dict()) if self.json else _summary(result))
