"""The dense-mask model: a whole run of an MLP under any method, in float64 NumPy, sharing only random streams.

Weights, masks, gradients and momenta are dense matrices; nothing of the package's kernels, sparse core, autodiff,
optimizer or exploration is used. Written from ALGORITHM sections 3 to 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gse_ref.rng import stream


@dataclass
class DenseRun:
    """State: weights, masks, biases and momenta of each layer, all dense.

    The masks say what takes part in the products; `learning` what receives gradients, the same masks unless a
    method sets others; `decays` are factors of the weight decay of each weight.
    """

    weights: list[np.ndarray]
    masks: list[np.ndarray]
    biases: list[np.ndarray]
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        self.learning = self.masks
        self.decays = [np.ones_like(w) for w in self.weights]
        self.gradients = [np.zeros_like(w) for w in self.weights]
        self.velocity = [np.zeros_like(w) for w in self.weights]
        self.bias_velocity = [np.zeros_like(b) for b in self.biases]

    def passes(self, x: np.ndarray, labels: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        """Return the input and the output gradient of each layer, and the loss."""
        inputs = [x]
        for layer, (w, m, b) in enumerate(zip(self.weights, self.masks, self.biases, strict=True)):
            y = (w * m) @ inputs[-1] + b[:, None]
            inputs.append(np.maximum(y, 0) if layer < len(self.weights) - 1 else y)
        logits = inputs.pop()
        log_p = logits - np.log(np.exp(logits - logits.max(0)).sum(0)) - logits.max(0)
        batch = x.shape[1]
        loss = -log_p[labels, np.arange(batch)].mean()
        delta = np.exp(log_p)
        delta[labels, np.arange(batch)] -= 1
        deltas = [delta / batch]
        for layer in range(len(self.weights) - 1, 0, -1):
            down = (self.weights[layer] * self.masks[layer]).T @ deltas[0]
            deltas.insert(0, down * (inputs[layer] > 0))
        return inputs, deltas, loss

    def sgd(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Take one SGD step with momentum; decay on weights that learn, not on biases."""
        inputs, deltas, loss = self.passes(x, labels)
        for layer, (x_l, d_l) in enumerate(zip(inputs, deltas, strict=True)):
            self.gradients[layer] = d_l @ x_l.T
            decay = self.weight_decay * self.decays[layer] * self.weights[layer]
            g = (self.gradients[layer] + decay) * self.learning[layer]
            self.velocity[layer] = self.momentum * self.velocity[layer] + g
            self.weights[layer] = self.weights[layer] - self.lr * self.velocity[layer]
            self.bias_velocity[layer] = self.momentum * self.bias_velocity[layer] + d_l.sum(1)
            self.biases[layer] = self.biases[layer] - self.lr * self.bias_velocity[layer]
        return loss

    def apply(self, grown: list[set[int]], pruned: list[set[int]]) -> None:
        """Change the masks; grown weights and momenta are 0, pruned ones are gone."""
        for layer, mask in enumerate(self.masks):
            for ids, value in ((pruned[layer], 0.0), (grown[layer], 1.0)):
                for edge in ids:
                    i, j = divmod(edge, mask.shape[1])
                    mask[i, j] = value
                    self.weights[layer][i, j] = self.velocity[layer][i, j] = 0.0


def walker(mass: np.ndarray, uniforms: np.ndarray) -> list[int]:
    """Draw by Walker's method with the stacks of ALGORITHM section 5.2, in exact index order."""
    n, total = len(mass), 0.0
    for p in mass:
        total += p
    scaled = [p / total * n for p in mass]
    stay, other = [1.0] * n, list(range(n))
    small, large = [i for i in range(n) if scaled[i] < 1], [i for i in range(n) if scaled[i] >= 1]
    while small and large:
        a = small.pop()
        stay[a], other[a] = scaled[a], large[-1]
        scaled[large[-1]] -= 1 - scaled[a]
        if scaled[large[-1]] < 1:
            small.append(large.pop())
    draws = []
    for u in uniforms:
        slot = math.floor(u * n)
        draws.append(slot if u * n - slot < stay[slot] else other[slot])
    return draws


def gse_candidates(
    distribution: str, mask: np.ndarray, x: np.ndarray, delta: np.ndarray, gamma: float, key: tuple[int, int, int]
) -> list[int]:
    """Return edge ids of S, increasing; `key` is (seed, layer, step)."""
    seed, layer, step = key
    n_out, n_in = mask.shape
    draws = math.ceil(gamma * mask.sum())
    every = {i * n_in + j for i in range(n_out) for j in range(n_in) if not mask[i, j]}
    if len(every) <= draws:
        return sorted(every)
    signs = 2.0 * stream(seed, "signs", layer, step).integers(0, 2, x.shape[1]) - 1
    masses = {
        "uniform": (np.ones(n_in), np.ones(n_out)),
        "grabo": (np.abs(x).sum(1), np.abs(delta).sum(1)),
        "graest": (np.abs(x @ signs), np.abs(delta @ signs)),
    }[distribution]
    uniforms = stream(seed, "draw", layer, step).random((2, draws))
    cols, rows = (walker(m, u) for m, u in zip(masses, uniforms, strict=True))
    return sorted({i * n_in + j for i, j in zip(rows, cols, strict=True)} & every)


def choose(entries: list[tuple[float, int, int]], k: int, layers: int) -> list[set[int]]:
    """Return the edge ids of the k best of (score, layer, edge id): higher score, lower layer, lower id."""
    best = sorted(entries, key=lambda e: (-e[0], e[1], e[2]))[:k]
    return [{edge for _, home, edge in best if home == layer} for layer in range(layers)]


def topology_update(
    run: DenseRun, candidates: list[list[int]], scores: list[np.ndarray], fraction: float, scope: str
) -> tuple[list[set[int]], list[set[int]]]:
    """Return G and P of each layer; `scores` are dense |gradient| matrices."""
    layers = range(len(run.masks))
    quotas = [math.ceil(fraction * m.sum() - 1e-9) for m in run.masks]
    grow = [(scores[n].flat[e], n, e) for n in layers for e in candidates[n]]
    prune = [(-abs(run.weights[n].flat[e]), n, int(e)) for n in layers for e in np.flatnonzero(run.masks[n])]
    if scope == "global":
        k = min(sum(quotas), len(grow))
        return choose(grow, k, len(layers)), choose(prune, k, len(layers))
    grown, pruned = [], []
    for n in layers:
        k = min(quotas[n], len(candidates[n]))
        grown.append(choose([e for e in grow if e[1] == n], k, len(layers))[n])
        pruned.append(choose([e for e in prune if e[1] == n], k, len(layers))[n])
    return grown, pruned
