"""Parts of one topology update, the whole of it and a training step, at 10 connections a row, batch 128.

In the exploration: `explore.update` with its masses, alias tables, uniforms, draws, candidates, scores, selection
and checked merge; the move of weights and momentum to the new slots; the transpose index of the new topology.
Out: the probe pass that delivers X and δ, which has its own row, and the logs. In a training step: forward, both
gradients through autodiff, and SGD with momentum and weight decay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from gse_ref.autodiff import Tensor
from gse_ref.backends import empty, get
from gse_ref.explore import Proposal, Request, method, select, update
from gse_ref.explore.distributions import DISTRIBUTIONS, mass_or_uniform, signs_of
from gse_ref.explore.guided import score
from gse_ref.nn import Observation, SparseParameter, probing, sparse_matmul
from gse_ref.optim import SGD, remap
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, edit, erdos_renyi

from .ceilings import ceilings
from .measure import interleaved, row
from .options import Cases, Options

PER_ROW, BATCH = 10, 128
FRACTION = 0.2
SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (200, 400)
METHODS = ("gse", "gse-grabo", "gse-graest")
#: An exploration may cost this many training steps.
LIMIT = 4.0
STEP = "training step"


class Layer:
    """One n × n layer with what a step and an update need.

    Attributes
    ----------
    parameter : weights on an Erdős–Rényi topology of `PER_ROW` · n connections.
    x, delta : (n, BATCH) float32, what a probe would show; seen : the same as an exploration takes it.
    optimizer, state : SGD with momentum.
    """

    def __init__(self, n: int) -> None:
        self.n, shape = n, LayerShape(n, n)
        self.topology = erdos_renyi((n, n), PER_ROW * n, stream(0, "topology"))
        self.values = _normal((self.topology.nnz,), "weights", 0)
        self.parameter = SparseParameter(shape)
        self.parameter.place(self.topology, self.values)
        self.x, self.delta = (_normal((n, BATCH), "synthetic", number) for number in (0, 1))
        np.maximum(self.x, 0, out=self.x)
        self.seen = Observation(self.parameter, self.x, self.delta)
        self.optimizer = SGD(momentum=0.9, weight_decay=1e-4)
        self.state = self.optimizer.init({"layer": self.parameter})
        self.request = Request(
            0, 1, FRACTION, "global", 1.0, lambda observe: observe(self.parameter, self.x, self.delta)
        )

    def step(self) -> None:
        """Take one training step."""
        x, delta = Tensor(self.x, requires_grad=True), Tensor(self.delta)
        self.parameter.grad = None
        sparse_matmul(self.parameter, self.parameter.topology, x).backward(delta)
        # A rate of 0 would be the same work; this one keeps the weights where they are up to rounding.
        self.optimizer.update({"layer": self.parameter}, self.state, 1e-12)

    def probe(self) -> None:
        """Run the pass that shows X and δ to an update, and the δ of the layer below."""
        x, delta = Tensor(self.x, requires_grad=True), Tensor(self.delta)
        y = sparse_matmul(self.parameter, self.parameter.topology, x, owner=self.parameter)
        with probing(lambda parameter, x, delta: None):
            y.backward(delta)

    def explore(self, name: str) -> None:
        """Make one whole update by the method `name`, then put the layer back as it was."""
        change = update({"layer": self.parameter}, method(name).propose, self.request)
        layer = change.layers["layer"]
        self.parameter.rewire(layer.topology, layer.slot_map)
        remap(self.state, change.slot_maps)
        _ = layer.topology.transpose
        self.parameter.place(self.topology, self.values)


def _normal(shape: tuple[int, ...], purpose: str, number: int) -> np.ndarray:
    array = empty(shape, np.float32)
    stream(0, purpose, number).standard_normal(out=array, dtype=np.float32)
    return array


def _masses(layer: Layer, name: str) -> list[np.ndarray]:
    masses = DISTRIBUTIONS[name](layer.seen, partial(signs_of, stream(0, "signs", 0, 1)))
    return [mass_or_uniform(mass, "layer")[0] for mass in masses]


def parts(layer: Layer) -> dict[str, Callable[[], Any]]:
    """Return every part of an update as a call on ready arguments, in the order of the update."""
    backend, topology = get("cpu"), layer.topology
    draws = topology.nnz
    masses = _masses(layer, "graest")
    tables = [backend.alias_table(mass) for mass in masses]
    uniforms = stream(0, "draw", 0, 1).random((2, draws))
    cols, rows = (backend.alias_draw(table, u) for table, u in zip(tables, uniforms, strict=True))
    pairs = backend.candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)
    scores = score(*pairs, layer.seen, "layer")
    proposal = Proposal(*pairs, scores, len(scores))
    quotas = layer.request.quotas({"layer": layer.parameter})
    [choice] = select([layer.parameter], [proposal], quotas, "global")
    grown = pairs[0][choice.grow], pairs[1][choice.grow]
    changed, slot_map = edit(topology, choice.prune, *grown)
    momentum = layer.state["layer"]["momentum"]
    named = {f"distributions {name}": partial(_masses, layer, name) for name in DISTRIBUTIONS}
    return named | {
        "alias tables": lambda: [backend.alias_table(mass) for mass in masses],
        "uniforms": lambda: stream(0, "draw", 0, 1).random((2, draws)),
        "draws": lambda: [backend.alias_draw(table, u) for table, u in zip(tables, uniforms, strict=True)],
        "candidates": lambda: backend.candidates(rows, cols, topology.indptr, topology.indices, topology.n_in),
        "scores": lambda: score(*pairs, layer.seen, "layer"),
        "selection": lambda: select([layer.parameter], [proposal], quotas, "global"),
        "merge": lambda: edit(topology, choice.prune, *grown),
        "carry": lambda: (slot_map.carry(layer.values), slot_map.carry(momentum)),
        "transpose": lambda: backend.transpose_index(changed.indptr, changed.indices, changed.n_in),
    }


def _measure(n: int, limits: bool, options: Options) -> Iterator[dict[str, Any]]:
    layer = Layer(n)
    nnz, work = layer.topology.nnz, f"exploration n={n}"
    layer.step()
    contestants = {f"part: {name}": run for name, run in parts(layer).items()}
    contestants |= {f"whole: {name}": partial(layer.explore, name) for name in METHODS}
    contestants |= {"probe pass (not in the whole)": layer.probe, STEP: layer.step}
    times = interleaved(contestants, options.rounds, options.threads)
    facts = {"n": n, "nnz": nnz, "density": nnz / n**2, "batch": BATCH}
    for name, seconds in times.items():
        if name == STEP:
            rates = ceilings(options.quick)
            least = rates.facts(rates.linear_step(n, n, nnz, BATCH), seconds)
            line = row(f"{work} {name}", seconds, **facts, **least)
        else:
            floor = 1 / LIMIT if limits and name.startswith("whole") else None
            line = row(f"{work} {name}", seconds, STEP, times[STEP], floor, **facts)
            line["ours_in_steps"] = round(1 / line["ratio"], 3)
            line |= {"most_steps": LIMIT} if floor else {}
        yield line | {"ns_per_nnz": round(1e6 * line["ours_ms"] / nnz, 2)}


def cases(options: Options) -> Cases:
    """Return one piece of work for each width."""
    sizes = QUICK_SIZES if options.quick else SIZES
    return {f"exploration n={n}": partial(_measure, n, not options.quick, options) for n in sizes}
