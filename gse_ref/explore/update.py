"""One topology update: a pure function from layers and a request to new topologies and slot maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import DivergenceError
from ..nn import SparseParameter
from ..sparse import SlotMap, Topology, edit
from .proposal import Layers, Proposal, Proposer, Request
from .select import Choice, select


@dataclass(frozen=True)
class LayerChange:
    """What an update does to one layer.

    Attributes
    ----------
    topology, slot_map : the new topology and where the old slots go.
    pruned, grown : how many connections go and come; equal under layer scope.
    candidates : |S|.
    smallest_grown_score, largest_pruned_magnitude : None where nothing was grown or pruned.
    fallbacks : sides that were sampled uniformly because their mass was 0.
    """

    topology: Topology
    slot_map: SlotMap
    pruned: int
    grown: int
    candidates: int
    smallest_grown_score: float | None
    largest_pruned_magnitude: float | None
    fallbacks: tuple[str, ...]


@dataclass(frozen=True)
class TopologyUpdate:
    """The changes of all layers by name; nothing is changed until each parameter is rewired."""

    step: int
    fraction: float
    layers: dict[str, LayerChange]

    @property
    def slot_maps(self) -> dict[str, SlotMap]:
        """Slot map of each layer, for optimizer state."""
        return {name: change.slot_map for name, change in self.layers.items()}


def _change(parameter: SparseParameter, proposal: Proposal, choice: Choice) -> LayerChange:
    rows, cols = proposal.rows[choice.grow], proposal.cols[choice.grow]
    topology, slot_map = edit(parameter.topology, choice.prune, rows, cols)
    scores, magnitudes = proposal.scores[choice.grow], np.abs(parameter.data[choice.prune])
    return LayerChange(
        topology=topology,
        slot_map=slot_map,
        pruned=len(choice.prune),
        grown=len(choice.grow),
        candidates=proposal.available,
        smallest_grown_score=float(scores.min()) if len(scores) else None,
        largest_pruned_magnitude=float(magnitudes.max()) if len(magnitudes) else None,
        fallbacks=proposal.fallbacks,
    )


def update(layers: Layers, propose: Proposer, request: Request) -> TopologyUpdate:
    """Return A ← (A \\ P) ∪ G for every layer, without changing anything (ALGORITHM section 5.7).

    Parameters
    ----------
    layers : sparse layers by name; their order numbers them and settles ties.
    propose : the method's growth, see `methods`.
    request : step, fraction, scope and the probe.

    Raises
    ------
    DivergenceError : a mass or score that is not finite, with layer and step.
    """
    parameters = list(layers.values())
    for name, parameter in layers.items():
        if not np.isfinite(parameter.data).all():
            raise DivergenceError(
                f"weights of layer {name} at step {request.step} are not finite: training has diverged"
            )
    proposals = propose(layers, request)
    choices = select(parameters, proposals, request.quotas(layers), request.scope, request.min_nnz)
    changes = map(_change, parameters, proposals, choices)
    return TopologyUpdate(request.step, request.fraction, dict(zip(layers, changes, strict=True)))
