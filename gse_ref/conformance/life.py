"""The life of a network's layers under an implementation, and beside them dense ones that follow the definition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..rng import stream
from .adapter import NotCovered
from .change import Change, read, read_layer
from .dense_update import ceiling, edge_ids, expected, groups, inactive, least
from .judge import Disagreement, same_floats, same_integers, wrong
from .problems import Draws, ExploredLayer, UpdateProblem, Weights
from .subject import Subject

Array = np.ndarray


class Update(NamedTuple):
    """A topology update; the random numbers are those of `seed`."""

    method: str
    scope: str
    fraction: float
    subset_factor: float
    seed: int


class Exchange(NamedTuple):
    """An edit of one layer: about these thousandths of its connections go, of its inactive pairs come."""

    layer: int
    pruned: int
    grown: int
    seed: int


class Train(NamedTuple):
    """A training step that changes every weight and its momentum."""

    rate: float


class ChangeBatch(NamedTuple):
    """Another probe batch, of this many samples."""

    batch: int
    seed: int


class Checkpoint(NamedTuple):
    """Save everything."""


class Resume(NamedTuple):
    """Go back to what was saved last, or to the start."""


Step = Update | Exchange | Train | ChangeBatch | Checkpoint | Resume


class Dense:
    """One layer by the definition: weights, momenta and the mask of its connections, all (n_out, n_in)."""

    def __init__(self, weights: Weights, momentum: Array) -> None:
        ids, size = edge_ids(weights), weights.shape[0] * weights.shape[1]
        self.mask = np.zeros(size, bool)
        self.theta, self.momentum = (np.zeros(size, momentum.dtype) for _ in range(2))
        self.mask[ids], self.theta[ids], self.momentum[ids] = True, weights.values, momentum

    def change(self, grown: Iterable[int], pruned: Iterable[int]) -> None:
        """Let these edge ids come, with weight and momentum 0, and those go."""
        for edges, there in ((sorted(pruned), False), (sorted(grown), True)):
            self.mask[edges] = there
            self.theta[edges] = self.momentum[edges] = 0

    def copy(self) -> Dense:
        """Return one that does not change with this one."""
        twin = object.__new__(Dense)
        twin.mask, twin.theta, twin.momentum = self.mask.copy(), self.theta.copy(), self.momentum.copy()
        return twin


def trained(theta: Array, momentum: Array, rate: float) -> tuple[Array, Array]:
    """Return weights and momenta after a step of some training, element by element."""
    momentum = momentum * momentum.dtype.type(0.5) + theta
    return theta - momentum * theta.dtype.type(rate), momentum


class Life:
    """Layers as an implementation changes them, compared with dense ones after every step.

    The implementation holds nothing between two calls: whatever it remembers shows after another batch, a training
    step, or the return to a checkpoint. What it gave is not copied: if it uses the memory again, that shows too.

    Parameters
    ----------
    subject : whose `update` and `edit` are called, as far as it has them.
    layers : before the first step.
    """

    def __init__(self, subject: Subject, layers: Iterable[ExploredLayer]) -> None:
        self.subject, self.layers = subject, list(layers)
        self.dense = [Dense(layer.weights, layer.momentum) for layer in self.layers]
        self.steps, self.judged, self.declined = 0, 0, dict[str, None]()
        self._save()

    def take(self, step: Step) -> None:
        """Take a step, and compare.

        Raises
        ------
        Disagreement : it went wrong; the message says at which step.
        """
        self.steps += 1
        try:
            self._take(step)
            self._agree()
        except NotCovered as why:
            self.declined[str(why)] = None
        except Disagreement as found:
            what = f"step {self.steps}, {step}: {found.what}"
            raise Disagreement(what, found.actual, found.expected, found.bound, found.kind) from None

    def _take(self, step: Step) -> None:
        match step:
            case Update():
                self._update(step)
            case Exchange():
                self._exchange(step)
            case Train(rate):
                for number, (layer, dense) in enumerate(zip(self.layers, self.dense, strict=True)):
                    values, momentum = trained(layer.weights.values, layer.momentum, rate)
                    self._put(number, layer.weights._replace(values=values), momentum)
                    theta, velocity = trained(dense.theta, dense.momentum, rate)
                    dense.theta, dense.momentum = theta * dense.mask, velocity * dense.mask
            case ChangeBatch(batch, seed):
                self._change_batch(batch, seed)
            case Checkpoint():
                self._save()
            case Resume():
                self.layers = list(self.saved[0])
                self.dense = [dense.copy() for dense in self.saved[1]]

    def _save(self) -> None:
        layers = []
        for layer in self.layers:
            indptr, indices, values, shape = layer.weights
            weights = Weights(indptr.copy(), indices.copy(), values.copy(), shape)
            layers.append(layer._replace(weights=weights, momentum=layer.momentum.copy()))
        self.saved = layers, [dense.copy() for dense in self.dense]

    def _put(self, number: int, weights: Weights, momentum: Array) -> None:
        self.layers[number] = self.layers[number]._replace(weights=weights, momentum=momentum)

    def _change_batch(self, batch: int, seed: int) -> None:
        """Give every layer small multiples of one half, as in `strategies.updates`."""
        for number, layer in enumerate(self.layers):
            generator = stream(seed, "check", number)
            x, delta = (
                (generator.integers(-2, 3, (*array.shape[:-1], batch)) / 2).astype(array.dtype)
                for array in (layer.x, layer.delta)
            )
            self.layers[number] = layer._replace(x=x, delta=delta)

    def _update(self, step: Update) -> None:
        layers = []
        for number, layer in enumerate(self.layers):
            generator = stream(step.seed, "check", number)
            inputs, outputs = generator.random((2, ceiling(step.subset_factor, len(layer.weights.indices))))
            signs = generator.integers(0, 2, layer.delta.shape[1:]) * 2.0 - 1.0
            layers.append(layer._replace(draws=Draws(inputs, outputs, signs)))
        problem = UpdateProblem(
            tuple(layers), step.method, step.fraction, step.scope, step.subset_factor, step.seed
        )
        changes = read(self.subject.call("update", problem), problem)
        self.judged += 1
        for change, (grown, pruned) in zip(changes, _moves(problem, changes), strict=True):
            self._put(change.number, change.result.weights, change.result.momentum)
            self.dense[change.number].change(grown, pruned)

    def _exchange(self, step: Exchange) -> None:
        if "edit" not in self.subject.operations:
            return
        number = step.layer % len(self.layers)
        layer, generator = self.layers[number], stream(step.seed, "check")
        ids = edge_ids(layer.weights)
        pruned = np.flatnonzero(generator.random(len(ids)) < step.pruned / 1000)
        free = np.array(sorted(inactive(layer)), np.int64)
        grown = free[generator.random(len(free)) < step.grown / 1000]
        given = self.subject.call(
            "edit", layer.weights, layer.momentum, pruned, *np.divmod(grown, layer.weights.shape[1])
        )
        result = read_layer(given, layer.weights, number)
        self.judged += 1
        self._put(number, result.weights, result.momentum)
        self.dense[number].change(grown, ids[pruned])

    def _agree(self) -> None:
        """Demand the same connections, weights and momenta, bit for bit.

        Raises
        ------
        Disagreement : they differ.
        """
        for number, (layer, dense) in enumerate(zip(self.layers, self.dense, strict=True)):
            where, edges = f"of layer {number}", np.flatnonzero(dense.mask)
            same_integers(edge_ids(layer.weights), edges, f"edge ids {where}")
            same_floats(layer.weights.values, dense.theta[edges], f"weights {where}")
            same_floats(layer.momentum, dense.momentum[edges], f"momentum {where}")


def _moves(problem: UpdateProblem, changes: list[Change]) -> list[tuple[Iterable[int], Iterable[int]]]:
    """Return what must come and go in each layer, as far as the given numbers determine it, else what did.

    Raises
    ------
    Disagreement : the count of what comes, or goes, is determined and is another.
    """
    wanted = expected(problem)
    if wanted.grown is not None and wanted.pruned is not None:
        return list(zip(wanted.grown, wanted.pruned, strict=True))
    totals = [
        [sum(len(getattr(changes[n], side)) for n in group) for group in groups(problem)]
        for side in ("grown", "pruned")
    ]
    for side, counts in zip(("grown", "pruned"), totals, strict=True):
        if wanted.counts is not None and tuple(counts) != wanted.counts:
            wrong(f"{side}: {counts}, not {list(wanted.counts)}", counts, wanted.counts)
    return list(zip((change.grown for change in changes), least(problem, totals[1]), strict=True))
