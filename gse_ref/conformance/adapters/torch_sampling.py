"""Level sampling once more: masses from dense arrays, Walker's method on lists, candidates by sets of edge ids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from ...backends import Geometry
from ..adapter import Adapter, Array, NotCovered
from ..problems import Pattern
from .torch_products import edges_of, mask_of, tensor, unfolded


def walker(mass: Sequence[float]) -> tuple[list[float], list[int]]:
    """Return how probable it is to stay at each slot, and where a draw goes otherwise (section 5.2).

    The order in which slots are paired, and thus the table, is the one that `Backend.alias_table` describes.
    """
    n, total = len(mass), list(accumulate(mass))[-1]
    height = [m / total * n for m in mass]
    stay, other = [1.0] * n, list(range(n))
    low = [slot for slot in range(n) if height[slot] < 1]
    high = [slot for slot in range(n) if height[slot] >= 1]
    while low and high:
        filled, filler = low.pop(), high[-1]
        stay[filled], other[filled] = height[filled], filler
        height[filler] -= 1 - height[filled]
        if height[filler] < 1:
            low.append(high.pop())
    return stay, other


def walk(mass: Tensor, uniforms: Array) -> Tensor:
    """Return one slot a uniform, (m,) int64."""
    stay, other = walker(mass.tolist())
    slots = []
    for u in uniforms.tolist():
        slot = math.floor(u * len(stay))
        slots.append(slot if u * len(stay) - slot < stay[slot] else other[slot])
    return torch.tensor(slots, dtype=torch.int64)


def _shares(mass: Tensor) -> Tensor:
    total = mass.sum()
    if not bool(torch.isfinite(total)):
        raise ValueError("the mass of a distribution is not finite")
    return mass / total if float(total) > 0 else torch.full_like(mass, 1 / len(mass))


def distributions(
    kind: str, x: Tensor, delta: Tensor, signs: Tensor, geometry: Geometry | None
) -> tuple[Tensor, Tensor]:
    """Return f and g (section 5.1); x and delta batch first, signs (batch,) or (batch, height', width')."""
    columns = x[:, :, None] if geometry is None else unfolded(x, geometry)
    outputs = delta.reshape(*delta.shape[:2], -1)
    if kind == "uniform":
        masses = [torch.ones(side.shape[1], dtype=torch.float64) for side in (columns, outputs)]
    elif kind == "grabo":
        masses = [side.abs().sum((0, 2)) for side in (columns, outputs)]
    elif kind == "graest":
        weight = signs.reshape(len(x), 1, -1)
        masses = [(side * weight).sum((0, 2)).abs() for side in (columns, outputs)]
    else:
        raise NotCovered(f"no distribution {kind!r}")
    f, g = map(_shares, masses)
    return f, g


class TorchSampling(Adapter):
    """Distributions, draws and candidates."""

    def _distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry | None
    ) -> tuple[Array, Array]:
        f, g = distributions(kind, tensor(x), tensor(delta), tensor(signs), geometry)
        return f.numpy(), g.numpy()

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return f and g of a linear layer."""
        return self._distributions(kind, x, delta, signs, None)

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return f and g of a convolution from its unfolded images."""
        return self._distributions(kind, x, delta, signs, geometry)

    def draw(self, probabilities: Array, uniforms: Array) -> Array:
        """Return one slot a uniform."""
        return walk(tensor(probabilities), uniforms).numpy()

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return slots by PyTorch's own sampler."""
        if count == 0:
            return np.empty(0, np.int64)
        generator = torch.Generator().manual_seed(seed)
        return torch.multinomial(tensor(probabilities), count, replacement=True, generator=generator).numpy()

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return the set of drawn edges without the active ones; edge ids, since a mask may not fit."""
        drawn = torch.unique(tensor(rows, torch.int64) * pattern.shape[1] + tensor(cols, torch.int64))
        new = drawn[~torch.isin(drawn, edges_of(pattern))]
        return (new // pattern.shape[1]).numpy(), (new % pattern.shape[1]).numpy()

    def inactive(self, pattern: Pattern) -> tuple[Array, Array]:
        """Return where the mask is off."""
        rows, cols = torch.nonzero(~mask_of(pattern), as_tuple=True)
        return rows.numpy(), cols.numpy()
