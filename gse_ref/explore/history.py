"""What a run has to remember of its topologies to say how well it explores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import CheckpointError, InputError
from ..sparse import Topology, empty, union

_PARTS = ("grown", "recent")


class History:
    """The first topology of each layer, and what was grown since; O(n + ever active) memory.

    Parameters
    ----------
    first : the topology of each layer before the first step.

    Attributes
    ----------
    first, grown, recent : by layer, the first topology, all that was ever grown, and what the last update grew.
        `first` and `grown` together are what was ever active.
    """

    def __init__(self, first: Mapping[str, Topology]) -> None:
        self.first = dict(first)
        nothing = {name: empty(topology.shape) for name, topology in self.first.items()}
        self.grown, self.recent = nothing, nothing

    def add(self, grown: Mapping[str, Topology]) -> None:
        """Take what an update grows in each layer."""
        self.grown = {name: union(known, grown[name]) for name, known in self.grown.items()}
        self.recent = dict(grown)

    def state(self) -> dict[str, np.ndarray]:
        """Return part/layer → edge ids, int64, increasing. The seed gives the first topology anew."""
        parts = zip(_PARTS, (self.grown, self.recent), strict=True)
        return {f"{part}/{name}": topology.edge_ids for part, of in parts for name, topology in of.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take what `state` returned.

        Raises
        ------
        CheckpointError : arrays that are missing, or are not those of these layers.
        """
        wanted = {f"{part}/{name}" for part in _PARTS for name in self.first}
        if set(state) != wanted:
            raise CheckpointError(f"the checkpoint's history of exploration is of other layers: {sorted(state)}")
        read = {}
        for key, ids in state.items():
            shape = self.first[key.partition("/")[2]].shape
            try:
                read[key] = Topology.from_edges(*np.divmod(ids, shape[1]), shape)
            except (InputError, TypeError) as error:
                raise CheckpointError(f"the checkpoint's history of exploration, {key}: {error}") from None
        self.grown, self.recent = ({name: read[f"{part}/{name}"] for name in self.first} for part in _PARTS)
