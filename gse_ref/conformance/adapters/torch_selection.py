"""Level selection once more: counts by exact fractions, choices by a stable sort, edits by sorted edge ids."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from torch import Tensor

from ..adapter import Adapter, Array, NotCovered
from ..problems import Edited, Layer, Selected, Weights
from .torch_products import edges_of, tensor

#: Weights of the active connections, and scores of the candidates.
Offer = tuple[Tensor, Tensor]

#: A product this close to an integer is that integer: what precedes it is rounded.
NEAR = Fraction(1, 10**9)

_SHARES: dict[str, Callable[[int, int, int], Fraction]] = {
    "uniform": lambda n_out, channels, kernel: Fraction(n_out * channels * kernel**2),
    "erdos_renyi": lambda n_out, channels, kernel: Fraction(n_out + channels * kernel**2),
    "erdos_renyi_kernel": lambda n_out, channels, kernel: Fraction(
        n_out + channels + (2 * kernel if kernel > 1 else 0)
    ),
    "scaled": lambda n_out, channels, kernel: Fraction(n_out),
}


def decimal(fraction: float) -> Fraction:
    """Return the decimal number that a float is written as."""
    return Fraction(repr(float(fraction)))


def ceiling(fraction: float, size: int) -> int:
    """Return ⌈fraction · size⌉."""
    exact = decimal(fraction) * size
    return round(exact) if abs(exact - round(exact)) <= NEAR else math.ceil(exact)


def budgets(shares: Sequence[Fraction], sizes: Sequence[int], total: int) -> list[int]:
    """Return integers of sum `total` in proportion to `shares`, none above its size (section 3)."""
    exact = [Fraction(0)] * len(sizes)
    full: set[int] = set()
    while True:
        rest = total - sum(sizes[n] for n in full)
        weight = sum(share for n, share in enumerate(shares) if n not in full)
        exact = [Fraction(sizes[n]) if n in full else rest * share / weight for n, share in enumerate(shares)]
        above = {n for n, share in enumerate(exact) if share > sizes[n]}
        if not above:
            break
        full |= above
    counts = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda n: (counts[n] - exact[n], n))
    for n in by_remainder[: total - sum(counts)]:
        counts[n] += 1
    return counts


def alpha(schedule: str, initial: float, step: int, end: int) -> float:
    """Return α_t (section 4)."""
    if schedule == "cosine":
        return initial * math.cos(math.pi * step / (2 * end)) ** 2
    if schedule == "linear":
        return initial * (end - step) / end
    if schedule == "constant":
        return initial
    raise NotCovered(f"no schedule {schedule!r}")


def highest(scores: Tensor, k: int) -> Tensor:
    """Return the positions of the k highest scores, increasing; ties go to the lower position."""
    if bool(torch.isnan(scores).any()):
        raise ValueError("a score is NaN")
    order = torch.sort(scores, descending=True, stable=True).indices
    return torch.sort(order[:k]).values


def chosen(
    layers: Sequence[tuple[Tensor, Tensor]], counts: Sequence[int], scope: str
) -> list[tuple[Tensor, Tensor]]:
    """Return which scores each layer grows and which weights it prunes; layers of (weights, scores)."""
    if scope == "layer":
        return [_chosen_together([one], count)[0] for one, count in zip(layers, counts, strict=True)]
    if scope == "global":
        return _chosen_together(layers, sum(counts))
    raise NotCovered(f"no scope {scope!r}")


def _chosen_together(layers: Sequence[Offer], quota: int) -> list[tuple[Tensor, Tensor]]:
    sides = [-torch.cat([values.abs() for values, _ in layers]), torch.cat([scores for _, scores in layers])]
    k = min(quota, len(sides[1]))
    weakest, best = (highest(side, k) for side in sides)
    found, start = [], [0, 0]
    for values, scores in layers:
        parts = []
        for side, (positions, size) in enumerate(((weakest, len(values)), (best, len(scores)))):
            own = positions[(positions >= start[side]) & (positions < start[side] + size)]
            parts.append(own - start[side])
            start[side] += size
        found.append((parts[1], parts[0]))
    return found


class TorchSelection(Adapter):
    """Counts, schedules, choices and edits."""

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return the connections of each layer."""
        if kind not in _SHARES:
            raise NotCovered(f"no budget {kind!r}")
        sizes = [n_out * channels * kernel**2 for n_out, channels, kernel in layers]
        return budgets([_SHARES[kind](*one) for one in layers], sizes, round(decimal(density) * sum(sizes)))

    def prune_fraction(self, schedule: str, initial: float, step: int, end: int) -> float:
        """Return α_t."""
        return alpha(schedule, initial, step, end)

    def update_due(self, step: int, interval: int, end: int) -> bool:
        """Return whether an update precedes this step."""
        return step in range(interval, end + 1, interval)

    def prune_count(self, fraction: float, nnz: int) -> int:
        """Return ⌈fraction · nnz⌉."""
        return ceiling(fraction, nnz)

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the positions of the highest scores."""
        return highest(torch.tensor(scores), k).numpy()

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return what each layer grows and prunes."""
        given = [(torch.tensor(one.values), torch.tensor(one.scores)) for one in layers]
        return [Selected(grow.numpy(), prune.numpy()) for grow, prune in chosen(given, counts, scope)]

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return the layer after an edit: what stays and what is new, in the order of edge ids."""
        stays = torch.ones(len(weights.indices), dtype=torch.bool)
        stays[tensor(pruned, torch.int64)] = False
        grown = tensor(rows, torch.int64) * weights.shape[1] + tensor(cols, torch.int64)
        edges = torch.cat([edges_of(weights)[stays], grown])
        order = torch.argsort(edges)
        carried = [
            torch.cat([torch.tensor(one)[stays], torch.zeros(len(grown), dtype=torch.tensor(one).dtype)])[order]
            for one in (weights.values, momentum)
        ]
        return Edited(csr(edges[order], carried[0], weights.shape), carried[1].numpy())


def csr(edges: Tensor, values: Tensor, shape: tuple[int, int]) -> Weights:
    """Return weights of connections given by increasing edge ids."""
    starts = torch.searchsorted(edges, torch.arange(shape[0] + 1) * shape[1])
    return Weights(starts.numpy(), (edges % shape[1]).numpy(), values.numpy(), shape)
