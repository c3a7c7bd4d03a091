"""The subjects of a study by name: this package's training step, its methods' updates, and the dense baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..backends import active, use
from ..backends.counting import Counter, counting
from ..backends.tally_host import random_numbers, sgd_step, signs
from ..errors import unknown
from . import dense, layer, updates
from .layer import Activations, SparseLayer
from .sizes import Sizes
from .subject import Counts, Subject, Work

#: The training step, which is the same for all methods that keep a layer sparse.
STEP = "sparse step"
DENSE = "dense"
#: What `--methods` can name.
METHODS = (*updates.METHODS, DENSE)


def _host(phase: str, name: str, sizes: Sizes) -> list[Any]:
    """Return the tallies of what a phase does outside the backend: the optimizer's passes and random numbers."""
    distribution = updates.METHODS[name][0] if name in updates.METHODS else None
    found = []
    if phase in ("optimizer", "step"):
        found.append(sgd_step(sizes.nnz))
    if phase in ("draw", "update") and distribution is not None:
        found.append(random_numbers(2 * sizes.nnz))
    if phase in ("distributions", "update") and distribution == "graest":
        found.append(signs(sizes.batch))
    return found


def count(calls: Mapping[str, Callable[[], Any]], name: str, sizes: Sizes) -> dict[str, Counts]:
    """Run each call once on a counting backend; return what it cost, by phase.

    What is no call of a backend and no random number (checks of arguments, absolute values of scores) is not
    counted: each is a fixed number of passes over arrays that are.
    """
    found: dict[str, Counts] = {}
    for phase, call in calls.items():
        counter = Counter()
        with use(counting(active(), counter)):
            call()
        total = counter.total()
        for tally in _host(phase, name, sizes):
            total = total + tally
        found[phase] = asdict(total)
    return found


class _Layers:
    """Sparse layers by size, made once and shared by all subjects."""

    def __init__(self, activations: Activations, seed: int) -> None:
        self._activations, self._seed = activations, seed
        self._made: dict[Sizes, SparseLayer] = {}

    def of(self, sizes: Sizes) -> SparseLayer:
        if sizes not in self._made:
            self._made[sizes] = SparseLayer(sizes, self._activations, self._seed)
        return self._made[sizes]


def _work(calls: dict[str, Callable[[], Any]], name: str, sizes: Sizes) -> Work:
    return Work(calls, lambda: count(calls, name, sizes))


def subjects(methods: Sequence[str], activations: Activations, seed: int) -> list[Subject]:
    """Return the subjects that these methods need, the training step first.

    Raises
    ------
    InputError : a name that is not in `METHODS`.
    """
    layers = _Layers(activations, seed)
    found = []
    if any(name in updates.METHODS for name in methods):
        found.append(Subject(STEP, layer.TRAINING, lambda sizes: _work(layers.of(sizes).training(), STEP, sizes)))
    for name in dict.fromkeys(methods):
        if name not in METHODS:
            raise unknown("method", name, METHODS)
        if name == DENSE:
            found.append(Subject(DENSE, dense.TRAINING, lambda sizes: dense.work(sizes, activations, seed)))
        else:
            found.append(_update(name, layers, seed))
    return found


def _update(name: str, layers: _Layers, seed: int) -> Subject:
    def build(sizes: Sizes) -> Work:
        return _work(updates.update_calls(layers.of(sizes), name, seed), name, sizes)

    return Subject(name, updates.METHODS[name][1], build)
