"""The table of methods: each is a choice of start, prune, growth and schedule (ALGORITHM section 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import unknown
from ..nn import Observer
from .greedy import greedy
from .guided import guided
from .one_shot import grasp, snip, synflow
from .proposal import Layers, Memory, Proposer, Request
from .random import uniform_growth
from .schedules import Timing, at_new_round, at_start, at_start_and_on_schedule, on_schedule
from .shrink import gradual, lottery, rounds
from .sketch import sketched
from .sparse_momentum import average_gradients, largest_average, start_averages
from .topkast import start_masters, topkast, topkast_sparse
from .update import TopologyUpdate, update

#: What becomes dense → in words.
DENSE = {
    "nothing": "nothing",
    "gradient": "the gradient",
    "weights": "the weights, always",
    "start": "the weights at the start",
}


@dataclass(frozen=True)
class Method:
    """One way to train sparsely.

    Attributes
    ----------
    summary : one line for people.
    densifies : what becomes dense at some moment, a key of `DENSE`.
    propose : which connections could be grown at an update; None for a method that does not drop and grow.
    change : what happens to the topology where that is not to drop and grow; None for nothing else.
    when : before which steps the topology changes.
    dense_start : whether the network begins in CSR of density 1.
    thins_out : whether the density falls to its target update by update.
    fixed_density : the density of a method that takes no other, else None.
    rounds : target density → density of every round of training, for a method that trains several times.
    remember : the arrays that the method keeps, before the first step; None for none.
    follow : sees the layers of every training step and changes what the method keeps; None for none.
    dense_arrays : dense arrays of n_out · n_in numbers a layer that the method holds at some moment.
    options : settings of the command line that mean something to some methods only, and to this one.
    """

    summary: str
    densifies: str = "nothing"
    propose: Proposer | None = None
    change: Callable[[Layers, Request], TopologyUpdate] | None = None
    when: Callable[[int, Timing], bool] = on_schedule
    dense_start: bool = False
    thins_out: bool = False
    fixed_density: float | None = None
    rounds: Callable[[float], tuple[float, ...]] | None = None
    remember: Callable[[Layers], dict[str, np.ndarray]] | None = None
    follow: Callable[[Layers, Memory], Observer] | None = None
    dense_arrays: int = 0
    options: frozenset[str] = frozenset()

    @property
    def changes(self) -> Callable[[Layers, Request], TopologyUpdate] | None:
        """What makes an update, or None if the topology stays."""
        propose = self.propose
        if propose is None:
            return self.change
        return lambda layers, request: update(layers, propose, request)

    @property
    def draws_candidates(self) -> bool:
        """Whether it grows the best of a drawn set S, whose size the subset factor γ sets."""
        return self.propose is not None and "subset_factor" in self.options


_DROPS = frozenset({"prune_criterion"})
_REGROWS = _DROPS | {"allow_regrow"}
_GUIDED = _DROPS | {"subset_factor"}

METHODS: dict[str, Method] = {
    "gse": Method(
        "guided stochastic exploration, pairs drawn uniformly", propose=guided("uniform"), options=_GUIDED
    ),
    "gse-grabo": Method(
        "guided stochastic exploration, gradient upper bound", propose=guided("grabo"), options=_GUIDED
    ),
    "gse-graest": Method(
        "guided stochastic exploration, gradient estimate", propose=guided("graest"), options=_GUIDED
    ),
    "set": Method("SET: grow at random", propose=uniform_growth, options=_DROPS),
    "rigl": Method(
        "RigL: grow by the dense gradient, in row blocks of O(nnz + block) memory",
        "gradient",
        greedy,
        options=_REGROWS,
    ),
    "rigl-sketch": Method("RigL's choice, skipping blocks by a bound", "gradient", sketched, options=_REGROWS),
    "snfs": Method(
        "SNFS: grow by the momentum-averaged dense gradient",
        "gradient",
        largest_average,
        remember=start_averages,
        follow=average_gradients,
        dense_arrays=2,
        options=_DROPS,
    ),
    "topkast": Method(
        "Top-KAST: the largest weights of a dense master copy",
        "weights",
        change=topkast,
        when=at_start_and_on_schedule,
        dense_start=True,
        remember=start_masters,
        dense_arrays=3,
        options=frozenset({"subset_factor"}),
    ),
    "topkast-sparse": Method(
        "Top-KAST without a master copy: the largest weights of forward set and candidates",
        change=topkast_sparse,
        when=at_start_and_on_schedule,
        options=frozenset({"subset_factor"}),
    ),
    "static": Method("the initial topology, never changed"),
    "gradual": Method(
        "gradual magnitude pruning",
        "start",
        change=gradual,
        dense_start=True,
        thins_out=True,
        options=_DROPS,
    ),
    "lottery": Method(
        "lottery ticket: iterative magnitude pruning with rewinding",
        "start",
        change=lottery,
        when=at_new_round,
        dense_start=True,
        rounds=rounds,
        dense_arrays=1,
        options=_DROPS,
    ),
    "snip": Method("SNIP: keep the highest |g·θ|, once", "start", change=snip, when=at_start, dense_start=True),
    "grasp": Method("GraSP: keep the highest θ·Hg, once", "start", change=grasp, when=at_start, dense_start=True),
    "synflow": Method(
        "SynFlow: keep what carries the flow, in 100 rounds, once",
        "start",
        change=synflow,
        when=at_start,
        dense_start=True,
        dense_arrays=4,
    ),
    "dense": Method("all connections, always", "weights", dense_start=True, fixed_density=1.0),
}


def method(name: str) -> Method:
    """Return the method `name`.

    Raises
    ------
    InputError : the name is not in `METHODS`; the message names the nearest.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
