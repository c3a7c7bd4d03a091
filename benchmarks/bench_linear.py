"""Training step (forward, dX, dθ) of one sparse linear layer, float32, against dense and sparse peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gse_ref.autodiff import Tensor
from gse_ref.backends import empty
from gse_ref.nn import sparse_matmul
from gse_ref.rng import stream
from gse_ref.sparse import Topology, erdos_renyi

from .ceilings import Ceilings, ceilings
from .measure import interleaved, row
from .options import Cases, Options
from .peers.protocol import LINEAR, Problem, enter, ours

THROUGH_AUTODIFF = "gse_ref through autodiff"
#: Any shape: twice as fast as the best sparse peer that computes the gradient on the pattern itself.
SPARSE_FLOORS = {"torch.sparse.mm": 2.0, "SparseLab": 2.0, "SparseProp": 2.0}


class Shape(NamedTuple):
    """A layer and its batch; `floors` are the least ratios of peers, from PERFORMANCE."""

    n_out: int
    n_in: int
    density: float
    batch: int = 128
    floors: dict[str, float] = SPARSE_FLOORS

    def __str__(self) -> str:
        return f"linear {self.n_out}x{self.n_in} {100 * self.density:g}% batch {self.batch}"


SHAPES = (
    Shape(1024, 1024, 0.1),
    Shape(4096, 4096, 0.1, floors=SPARSE_FLOORS | {"NumPy dense": 2.0}),
    Shape(4096, 4096, 0.02),
    Shape(4096, 4096, 0.01, floors=SPARSE_FLOORS | {"torch Linear": 45.0, "NumPy dense": 20.0}),
    Shape(4096, 4096, 0.001),
    Shape(640, 2560, 0.1, 1024),
)
QUICK = (Shape(64, 64, 0.1, 16, {}), Shape(96, 48, 0.05, 33, {}))


def _filled(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    array = empty(shape, np.float32)
    array[...] = generator.standard_normal(shape, np.float32)
    return array


def problem_of(shape: Shape) -> tuple[Problem, Topology]:
    """Draw a pattern, weights, inputs and output gradients of this shape."""
    size = (shape.n_out, shape.n_in)
    topology = erdos_renyi(size, round(shape.density * shape.n_out * shape.n_in), stream(0, "topology"))
    values = _filled((topology.nnz,), stream(0, "weights"))
    x = _filled((shape.n_in, shape.batch), stream(0, "synthetic", 0))
    dy = _filled((shape.n_out, shape.batch), stream(0, "synthetic", 1))
    plan = topology.transpose
    # Peers may want to write where a topology is read-only.
    return Problem(topology.indptr.copy(), topology.indices.copy(), values, plan, x, dy, size), topology


def _through_autodiff(problem: Problem, topology: Topology) -> Callable[[], Any]:
    values, x = Tensor(problem.values, requires_grad=True), Tensor(problem.x, requires_grad=True)
    dy = Tensor(problem.dy)

    def step() -> Any:
        values.grad = x.grad = None
        y = sparse_matmul(values, topology, x)
        y.backward(dy)
        return y

    return step


def least_seconds(problem: Problem, rates: Ceilings) -> float:
    """Return the least time of a step, see `Ceilings.linear_step`."""
    return rates.linear_step(*problem.shape, len(problem.values), problem.x.shape[1])


def _measure(shape: Shape, options: Options) -> Iterator[dict[str, Any]]:
    problem, topology = problem_of(shape)
    facts = {
        "n": list(problem.shape),
        "nnz": topology.nnz,
        "density": shape.density,
        "batch": shape.batch,
    }
    contestants = {"ours": partial(ours, problem), THROUGH_AUTODIFF: _through_autodiff(problem, topology)}
    notes = {THROUGH_AUTODIFF: "the same step by sparse_matmul and backward: what the graph costs"}
    for name in LINEAR:
        prepared = enter(name, problem)
        if isinstance(prepared, dict):
            yield {"work": str(shape)} | prepared | facts
        else:
            contestants[name], notes[name] = prepared.step, prepared.note
    times = interleaved(contestants, options.rounds, options.threads)
    facts |= ceilings(options.quick).facts(least_seconds(problem, ceilings(options.quick)), times["ours"])
    for name in list(contestants)[1:]:
        line = row(str(shape), times["ours"], name, times[name], shape.floors.get(name), **facts)
        yield line | ({"note": notes[name]} if notes[name] else {})


def cases(options: Options) -> Cases:
    """Return one piece of work for each shape."""
    return {str(shape): partial(_measure, shape, options) for shape in (QUICK if options.quick else SHAPES)}
