"""One topology update: a pure function from layers and a request to new topologies and slot maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..backends.arrays import all_finite, item, namespace, new
from ..errors import DivergenceError
from ..nn import SparseParameter
from ..sparse import SlotMap, Topology, edit
from .criteria import criterion
from .proposal import Layers, Memory, Proposal, Proposer, Request
from .select import Choice, select


@dataclass(frozen=True)
class LayerChange:
    """What an update does to one layer.

    Attributes
    ----------
    topology, slot_map : the new topology and where the old slots go.
    pruned, grown : how many connections go and come; equal under layer scope.
    candidates : |S|, or how many connections were scored.
    smallest_grown_score, largest_pruned_magnitude : None where nothing was grown or pruned.
    fallbacks : sides that were sampled uniformly because their mass was 0.
    visited : see `Proposal`.
    values : weights of the new slots, where they are not those that the slot map carries over.
    silent : slots that only receive gradients, see `SparseParameter`.
    decay : factor of the weight decay of each new slot, where it is not 1 for all.
    """

    topology: Topology
    slot_map: SlotMap
    pruned: int
    grown: int
    candidates: int
    smallest_grown_score: float | None = None
    largest_pruned_magnitude: float | None = None
    fallbacks: tuple[str, ...] = ()
    visited: float | None = None
    values: np.ndarray | None = None
    silent: np.ndarray | None = None
    decay: np.ndarray | None = None


@dataclass(frozen=True)
class TopologyUpdate:
    """The changes of all layers by name; nothing is changed until each parameter is rewired.

    memory : what the method keeps for its next update.
    rewind : whether all weights, biases and statistics go back to their initial values.
    """

    step: int
    fraction: float
    layers: dict[str, LayerChange]
    memory: Memory = field(default_factory=dict)
    rewind: bool = False

    @property
    def slot_maps(self) -> dict[str, SlotMap]:
        """Slot map of each layer, for optimizer state."""
        return {name: change.slot_map for name, change in self.layers.items()}


def require_finite(layers: Layers, step: int) -> None:
    """Raise DivergenceError, with layer and step, unless all weights are finite."""
    for name, parameter in layers.items():
        if not all_finite(parameter.data):
            raise DivergenceError(f"weights of layer {name} at step {step} are not finite: training has diverged")


def _change(parameter: SparseParameter, proposal: Proposal, choice: Choice) -> LayerChange:
    rows, cols = proposal.rows[choice.grow], proposal.cols[choice.grow]
    topology, slot_map = edit(parameter.topology, choice.prune, rows, cols)
    scores, magnitudes = proposal.scores[choice.grow], abs(parameter.data[choice.prune])
    return LayerChange(
        topology=topology,
        slot_map=slot_map,
        pruned=len(choice.prune),
        grown=len(choice.grow),
        candidates=proposal.available,
        smallest_grown_score=item(scores.min()) if len(scores) else None,
        largest_pruned_magnitude=item(magnitudes.max()) if len(magnitudes) else None,
        fallbacks=proposal.fallbacks,
        visited=proposal.visited,
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
    require_finite(layers, request.step)
    return settle(layers, propose(layers, request), request)


def settle(layers: Layers, proposals: Sequence[Proposal], request: Request) -> TopologyUpdate:
    """Return the update that grows the best of `proposals`, one of each layer, and prunes as many."""
    parameters, rule = list(layers.values()), criterion(request.criterion)
    importances = rule.importance(layers, request)
    quotas = request.quotas(layers)
    choices = select(parameters, proposals, quotas, request.scope, request.min_nnz, importances, halves=rule.halves)
    changes = map(_change, parameters, proposals, choices)
    return TopologyUpdate(request.step, request.fraction, dict(zip(layers, changes, strict=True)))


def thinned(
    layers: Layers, kept: Mapping[str, np.ndarray], request: Request, rewind: bool = False
) -> TopologyUpdate:
    """Return the update that keeps the slots `kept` of each layer, increasing, and grows nothing."""
    changes = {}
    for name, parameter in layers.items():
        xp, nothing = namespace(kept[name]), new((0,), parameter.topology.indices)
        gone = xp.delete(xp.arange(parameter.topology.nnz), kept[name])
        topology, slot_map = edit(parameter.topology, gone, nothing, nothing)
        magnitudes = abs(parameter.data[gone])
        changes[name] = LayerChange(
            topology=topology,
            slot_map=slot_map,
            pruned=len(gone),
            grown=0,
            candidates=0,
            largest_pruned_magnitude=item(magnitudes.max()) if len(gone) else None,
        )
    return TopologyUpdate(request.step, 0.0, changes, rewind=rewind)
