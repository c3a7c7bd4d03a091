"""What a training run must come to, how far rounding may move it, and from which step on rounding may decide.

The dense-mask run is made once as it is, in float64, and `RUNS` times beside it with every sum moved at random: by
MOVE · K · Σ|ab| times a normal number, where MOVE is so small that all that follows is of first order. All runs
take the same decisions (which ReLU passes, what is drawn, grown and pruned), so what each number of the moved runs
is off by, divided by MOVE, is what errors of K · Σ|ab| at every sum add up to: the quadratic mean over the runs is
its `deviation`. An implementation whose sums are off by at most eps · K · Σ|ab| each, as level kernels demands but
for a factor, may be off by

    FACTOR · eps · deviation.

Rounding errors are far smaller than that allows (half a unit in the last place for each of K terms, of either
sign): those of this project's backends stay below 15 % of it.

A decision is beyond doubt where the number whose sign makes it exceeds what it may be off by, or where nothing
moves it (ties of exact numbers). Up to the first step of a decision in doubt a run is judged, no further.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..rng import stream
from . import dense_growth as growth
from .dense_training import DenseConvRun, DenseRun
from .problems import Pattern, Probe, TrainedLayer, TrainingProblem, Weights

Array = np.ndarray

RUNS, MOVE, FACTOR = 16, 2.0**-30, 8.0
#: What each method draws by; the others take all inactive connections.
DISTRIBUTIONS = {"gse": "uniform", "gse-grabo": "grabo", "gse-graest": "graest"}
#: A fraction times a size this close to an integer may be that integer or not.
_NEAR = 1e-6


class Measured(NamedTuple):
    """A result in float64 and its deviation, see above; both of one shape."""

    value: Array
    deviation: Array

    def allowed(self, dtype: np.dtype) -> Array:
        """Return how far an implementation in `dtype` may be off."""
        return FACTOR * float(np.finfo(dtype).eps) * self.deviation


def measured(runs: Array) -> Measured:
    """Return the first of the runs along axis 0, and the deviation that the others show."""
    return Measured(runs[0], np.sqrt(np.mean((runs[1:] - runs[0]) ** 2, axis=0)) / MOVE)


class _Beside:
    """Runs beside one another, axis 0: the first as it is, in the others every sum is moved; one set of decisions.

    Attributes
    ----------
    decisions : numbers whose signs decided something since it was last cleared, runs along axis 0.
    """

    decisions: list[Array]
    generator: np.random.Generator

    def total(self, value: Array, magnitude: Array, length: int) -> Array:
        """Move a sum."""
        noise = self.generator.standard_normal(value.shape)
        noise[0] = 0
        return value + MOVE * length * magnitude * noise

    def positive(self, y: Array) -> Array:
        """Return which inputs of a ReLU pass in the first run."""
        self.decisions.append(y)
        return np.broadcast_to(y[:1] > 0, y.shape)


class _Mlp(_Beside, DenseRun):
    pass


class _Conv(_Beside, DenseConvRun):
    pass


class Doubt(NamedTuple):
    """The largest eps · FACTOR · deviation / |number| over some decisions, divided by eps; infinite for a tie."""

    of: float = 0.0

    def at(self, dtype: np.dtype) -> bool:
        """Return whether rounding in `dtype` may decide otherwise."""
        return self.of * float(np.finfo(dtype).eps) >= 1


def doubt(decisions: Sequence[Array]) -> Doubt:
    """Return how much doubt there is about decisions, runs along axis 0."""
    worst = 0.0
    for runs in decisions:
        value, deviation = measured(runs)
        moved = deviation > 0
        if moved.any():
            with np.errstate(divide="ignore"):
                worst = max(worst, float(np.max(FACTOR * deviation[moved] / np.abs(value[moved]))))
    return Doubt(worst)


def dense_of(weights: Weights | Pattern, values: Array) -> Array:
    """Return values in CSR order as a dense float64 matrix."""
    indptr, indices, shape = weights.indptr, weights.indices, weights.shape
    dense = np.zeros(shape)
    dense[np.repeat(np.arange(shape[0]), np.diff(indptr)), indices] = values
    return dense


def mask_of(pattern: Pattern | Weights) -> Array:
    """Return the dense mask of a pattern, float64."""
    return dense_of(pattern, np.ones(len(pattern.indices)))


def _beside(array: Array) -> Array:
    return np.repeat(array[None].astype(np.float64), RUNS + 1, axis=0)


def _start(problem: TrainingProblem) -> _Mlp | _Conv:
    """Return the runs in the state of the problem."""
    layers, norm = problem.state.layers, problem.state.normalisation
    common = {
        "weights": [_beside(dense_of(layer.weights, layer.weights.values)) for layer in layers],
        "masks": [mask_of(layer.weights) for layer in layers],
        "biases": [_beside(layer.bias) for layer in layers if layer.bias is not None],
        "lr": problem.rate,
        "momentum": problem.momentum,
        "weight_decay": problem.weight_decay,
    }
    if norm is None:
        run: _Mlp | _Conv = _Mlp(**common)  # type: ignore[arg-type]
    else:
        names = ("gamma", "beta", "running_mean", "running_variance")
        run = _Conv(**common, **{name: _beside(getattr(norm, name)) for name in names})  # type: ignore[arg-type]
        run.gamma_velocity, run.beta_velocity = _beside(norm.gamma_momentum), _beside(norm.beta_momentum)
    run.velocity = [_beside(dense_of(layer.weights, layer.momentum)) for layer in layers]
    run.bias_velocity = [_beside(v) for layer in layers if (v := layer.bias_momentum) is not None]
    run.decisions, run.generator = [], stream(0, "check")
    return run


#: Step and masks before its update → masks after it, for a method that draws by itself.
Follow = Callable[[int, list[Array]], list[Array]]


class Update(NamedTuple):
    """One update of the run.

    before, after : masks. quotas : ⌈α_t N⌉ of each layer. candidates : |S| of each.
    """

    before: list[Array]
    after: list[Array]
    quotas: list[int]
    candidates: list[int]


class Reference:
    """A training run of the definition.

    Parameters
    ----------
    problem : what to run.
    follow : for "set", whose growth the given numbers do not determine, the masks after each update.

    Attributes
    ----------
    losses : one a step. updates : by step. state : see `results`.
    before, during : doubt about the update before each step, and about the ReLUs of the step itself.
    """

    def __init__(self, problem: TrainingProblem, follow: Follow | None = None) -> None:
        self.problem, self._follow, self._run = problem, follow, _start(problem)
        self.updates: dict[int, Update] = {}
        self.before: list[Doubt] = []
        self.during: list[Doubt] = []
        probes = {probe.step: probe for probe in problem.probes}
        losses = []
        for step, (x, labels) in enumerate(problem.batches, start=problem.done + 1):
            self._run.decisions = []
            known = True
            if step % problem.interval == 0 and step <= problem.end:
                self.updates[step], known = self._update(probes[step])
            self.before.append(doubt(self._run.decisions) if known else Doubt(math.inf))
            self._run.decisions = []
            losses.append(self._run.sgd(x.astype(np.float64), labels))
            self.during.append(doubt(self._run.decisions))
        self.losses = measured(np.stack(losses, axis=1))
        self.state = self.results()

    def decided(self, dtype: np.dtype) -> int:
        """Return how many losses are beyond doubt, and with them the updates up to that step."""
        for number, (before, during) in enumerate(zip(self.before, self.during, strict=True)):
            if before.at(dtype):
                return number
            if during.at(dtype):
                return number + 1
        return len(self.before)

    def ends_decided(self, dtype: np.dtype) -> bool:
        """Return whether the state after the last step is beyond doubt."""
        return not any(one.at(dtype) for one in (*self.before, *self.during))

    def results(self) -> Mapping[str, Measured]:
        """Return the final state, matrices dense: "weights 0", "momentum 0", "bias 0", "running_mean", ..."""
        run, found = self._run, dict[str, Array]()
        for name, arrays in (("weights", run.weights), ("momentum", run.velocity)):
            found |= {f"{name} {layer}": array for layer, array in enumerate(arrays)}
        first = len(run.weights) - len(run.biases)
        for name, arrays in (("bias", run.biases), ("bias_momentum", run.bias_velocity)):
            found |= {f"{name} {layer}": array for layer, array in enumerate(arrays, start=first)}
        if isinstance(run, _Conv):
            names = ("gamma", "beta", "running_mean", "running_variance")
            found |= {name: getattr(run, name) for name in names}
            found |= {"gamma_momentum": run.gamma_velocity, "beta_momentum": run.beta_velocity}
        return {name: measured(array) for name, array in found.items()}

    def _update(self, probe: Probe) -> tuple[Update, bool]:
        """Make the update before a step; return it, and whether the draws and counts are beyond doubt."""
        problem, run = self.problem, self._run
        before = [mask.copy() for mask in run.masks]
        fraction = growth.cosine(problem.fraction, probe.step, problem.end)
        quotas = [growth.count(fraction, mask.sum()) for mask in before]
        known = all(_is_plain(fraction, mask.sum()) for mask in before)
        if self._follow is not None:
            candidates = [growth.inactive(mask) for mask in before]
            after = self._follow(probe.step, before)
            scores = [
                np.broadcast_to(new * (1 - old), w.shape)
                for new, old, w in zip(after, before, run.weights, strict=True)
            ]
        else:
            candidates, scores, drawn = self._explore(probe)
            known &= drawn
        first = [array[0] for array in run.weights], before, candidates, [array[0] for array in scores]
        grown, pruned = growth.topology_update(*first, fraction, problem.scope)
        self._selection(candidates, scores, grown, pruned, grows=self._follow is None)
        run.apply(grown, pruned)
        sizes = [len(edges) for edges in candidates]
        return Update(before, [mask.copy() for mask in run.masks], quotas, sizes), known

    def _explore(self, probe: Probe) -> tuple[list[list[int]], list[Array], bool]:
        """Return candidates and scores of each layer, and whether the draws are beyond doubt."""
        run, problem, known = self._run, self.problem, True
        x, labels = probe.batch
        inputs, deltas, _ = run.passes(x.astype(np.float64), labels, running=False)
        scores, candidates = [], []
        for layer, (x_l, delta) in enumerate(zip(inputs, deltas, strict=True)):
            scores.append(np.abs(run.product(delta, np.swapaxes(x_l, -1, -2))))
            mask = run.masks[layer]
            if problem.method not in DISTRIBUTIONS:
                candidates.append(growth.inactive(mask))
                continue
            known &= _is_plain(problem.subset_factor, mask.sum())
            seen = np.broadcast_to(x_l, (RUNS + 1, *x_l.shape[-2:])), delta
            found, sure = self._draw(mask, seen, probe, layer)
            candidates.append(found)
            known &= sure
        return candidates, scores, known

    def _draw(self, mask: Array, seen: tuple[Array, Array], probe: Probe, layer: int) -> tuple[list[int], bool]:
        """Return the candidates of a layer, and whether all runs draw alike."""
        problem, run, draws = self.problem, self._run, probe.draws[layer]
        kind, needed = DISTRIBUTIONS[problem.method], growth.count(problem.subset_factor, mask.sum())
        uniforms = np.stack([draws.inputs, draws.outputs]).astype(np.float64)
        signs = draws.signs.reshape(-1).astype(np.float64)
        first = growth.gse_candidates(kind, mask, seen[0][0], seen[1][0], problem.subset_factor, uniforms, signs)
        if growth.takes_all(mask, problem.subset_factor) or kind == "uniform":
            return first, True
        cancelled = (array[0].any() and not (array[0] @ signs).any() for array in seen)
        if kind == "graest" and any(cancelled):
            return first, False
        sides = zip(*(growth.masses(kind, x, delta, signs) for x, delta in zip(*seen, strict=True)), strict=True)
        for side, array, u in zip(sides, seen, uniforms, strict=True):
            size = array.shape[-1] + array.shape[-2]
            moved = np.abs(run.total(np.stack(side), np.abs(array).sum(-1), size))
            margins = [growth.walker(mass, u[:needed]).margins for mass in moved]
            if len(set(map(len, margins))) > 1:
                return first, False
            run.decisions.append(np.array(margins))
        return first, True

    def _selection(
        self,
        candidates: Sequence[list[int]],
        scores: Sequence[Array],
        grown: Sequence[set[int]],
        pruned: Sequence[set[int]],
        grows: bool,
    ) -> None:
        """Note by how much each connection was chosen or not: its distance from the best of the other side."""
        run, problem = self._run, self.problem
        active = [[int(edge) for edge in np.flatnonzero(mask)] for mask in run.masks]
        least = [-np.abs(w) for w in run.weights]
        sides = [(active, least, pruned)] + ([(candidates, scores, grown)] if grows else [])
        for edges, values, chosen in sides:
            for group in growth.groups(len(edges), problem.scope):
                entries = [(n, edge, edge in chosen[n]) for n in group for edge in edges[n]]
                inside = [values[n].reshape(RUNS + 1, -1)[:, edge] for n, edge, taken in entries if taken]
                outside = [values[n].reshape(RUNS + 1, -1)[:, edge] for n, edge, taken in entries if not taken]
                if inside and outside:
                    last = min(inside, key=lambda runs: runs[0])
                    best = max(outside, key=lambda runs: runs[0])
                    run.decisions.append(np.stack([one - best for one in inside], axis=1))
                    run.decisions.append(np.stack([last - one for one in outside], axis=1))


def _is_plain(fraction: float, size: float) -> bool:
    """Return whether ⌈fraction · size⌉ does not hang on rounding."""
    value = float(fraction * size)
    return value == round(value) or abs(value - round(value)) > _NEAR


def state_arrays(layers: Sequence[TrainedLayer]) -> dict[str, Array]:
    """Return the arrays of layers under the names of `Reference.results`, matrices dense."""
    found: dict[str, Array] = {}
    for number, layer in enumerate(layers):
        found[f"weights {number}"] = dense_of(layer.weights, layer.weights.values)
        found[f"momentum {number}"] = dense_of(layer.weights, layer.momentum)
        if layer.bias is not None and layer.bias_momentum is not None:
            found[f"bias {number}"], found[f"bias_momentum {number}"] = layer.bias, layer.bias_momentum
    return found
