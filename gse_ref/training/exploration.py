"""What a run records of its exploration, update by update, where it was asked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends.arrays import to_host
from ..counts import ceiling
from ..explore import Method, Request, TopologyUpdate
from ..explore.history import History
from ..explore.observe import (
    explored_share,
    jaccard_distance,
    recall,
    share,
    survival,
    units_without_inputs,
    units_without_outputs,
)
from ..explore.proposal import Layers
from ..explore.reference import Reference, greedy_reference
from ..sparse import Topology, difference
from .record import EXPLORATION, Log


def _active(topology: Topology, silent: np.ndarray | None) -> Topology:
    """Return the connections that take part, on the host, where they are compared and logged."""
    home = topology.on(np)
    return home if silent is None else home.chosen(np.flatnonzero(~to_host(silent)))


@dataclass(frozen=True)
class _Seen:
    """What is known of a network after an update, by layer.

    Attributes
    ----------
    present : the active connections.
    grown, recent : what the update grew, and what the one before it grew.
    candidates, draws : |S|, and how many pairs were drawn for it; empty for a method that draws no candidates.
    references : RigL's choice; empty where it was not asked for, or the method does not drop and grow.
    """

    present: Mapping[str, Topology]
    grown: Mapping[str, Topology]
    recent: Mapping[str, Topology]
    candidates: Mapping[str, int]
    draws: Mapping[str, int]
    references: Mapping[str, Reference]


class Exploration:
    """Looks at the updates of a run, and logs how well they explore.

    Parameters
    ----------
    level : "topology" or "gradient", see `OBSERVED`.
    layers : the sparse layers with their first topologies, before any state of a checkpoint is put into them.
    log : receives the rows of ``exploration.jsonl``.
    """

    def __init__(self, level: str, method: Method, layers: Layers, log: Log) -> None:
        self._level, self._method, self._layers, self._log = level, method, layers, log
        self._history = History({name: _active(p.topology, p.silent) for name, p in layers.items()})

    def state(self) -> dict[str, np.ndarray]:
        """Return what a resumed run has to know, by name."""
        return self._history.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take what `state` returned.

        Raises
        ------
        CheckpointError : a state of other layers.
        """
        self._history.restore(state)

    def log_first(self) -> None:
        """Log the first topology."""
        history = self._history
        self._write(0, _Seen(history.first, history.recent, history.recent, {}, {}, {}))

    def see(self, change: TopologyUpdate, request: Request) -> None:
        """Log the update that the method made of `request`; it must not be applied yet.

        Raises
        ------
        DivergenceError : a gradient that is not finite, maybe one that the method itself does not compute.
        """
        layers, method = self._layers, self._method
        before = {name: _active(p.topology, p.silent) for name, p in layers.items()}
        present = {name: _active(new.topology, new.silent) for name, new in change.layers.items()}
        grown = {name: difference(present[name], before[name]) for name in layers}
        drawn = change.layers if method.draws_candidates else {}
        compared = self._level == "gradient" and method.propose is not None
        seen = _Seen(
            present=present,
            grown=grown,
            recent=self._history.recent,
            candidates={name: new.candidates for name, new in drawn.items()},
            draws={name: ceiling(request.subset_factor, before[name].nnz) for name in drawn},
            references=greedy_reference(layers, grown, request) if compared else {},
        )
        self._history.add(grown)
        self._write(request.step, seen)

    def _write(self, step: int, seen: _Seen) -> None:
        names = list(self._layers)
        layers = [{"name": name, **self._measures([name], seen)} for name in names]
        self._log(EXPLORATION, {"step": step, **self._measures(names, seen), "layers": layers})

    def _measures(self, names: list[str], seen: _Seen) -> dict[str, Any]:
        """Return every measure of these layers together."""

        def of(topologies: Mapping[str, Topology]) -> list[Topology]:
            return [topologies[name] for name in names]

        def total(counts: Mapping[str, int]) -> int:
            return sum(counts.get(name, 0) for name in names)

        first, grown, present = of(self._history.first), of(self._history.grown), of(seen.present)
        row: dict[str, Any] = {
            "density": share(sum(layer.nnz for layer in present), sum(layer.size for layer in present)),
            "explored_share": explored_share([first, grown]),
            "jaccard_distance": jaccard_distance(first, present),
            "survival": survival(grown, present),
            "survival_recent": survival(of(seen.recent), present),
            "units_without_inputs": units_without_inputs(present),
            "units_without_outputs": units_without_outputs(present),
            "candidate_yield": share(total(seen.candidates), total(seen.draws)),
        }
        if self._level == "gradient":
            row |= _beside_rigl([seen.references[name] for name in names if seen.references], of(seen.grown))
        return row


def _beside_rigl(references: list[Reference], grown: Sequence[Topology]) -> dict[str, float | None]:
    if not references:
        return {"recall": None, "mass_captured": None}
    mass = sum(reference.grown_mass for reference in references)
    best_mass = sum(reference.best_mass for reference in references)
    return {
        "recall": recall(grown, [reference.best for reference in references]),
        "mass_captured": share(mass, best_mass),
    }
