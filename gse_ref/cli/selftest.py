"""``gse-ref selftest``: is a backend right on this machine, and how fast? One JSON to attach to a report."""

from __future__ import annotations

import json as json_module
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from .. import backends, conformance
from ..backends.arrays import library_of, to_device, to_host
from ..backends.hosted import each_array
from ..conformance import LEVELS, Result
from ..conformance.adapters.own import Own
from ..conformance.summary import Summary
from ..errors import ConformanceError, InputError
from ..rng import stream
from ..scaling.machine import facts
from ..sparse import erdos_renyi
from ..training.record import write_atomically
from .table import table

#: The layer that is timed: units of each side, connections a unit, samples; and samples of each operation.
UNITS, PER_UNIT, BATCH, ROUNDS = 4096, 82, 128, 20
#: Levels whose checks run on NumPy arrays copied to the device and back; time and memory of that would say nothing.
JUDGED = tuple(level for level in LEVELS if level != "complexity")

Operation = Callable[[], Any]


def _operations(backend: backends.Backend, units: int) -> dict[str, Operation]:
    """Return calls of the backend on a layer of units × units, on arrays that are where it works."""
    generator, library = stream(0, "check"), library_of(backend)
    topology = erdos_renyi((units, units), min(PER_UNIT, units) * units, generator)
    indptr, indices, rows = (to_device(a, library) for a in (topology.indptr, topology.indices, topology.rows))
    values, x, dy, mass = (
        to_device(generator.random(shape).astype(dtype), library)
        for shape, dtype in (
            (topology.nnz, np.float32),
            ((units, BATCH), np.float32),
            ((units, BATCH), np.float32),
            (units, np.float64),
        )
    )
    uniforms = to_device(generator.random(topology.nnz), library)
    plan, alias = backend.transpose_index(indptr, indices, units), backend.alias_table(mass)
    drawn = backend.alias_draw(alias, uniforms), backend.alias_draw(alias, uniforms[::-1].copy())
    return {
        "spmm": lambda: backend.spmm(indptr, indices, values, x),
        "spmm_backward": lambda: backend.spmm_backward(plan, values, x, dy),
        "sddmm_pairs": lambda: backend.sddmm_pairs(rows, indices, dy, x),
        "abs_sums": lambda: backend.abs_sums(x),
        "alias_table": lambda: backend.alias_table(mass),
        "alias_draw": lambda: backend.alias_draw(alias, uniforms),
        "candidates": lambda: backend.candidates(*drawn, indptr, indices, units),
        "top_k": lambda: backend.top_k(values, topology.nnz // 5),
        "transpose_index": lambda: backend.transpose_index(indptr, indices, units),
    }


def _finish(result: Any) -> None:
    """Wait for a result: one of its elements is read on the host."""
    each_array(lambda array: to_host(array.reshape(-1)[:1]), result)


def _times(backend: backends.Backend, units: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return milliseconds of each operation, median and quartiles, after one call to warm up."""
    found = {}
    for name, operation in _operations(backend, units).items():
        seconds = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            _finish(operation())
            seconds.append(time.perf_counter() - start)
        low, middle, high = np.percentile(seconds[1:], (25, 50, 75)) * 1e3
        found[name] = {"ms": float(middle), "low_ms": float(low), "high_ms": float(high)}
    return found


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
            "layer": {"units": self.units, "connections": min(PER_UNIT, self.units) * self.units, "batch": BATCH},
            "times": _times(backend, self.units, self.rounds),
        }
        text = json_module.dumps(found)
        write_atomically(self.out, text.encode())
        rows = [(name, f"{row['ms']:.3f}") for name, row in found["times"].items()]
        print(
            text if self.json else f"{table(('operation', 'ms'), rows)}\n\n{summary.verdict} Written to {self.out}."
        )
        if not summary.good:
            raise ConformanceError(f"{self.backend}: {summary.verdict[0].lower()}{summary.verdict[1:]}")
