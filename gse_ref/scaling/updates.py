"""The phases of a topology update, method by method: each a call of what the update itself calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..backends import active
from ..errors import InputError
from ..explore import Proposal, Proposer, Request, method, select, update
from ..explore.distributions import DISTRIBUTIONS, mass_or_uniform, signs_of
from ..explore.greedy import top_of_dense_gradient
from ..explore.guided import score
from ..optim import remap
from ..rng import stream
from ..sparse import edit, sample_inactive
from .layer import NAME, SparseLayer
from .subject import ELEMENTS, QUADRATIC, ROWS, STREAM, Phase

#: The paper's prune fraction and scope (ALGORITHM sections 4 and 7).
FRACTION, SCOPE, STEP = 0.2, "global", 1

Calls = dict[str, Callable[[], Any]]

_SHARED = {
    "selection": Phase(access=STREAM),
    "merge": Phase(access=STREAM),
    "transpose": Phase(access=ELEMENTS),
}
_GUIDED = {
    "distributions": Phase(access=ELEMENTS),
    "draw": Phase(access=ELEMENTS),
    "candidates": Phase(access=ELEMENTS),
    "scores": Phase(access=ROWS),
    **_SHARED,
    "update": Phase(access=ELEMENTS),
}
_RANDOM = {
    "draw": Phase(access=ELEMENTS),
    **_SHARED,
    "update": Phase(access=ELEMENTS),
}
_GREEDY = {
    "scores": Phase(QUADRATIC, ROWS),
    **_SHARED,
    "update": Phase(QUADRATIC, ROWS),
}

#: Method → distribution it draws by (None where it does not) and its phases.
METHODS: dict[str, tuple[str | None, dict[str, Phase]]] = {
    "gse": ("uniform", _GUIDED),
    "gse-grabo": ("grabo", _GUIDED),
    "gse-graest": ("graest", _GUIDED),
    "set": (None, _RANDOM),
    "rigl": (None, _GREEDY),
}


def _request(layer: SparseLayer, seed: int) -> Request:
    return Request(seed, STEP, FRACTION, SCOPE, 1.0, layer.probe)


def proposer_of(name: str) -> Proposer:
    """Return how the method grows.

    Raises
    ------
    InputError : an unknown method, or one that never changes a topology.
    """
    propose = method(name).propose
    if propose is None:
        raise InputError(f"method {name!r} never changes the topology: it has no update to measure")
    return propose


def whole_update(layer: SparseLayer, name: str, seed: int) -> None:
    """Make one whole update by the method `name`, its probe pass included, then put the layer back as it was."""
    change = update({NAME: layer.parameter}, proposer_of(name), _request(layer, seed))
    made = change.layers[NAME]
    layer.parameter.rewire(made.topology, made.slot_map)
    remap(layer.state, change.slot_maps)
    _ = made.topology.transpose
    layer.restore()


def _guided(layer: SparseLayer, distribution: str, seed: int) -> tuple[Calls, Proposal]:
    """Return the phases up to the scores, and the proposal they lead to."""
    topology, draws = layer.topology, layer.topology.nnz

    def distributions() -> list[Any]:
        masses = DISTRIBUTIONS[distribution](layer.seen, partial(signs_of, stream(seed, "signs", 0, STEP)))
        return [active().alias_table(mass_or_uniform(mass, NAME)[0]) for mass in masses]

    tables = distributions()

    def draw() -> list[np.ndarray]:
        uniforms = stream(seed, "draw", 0, STEP).random((2, draws))
        return [active().alias_draw(table, axis) for table, axis in zip(tables, uniforms, strict=True)]

    cols, rows = draw()

    def candidates() -> tuple[np.ndarray, np.ndarray]:
        return active().candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)

    pairs = candidates()
    scores = score(*pairs, layer.seen, NAME)
    calls: Calls = {
        "distributions": distributions,
        "draw": draw,
        "candidates": candidates,
        "scores": lambda: score(*pairs, layer.seen, NAME),
    }
    return calls, Proposal(*pairs, scores, len(scores))


def _random(layer: SparseLayer, seed: int) -> tuple[Calls, Proposal]:
    quota = sum(_request(layer, seed).quotas({NAME: layer.parameter}))

    def draw() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        generator = stream(seed, "grow", 0, STEP)
        [(rows, cols)] = sample_inactive([layer.topology], quota, generator)
        return rows, cols, generator.random(len(rows))

    drawn = draw()
    return {"draw": draw}, Proposal(*drawn, len(drawn[0]))


def _greedy(layer: SparseLayer, seed: int) -> tuple[Calls, Proposal]:
    topology = layer.topology
    quota = sum(_request(layer, seed).quotas({NAME: layer.parameter}))
    ids, found = top_of_dense_gradient(layer.seen, quota, NAME)
    rows, cols = (part.astype(np.int32) for part in np.divmod(ids, topology.n_in))
    calls: Calls = {"scores": lambda: top_of_dense_gradient(layer.seen, quota, NAME)}
    return calls, Proposal(rows, cols, found, topology.size - topology.nnz)


def update_calls(layer: SparseLayer, name: str, seed: int) -> Calls:
    """Return a call for each phase of the method `name`, on arguments made once."""
    distribution, _ = METHODS[name]
    if distribution is not None:
        calls, proposal = _guided(layer, distribution, seed)
    else:
        calls, proposal = (_random if name == "set" else _greedy)(layer, seed)
    quotas = _request(layer, seed).quotas({NAME: layer.parameter})
    [choice] = select([layer.parameter], [proposal], quotas, SCOPE)
    grown = proposal.rows[choice.grow], proposal.cols[choice.grow]
    changed, _ = edit(layer.topology, choice.prune, *grown)
    momentum = layer.state[NAME]["momentum"]

    def merge() -> None:
        _, slot_map = edit(layer.topology, choice.prune, *grown)
        slot_map.carry(layer.values)
        slot_map.carry(momentum)

    return calls | {
        "selection": lambda: select([layer.parameter], [proposal], quotas, SCOPE),
        "merge": merge,
        "transpose": lambda: active().transpose_index(changed.indptr, changed.indices, changed.n_in),
        "update": lambda: whole_update(layer, name, seed),
    }
