"""Batch normalisation and ReLU, forward and backward, float32, against torch; beside it what a copy moves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gse_ref.backends import empty
from gse_ref.rng import stream

from .measure import fastest, interleaved, row
from .options import Cases, Options
from .peers.norm_protocol import NORM, NormProblem, enter, ours

#: Copies of an array of the size of x: between the same two, and round a ring that no cache holds.
COPY, COPY_AROUND = "copy", "copy around a ring"
RING, QUICK_RING = 1 << 28, 1 << 20
#: Least ratio of torch in the faster of its orders, from PERFORMANCE; none is set with a residual.
FLOOR = 2.2


class Shape(NamedTuple):
    """Images and whether a residual is added before the ReLU."""

    channels: int
    side: int
    batch: int = 128
    residual: bool = False

    def __str__(self) -> str:
        ending = " with residual" if self.residual else ""
        return f"norm {self.channels}@{self.side}x{self.side} batch {self.batch}{ending}"

    @property
    def trial(self) -> Shape:
        """The same with few positions and samples, to judge peers by."""
        return self._replace(side=min(self.side, 4), batch=min(self.batch, 8))


SHAPES = tuple(Shape(*image, residual=r) for r in (False, True) for image in ((16, 32), (32, 16), (64, 8)))
QUICK = (Shape(4, 6, 16), Shape(4, 6, 16, True))


def _normal(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    array = empty(shape, np.float32)
    array[...] = generator.standard_normal(shape, np.float32)
    return array


def problem_of(shape: Shape) -> NormProblem:
    """Draw images, gradients, γ and β of this shape."""
    images = (shape.channels, shape.side, shape.side, shape.batch)
    x, dy, residual = (_normal(images, stream(0, "synthetic", number)) for number in range(3))
    gamma, beta = (_normal((shape.channels,), stream(0, "weights", number)) for number in range(2))
    return NormProblem(x, dy, residual if shape.residual else None, gamma, beta).away_from_zero()


def _copies(problem: NormProblem, ring: int) -> dict[str, Callable[[], Any]]:
    """Return the two copies; `ring` is in bytes."""
    arrays = [problem.x.copy() for _ in range(max(2, ring // problem.x.nbytes))]
    turns = itertools.cycle(zip(arrays, arrays[1:] + arrays[:1], strict=True))
    same = arrays[:2]
    return {COPY: lambda: np.copyto(*same), COPY_AROUND: lambda: np.copyto(*next(turns))}


def _measure(shape: Shape, options: Options) -> Iterator[dict[str, Any]]:
    problem, trial = problem_of(shape), problem_of(shape.trial)
    facts: dict[str, Any] = {"n": [shape.channels, shape.side, shape.side], "batch": shape.batch}
    copies = _copies(problem, QUICK_RING if options.quick else RING)
    contestants, notes = {"ours": partial(ours, problem)} | copies, {}
    for name in NORM:
        prepared = enter(name, trial, problem)
        if isinstance(prepared, dict):
            yield {"work": str(shape)} | prepared | facts
        else:
            contestants[name], notes[name] = prepared.step, prepared.note
    times = interleaved(contestants, options.rounds, options.threads)
    speeds = {
        "gb_s": problem.bytes_moved / np.median(times["ours"]) / 1e9,
        "copy_gb_s": 2 * problem.x.nbytes / np.median(times[COPY]) / 1e9,
        "memory_gb_s": 2 * problem.x.nbytes / np.median(times[COPY_AROUND]) / 1e9,
    }
    speeds["of_roofline"] = speeds["gb_s"] / speeds["copy_gb_s"]  # of a copy that stays in the same cache
    facts |= {name: float(f"{speed:.4g}") for name, speed in speeds.items()}
    yield row(str(shape), times["ours"], **facts)
    due = None if shape.residual or options.quick else fastest(times, notes, "ours")
    for name, note in notes.items():
        floor = FLOOR if name == due else None
        yield row(str(shape), times["ours"], name, times[name], floor, **facts) | {"note": note}


def cases(options: Options) -> Cases:
    """Return one piece of work for each shape."""
    return {str(shape): partial(_measure, shape, options) for shape in (QUICK if options.quick else SHAPES)}
