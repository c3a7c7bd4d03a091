"""The table of methods: each is a choice of growth; pruning, counts and ties are shared (ALGORITHM section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import unknown
from .greedy import greedy
from .guided import guided
from .proposal import Proposer
from .random import uniform_growth


@dataclass(frozen=True)
class Method:
    """One way to train sparsely.

    Attributes
    ----------
    propose : which connections could be grown at an update; None for a topology that never changes.
    densifies : what becomes dense at some moment: "nothing" or "gradient".
    summary : one line for people.
    fixed_density : the density of a method that takes no other, else None.
    options : settings of the command line that mean something to some methods only, and to this one.
    """

    propose: Proposer | None
    densifies: str
    summary: str
    fixed_density: float | None = None
    options: frozenset[str] = frozenset()


_GUIDED = frozenset({"subset_factor"})


METHODS: dict[str, Method] = {
    "gse": Method(
        guided("uniform"), "nothing", "guided stochastic exploration, pairs drawn uniformly", options=_GUIDED
    ),
    "gse-grabo": Method(
        guided("grabo"), "nothing", "guided stochastic exploration, gradient upper bound", options=_GUIDED
    ),
    "gse-graest": Method(
        guided("graest"), "nothing", "guided stochastic exploration, gradient estimate", options=_GUIDED
    ),
    "set": Method(uniform_growth, "nothing", "SET: grow at random"),
    "rigl": Method(greedy, "gradient", "RigL: grow by the dense gradient, in row blocks"),
    "static": Method(None, "nothing", "the initial topology, never changed"),
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
