"""Training step (forward, dX, dθ) of one sparse 3×3 convolution, float32, against torch dense and SparseProp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gse_ref.autodiff import Tensor
from gse_ref.backends import Geometry, empty
from gse_ref.nn import sparse_conv2d
from gse_ref.rng import stream
from gse_ref.sparse import Topology, erdos_renyi

from .ceilings import Ceilings, ceilings
from .measure import Times, fastest, interleaved, row
from .options import Cases, Options
from .peers.conv_protocol import CONV, WAYS, ConvProblem, enter, ours

THROUGH_AUTODIFF = "gse_ref through autodiff"
GEOMETRY = Geometry(3, 1, 1)
#: Least ratios from PERFORMANCE: torch by density, from 64 channels on; SparseProp in any row.
TORCH_FLOORS = {0.1: 3.0, 0.05: 5.5, 0.02: 11.0, 0.01: 20.0}
WIDE, SPARSEPROP_FLOOR = 64, 1.5
#: The largest whole number among the inputs and gradients: 131,072 products of two such stay below 2²⁴.
LARGEST = 4


class Shape(NamedTuple):
    """A convolution of `channels` to as many, images of side × side, and the batch."""

    channels: int
    side: int
    density: float
    batch: int = 128

    def __str__(self) -> str:
        return f"conv {self.channels}@{self.side}x{self.side} {100 * self.density:g}% batch {self.batch}"

    @property
    def floors(self) -> dict[str, float]:
        """Least ratio of each peer, in the faster of its ways."""
        torch = {"torch": TORCH_FLOORS[self.density]} if self.channels >= WIDE else {}
        return torch | {"SparseProp": SPARSEPROP_FLOOR}


IMAGES = ((16, 32), (32, 16), (64, 8), (128, 8), (128, 4))
SHAPES = tuple(Shape(*image, density) for image in IMAGES for density in TORCH_FLOORS)
QUICK = (Shape(4, 6, 0.1, 16), Shape(8, 5, 0.05, 24))


def _whole(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    array = empty(shape, np.float32)
    array[...] = generator.integers(-LARGEST, LARGEST, shape, endpoint=True)
    return array


def problem_of(shape: Shape) -> tuple[ConvProblem, Topology]:
    """Draw a pattern, weights, inputs and output gradients of this shape."""
    size = (shape.channels, shape.channels * GEOMETRY.kernel**2)
    topology = erdos_renyi(size, round(shape.density * size[0] * size[1]), stream(0, "topology"))
    values = empty((topology.nnz,), np.float32)
    values[...] = stream(0, "weights").standard_normal(topology.nnz, np.float32)
    images = (shape.channels, shape.side, shape.side, shape.batch)
    x, dy = (_whole(images, stream(0, "synthetic", number)) for number in range(2))
    # Peers may want to write where a topology is read-only.
    indptr, indices = topology.indptr.copy(), topology.indices.copy()
    return ConvProblem(indptr, indices, values, topology.transpose, x, dy, GEOMETRY), topology


def _through_autodiff(problem: ConvProblem, topology: Topology) -> Callable[[], Any]:
    values, x = Tensor(problem.values, requires_grad=True), Tensor(problem.x, requires_grad=True)
    dy = Tensor(problem.dy)

    def step() -> Any:
        values.grad = x.grad = None
        y = sparse_conv2d(values, topology, x, problem.geometry)
        y.backward(dy)
        return y

    return step


def _floors(shape: Shape, times: Times) -> dict[str | None, float]:
    """Return the floor of the faster way of each peer."""
    return {fastest(times, WAYS[peer], "ours"): floor for peer, floor in shape.floors.items()}


def least_seconds(problem: ConvProblem, rates: Ceilings) -> float:
    """Return the least time of a step; see `Ceilings.conv_step`."""
    return rates.conv_step(len(problem.dy), problem.indices, problem.x.shape, problem.geometry)


def _measure(shape: Shape, options: Options) -> Iterator[dict[str, Any]]:
    problem, topology = problem_of(shape)
    facts = {
        "n": [shape.channels, shape.side, shape.side],
        "nnz": topology.nnz,
        "density": shape.density,
        "batch": shape.batch,
    }
    contestants = {"ours": partial(ours, problem), THROUGH_AUTODIFF: _through_autodiff(problem, topology)}
    notes = {THROUGH_AUTODIFF: "the same step by sparse_conv2d and backward: what the graph costs"}
    for name in CONV:
        prepared = enter(name, problem)
        if isinstance(prepared, dict):
            yield {"work": str(shape)} | prepared | facts
        else:
            contestants[name], notes[name] = prepared.step, prepared.note
    times = interleaved(contestants, options.rounds, options.threads)
    facts |= ceilings(options.quick).facts(least_seconds(problem, ceilings(options.quick)), times["ours"])
    floors = {} if options.quick else _floors(shape, times)
    for name in list(contestants)[1:]:
        line = row(str(shape), times["ours"], name, times[name], floors.get(name), **facts)
        yield line | ({"note": notes[name]} if notes[name] else {})


def cases(options: Options) -> Cases:
    """Return one piece of work for each shape."""
    return {str(shape): partial(_measure, shape, options) for shape in (QUICK if options.quick else SHAPES)}
