"""``gse-ref selftest``: is a backend right on this machine, and how fast? One JSON to attach to a report."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import dataclass
from importlib import import_module
from math import inf
from pathlib import Path

from .. import backends, conformance
from ..conformance import LEVELS, Result
from ..conformance.adapters.own import Own
from ..conformance.summary import Summary
from ..errors import ConformanceError, InputError
from ..scaling.machine import facts
from ..training.record import write_atomically
from .table import table
from .times import layer, times

#: The layer that is timed, units of each side; and samples of each operation.
UNITS, ROUNDS = 4096, 20
#: Levels whose checks run on NumPy arrays copied to the device and back; time and memory of that would say nothing.
JUDGED = tuple(level for level in LEVELS if level != "complexity")


@dataclass(frozen=True)
class Selftest:
    """Run the conformance kit on a backend, time its operations, and write what was found into a file.

    Exit code 1 if a check fails; 3 if the backend needs what is not there.
    """

    backend: str = "gpu"
    """gpu, cpu, naive or shadow."""
    out: Path = Path("selftest.json")
    """Where to write; nothing is overwritten."""
    level: tuple[str, ...] = JUDGED
    """Of kernels, sampling, selection, update, training, separated by spaces."""
    effort: float = 1.0
    """Factor of the number of cases that are drawn."""
    units: int = UNITS
    """Units of each side of the layer that is timed."""
    rounds: int = ROUNDS
    """How often each operation is timed."""
    json: bool = False
    """Print the JSON object instead of text."""

    def _check(self) -> None:
        if self.units < 1 or self.rounds < 1:
            raise InputError(f"units and rounds must be at least 1, got {self.units} and {self.rounds}")
        if not 0 < self.effort < inf:
            raise InputError(f"the effort must be a positive number, got {self.effort}")
        if "complexity" in self.level:
            raise InputError("the copies to a device and back have costs of their own: see gse-ref scaling instead")
        if self.out.exists() or not self.out.absolute().parent.is_dir():
            raise InputError(f"cannot write to {self.out}: give --out a new file in a folder that exists")

    def _told(self, result: Result) -> None:
        print(f"{result.status:<12}{result.level:<12}{result.name}", file=sys.stderr, flush=True)

    def run(self) -> None:
        """Check, time, write, print.

        Raises
        ------
        ConformanceError : a check failed; everything has been written and printed.
        MissingDependencyError : the backend needs CuPy or a device, and says what to install or check.
        """
        self._check()
        backend = backends.get(self.backend)
        results = conformance.run(Own(self.backend), self.level, effort=self.effort, tell=self._told)
        summary = Summary.of(results)
        found = {
            "backend": self.backend,
            "machine": facts(),
            "gpu": import_module("gse_ref.backends.gpu_facts").facts(),
            "conformance": summary.to_json(),
            "layer": layer(self.units),
            "times": times(backend, self.units, self.rounds),
        }
        text = json_module.dumps(found)
        write_atomically(self.out, text.encode())
        rows = [(name, f"{row['ms']:.3f}") for name, row in found["times"].items()]
        print(
            text if self.json else f"{table(('operation', 'ms'), rows)}\n\n{summary.verdict} Written to {self.out}."
        )
        if not summary.good:
            raise ConformanceError(f"{self.backend}: {summary.verdict[0].lower()}{summary.verdict[1:]}")
