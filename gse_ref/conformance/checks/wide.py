"""Layers given by a few pairs, so that they may be wide: where narrow integers overflow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...sparse import Topology

#: (n_out, n_in) of layers whose edge ids pass 2³¹, with few rows, and 2³².
WIDE = ((1_500, 1_500_000), (70_000, 70_000))


def of_pairs(pairs: Sequence[tuple[int, int]], shape: tuple[int, int]) -> Topology:
    """Return the topology of these connections, in any order."""
    edges = np.array(pairs, np.int64).reshape(-1, 2)
    return Topology.from_edges(edges[:, 0], edges[:, 1], shape)
