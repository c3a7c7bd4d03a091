"""Every competing method in dense NumPy, written from its paper, as what it does to a `DenseRun` before a step.

Nothing of the package is used but its random streams.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gse_ref.conformance.dense_growth import choose, gse_candidates
from gse_ref.conformance.dense_training import DenseRun
from gse_ref.rng import stream

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Setting:
    """What a run is asked for: D, α, γ, the seed, when updates are due, and the batch that an update looks at."""

    density: float
    every: int
    last: int
    round_steps: int
    scope: str
    probe: Callable[[int], tuple[np.ndarray, np.ndarray]]
    seed: int = 0
    gamma: float = 1.0
    alpha: float = 0.2

    def is_due(self, step: int) -> bool:
        return step % self.every == 0 and step <= self.last

    def fraction(self, step: int) -> float:
        return self.alpha / 2 * (1 + math.cos(math.pi * step / self.last))


def erdos_renyi_counts(shapes: Sequence[tuple[int, int]], density: float) -> list[int]:
    """Return N_l ∝ n_in + n_out, excess shared out again, largest remainders rounded up."""
    sizes = [a * b for a, b in shapes]
    total, full = round(density * sum(sizes)), set[int]()
    while True:
        rest = total - sum(sizes[n] for n in full)
        weight = sum(sum(shape) for n, shape in enumerate(shapes) if n not in full)
        shares = [sizes[n] if n in full else rest * sum(s) / weight for n, s in enumerate(shapes)]
        over = {n for n, share in enumerate(shares) if share > sizes[n]}
        if not over:
            break
        full |= over
    counts = [math.floor(share) for share in shares]
    for n in sorted(range(len(counts)), key=lambda n: (counts[n] - shares[n], n))[: total - sum(counts)]:
        counts[n] += 1
    return counts


def kept(scores: Arrays, masks: Arrays, counts: Sequence[int]) -> Arrays:
    """Return masks of the connections of highest score; one count for all layers, or one for each."""
    entries = [(s.flat[e], n, e) for n, s in enumerate(scores) for e in np.flatnonzero(masks[n])]
    groups = [entries] if len(counts) == 1 else [[e for e in entries if e[1] == n] for n in range(len(scores))]
    new = [np.zeros_like(mask) for mask in masks]
    for group, count in zip(groups, counts, strict=True):
        for n, edges in enumerate(choose(group, count, len(scores))):
            new[n].flat[sorted(edges)] = 1.0
    return new


def targets(run: DenseRun, setting: Setting, density: float) -> list[int]:
    """Return how many connections are left at `density`: of all layers together, or of each."""
    shapes = [w.shape for w in run.weights]
    if setting.scope == "layer":
        return erdos_renyi_counts(shapes, density)
    return [round(density * sum(a * b for a, b in shapes))]


def thin(run: DenseRun, new: Arrays) -> None:
    """Take the masks; what is pruned is gone."""
    for layer, mask in enumerate(new):
        run.masks[layer][...] = mask
        run.weights[layer] = run.weights[layer] * mask
        run.velocity[layer] = run.velocity[layer] * mask


class DenseMethod:
    """One method at work; `actual` are the masks of the run beside it, for what it drew at random."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def before(self, run: DenseRun, step: int, actual: Arrays) -> None:
        """Change the topology before a step."""

    def after(self, run: DenseRun) -> None:
        """See the gradients of a step."""


def probe_gradients(run: DenseRun, setting: Setting, step: int) -> Arrays:
    inputs, deltas, _ = run.passes(*setting.probe(step))
    return [d @ x.T for d, x in zip(deltas, inputs, strict=True)]


class DropAndGrow(DenseMethod):
    """Prune k by `criterion`, grow k by `growth`: "gradient" (RigL), "average" (SNFS), "random" (SET)."""

    def __init__(
        self, setting: Setting, growth: str, criterion: str = "magnitude", allow_regrow: bool = False
    ) -> None:
        super().__init__(setting)
        self.growth, self.criterion, self.allow_regrow = growth, criterion, allow_regrow
        self.averages: Arrays = []

    def after(self, run: DenseRun) -> None:
        """Dettmers & Zettlemoyer 2019: the momentum of the gradient of all weights, with factor 0.9."""
        before = self.averages or [np.zeros_like(g) for g in run.gradients]
        self.averages = [0.9 * a + 0.1 * g for a, g in zip(before, run.gradients, strict=True)]

    def importance(self, run: DenseRun, step: int) -> Arrays:
        if self.criterion == "saliency":
            gradients = probe_gradients(run, self.setting, step)
            return [np.abs(g * w) for g, w in zip(gradients, run.weights, strict=True)]
        return [np.abs(a) for a in (run.velocity if self.criterion == "momentum" else run.weights)]

    def scores(self, run: DenseRun, step: int, actual: Arrays) -> Arrays:
        if self.growth == "gradient":
            return [np.abs(g) for g in probe_gradients(run, self.setting, step)]
        if self.growth == "average":
            return [np.abs(a) for a in self.averages]
        return [new * (1 - old) for new, old in zip(actual, run.masks, strict=True)]

    def prune(self, importance: Arrays, run: DenseRun, layers: Sequence[int], k: int) -> list[set[int]]:
        """Return the k least important; of signed halves in proportion to their numbers, Mocanu et al. 2018."""
        entries = [(-importance[n].flat[e], n, int(e)) for n in layers for e in np.flatnonzero(run.masks[n])]
        if self.criterion != "signed":
            return choose(entries, k, len(run.masks))
        positive = [entry for entry in entries if run.weights[entry[1]].flat[entry[2]] >= 0]
        negative = [entry for entry in entries if entry not in positive]
        share = k * len(positive) / len(entries)
        more = math.floor(share) + (share % 1 >= 0.5)
        halves = choose(positive, more, len(run.masks)), choose(negative, k - more, len(run.masks))
        return [a | b for a, b in zip(*halves, strict=True)]

    def before(self, run: DenseRun, step: int, actual: Arrays) -> None:
        if not self.setting.is_due(step):
            return
        quotas = [math.ceil(self.setting.fraction(step) * m.sum() - 1e-9) for m in run.masks]
        importance, scores = self.importance(run, step), self.scores(run, step, actual)
        every = range(len(run.masks))
        for group in [list(every)] if self.setting.scope == "global" else [[n] for n in every]:
            k = sum(quotas[n] for n in group)
            free = [(n, int(e)) for n in group for e in np.flatnonzero(run.masks[n] == 0)]
            k = k if self.allow_regrow else min(k, len(free))
            pruned = self.prune(importance, run, group, k)
            if self.allow_regrow:
                free += [(n, e) for n in group for e in pruned[n]]
            grown = choose([(scores[n].flat[e], n, e) for n, e in free], k, len(run.masks))
            both = [g & p for g, p in zip(grown, pruned, strict=True)]
            run.apply(*([a - b for a, b in zip(side, both, strict=True)] for side in (grown, pruned)))


class Gradual(DenseMethod):
    """Zhu & Gupta 2017: sparsity s_t = s_f − s_f · (1 − t/T)³; or with the cosine's fall in its place."""

    def __init__(self, setting: Setting, schedule: str) -> None:
        super().__init__(setting)
        self.schedule = schedule

    def before(self, run: DenseRun, step: int, actual: Arrays) -> None:
        if not self.setting.is_due(step):
            return
        progress = step / (self.setting.last // self.setting.every * self.setting.every)
        fall = {"inverse_power": (1 - progress) ** 3, "cosine": (1 + math.cos(math.pi * progress)) / 2}
        sparsity = 1 - self.setting.density
        density = 1 - (sparsity - sparsity * fall[self.schedule])
        thin(run, kept([np.abs(w) for w in run.weights], run.masks, targets(run, self.setting, density)))


class Lottery(DenseMethod):
    """Frankle & Carbin 2019: train, prune the smallest, put what is left back to its initial weights, repeat."""

    def __init__(self, setting: Setting, run: DenseRun) -> None:
        super().__init__(setting)
        self.initial = [w.copy() for w in run.weights], [b.copy() for b in run.biases]
        sparsities = (0.5, 0.75, 0.9, 0.95, 0.98)
        self.levels = [1 - s for s in sparsities if 1 - s > setting.density] + [setting.density]

    def before(self, run: DenseRun, step: int, actual: Arrays) -> None:
        number, position = divmod(step - 1, self.setting.round_steps)
        if position or not number:
            return
        sizes = [np.abs(w) for w in run.weights]
        thin(run, kept(sizes, run.masks, targets(run, self.setting, self.levels[number - 1])))
        run.weights = [w * m for w, m in zip(self.initial[0], run.masks, strict=True)]
        run.biases = [b.copy() for b in self.initial[1]]
        run.velocity = [np.zeros_like(w) for w in run.weights]
        run.bias_velocity = [np.zeros_like(b) for b in run.biases]


class TopKast(DenseMethod):
    """Jayakumar et al. 2020: forward set top D of |θ|, backward set top (1 + γ) D; θ itself is the master copy."""

    def sets(self, run: DenseRun, step: int, counts: list[int], last: bool) -> tuple[Arrays, Arrays]:
        sizes, every = [np.abs(w) for w in run.weights], [np.ones_like(w) for w in run.weights]
        more = [0 if last else math.ceil(self.setting.gamma * count) for count in counts]
        wider = [min(a + b, w.size) for a, b, w in zip(counts, more, run.weights, strict=True)]
        return kept(sizes, every, counts), kept(sizes, every, wider)

    def before(self, run: DenseRun, step: int, actual: Arrays) -> None:
        if step != 1 and not self.setting.is_due(step):
            return
        last = not any(map(self.setting.is_due, range(step + 1, self.setting.last + 1)))
        counts = erdos_renyi_counts([w.shape for w in run.weights], self.setting.density)
        run.masks, run.learning = self.sets(run, step, counts, last)
        run.velocity = [v * b for v, b in zip(run.velocity, run.learning, strict=True)]
        run.decays = [np.where(mask, 1.0, 1.0 / self.setting.density) for mask in run.masks]


class TopKastSparse(TopKast):
    """Top-KAST whose backward set is the forward set and GSE's uniform candidates, which start from 0."""

    def sets(self, run: DenseRun, step: int, counts: list[int], last: bool) -> tuple[Arrays, Arrays]:
        forward = kept([np.abs(w) for w in run.weights], run.learning, counts)
        backward = [mask.copy() for mask in forward]
        for layer, mask in enumerate(forward):
            run.weights[layer] = run.weights[layer] * mask
            run.velocity[layer] = run.velocity[layer] * mask
            if not last:
                gamma, blind = self.setting.gamma, (np.zeros((side, 1)) for side in mask.shape[::-1])
                uniforms = stream(self.setting.seed, "draw", layer, step).random((2, math.ceil(gamma * mask.sum())))
                drawn = gse_candidates("uniform", mask, *blind, gamma, uniforms, np.empty(0))
                backward[layer].flat[drawn] = 1.0
        return forward, backward


def snip_scores(run: DenseRun, x: np.ndarray, labels: np.ndarray) -> Arrays:
    """Lee et al. 2019: |g·θ|."""
    inputs, deltas, _ = run.passes(x, labels)
    return [np.abs(w * (d @ a.T)) for w, d, a in zip(run.weights, deltas, inputs, strict=True)]


def grasp_scores(run: DenseRun, x: np.ndarray, labels: np.ndarray, temperature: float = 200.0) -> Arrays:
    """Wang et al. 2020: θ·(Hg) of the loss of logits over the temperature, by Pearlmutter's R operator (1994).

    R{·} is the derivative along g of all weights; ReLU has none of its own, so this is exact.
    """
    depth, batch = len(run.weights), x.shape[1]
    ws = [w * m for w, m in zip(run.weights, run.masks, strict=True)]
    inputs, gates = [x], []
    for layer, (w, b) in enumerate(zip(ws, run.biases, strict=True)):
        y = w @ inputs[-1] + b[:, None]
        gates.append(y > 0 if layer < depth - 1 else np.ones_like(y))
        inputs.append(y * gates[-1])
    logits = inputs.pop() / temperature
    p = np.exp(logits - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    deltas: Arrays = [(p - np.eye(len(p))[:, labels]) / (batch * temperature)]
    for layer in range(depth - 1, 0, -1):
        deltas.insert(0, ws[layer].T @ deltas[0] * gates[layer - 1])
    g = [d @ a.T for d, a in zip(deltas, inputs, strict=True)]
    r_inputs = [np.zeros_like(x)]
    for layer, w in enumerate(ws):
        r_inputs.append((g[layer] @ inputs[layer] + w @ r_inputs[-1]) * gates[layer])
    r_logits = r_inputs.pop() / temperature
    r_deltas = [(p * r_logits - p * (p * r_logits).sum(0)) / (batch * temperature)]
    for layer in range(depth - 1, 0, -1):
        down = g[layer].T @ deltas[layer] + ws[layer].T @ r_deltas[0]
        r_deltas.insert(0, down * gates[layer - 1])
    curved = (rd @ a.T + d @ ra.T for rd, a, d, ra in zip(r_deltas, inputs, deltas, r_inputs, strict=True))
    return [w * h for w, h in zip(ws, curved, strict=True)]


def synflow_scores(weights: Arrays, masks: Arrays, biases: Arrays) -> Arrays:
    """Tanaka et al. 2020: |θ| · ∂R/∂|θ|, R = 1ᵀ|θ_L|…|θ_1|1, with |b| added in each layer: all ReLUs are open."""
    ws = [np.abs(w) * m for w, m in zip(weights, masks, strict=True)]
    inflow, outflow = [np.ones(ws[0].shape[1])], [np.ones(len(ws[-1]))]
    for w, b in zip(ws[:-1], biases, strict=False):
        inflow.append(w @ inflow[-1] + np.abs(b))
    for w in ws[:0:-1]:
        outflow.insert(0, w.T @ outflow[0])
    return [w * np.outer(o, i) for w, o, i in zip(ws, outflow, inflow, strict=True)]


class SingleShot(DenseMethod):
    """SNIP, GraSP or SynFlow before the first step: keep the highest scores."""

    def __init__(self, setting: Setting, name: str) -> None:
        super().__init__(setting)
        self.name = name

    def before(self, run: DenseRun, step: int, actual: Arrays) -> None:
        if step != 1:
            return
        if self.name != "synflow":
            scores = {"snip": snip_scores, "grasp": grasp_scores}[self.name](run, *self.setting.probe(step))
            thin(run, kept(scores, run.masks, targets(run, self.setting, self.setting.density)))
            return
        for number in range(1, 101):
            scores = synflow_scores(run.weights, run.masks, run.biases)
            goal = targets(run, self.setting, self.setting.density ** (number / 100))
            thin(run, kept(scores, run.masks, goal))
