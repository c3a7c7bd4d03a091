"""Golden vectors of training: a few steps of small networks.

No ReLU, draw or choice on the way hangs on rounding in float32. What rounding may move a number by is measured, see
`training_reference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...backends import Geometry
from ..problems import (
    Batch,
    Draws,
    Normalisation,
    Probe,
    TrainedLayer,
    TrainingProblem,
    TrainingState,
    Weights,
)
from .recipe import Recipe, eighths, ints, scattered, signs, uniforms

#: Of the network "conv": 3 x 3 images under a padded 3 x 3 window.
SIDE, WINDOW = 3, Geometry(3, 1, 1)
BATCH, CLASSES = 4, 3


class Plan(NamedTuple):
    """A training run in words.

    widths : of the inputs and the hidden layers; of "conv" the channels of image and convolution. done : steps
    taken before.
    """

    method: str
    network: str = "mlp"
    scope: str = "global"
    widths: tuple[int, ...] = (5, 6)
    steps: int = 4
    interval: int = 2
    end: int = 4
    fraction: float = 0.3
    weight_decay: float = 1 / 64
    done: int = 0
    seed: int = 400


def _batch(plan: Plan, seed: int) -> Batch:
    image = (SIDE, SIDE) if plan.network == "conv" else ()
    labels = [(seed + 2 * sample) % CLASSES for sample in range(BATCH)]
    return Batch(eighths((plan.widths[0], *image, BATCH), seed), ints(labels))


def _layer(shape: tuple[int, int], biased: bool, seed: int) -> TrainedLayer:
    layer = scattered(shape, 2, seed)
    weights = layer._replace(values=layer.values / 2)
    momentum = eighths(layer.values.shape, seed + 2) / 8
    if not biased:
        return TrainedLayer(weights, momentum, None, None)
    return TrainedLayer(weights, momentum, eighths(shape[:1], seed + 3), eighths(shape[:1], seed + 4) / 8)


def _normalisation(channels: int, seed: int) -> Normalisation:
    drawn = [eighths((channels,), seed + number) for number in range(5)]
    gamma, beta, gamma_momentum, beta_momentum, mean = drawn
    return Normalisation(1 + gamma / 8, beta, gamma_momentum / 8, beta_momentum / 8, mean, np.abs(gamma) + 1)


def _draws(plan: Plan, layers: Sequence[Weights], seed: int) -> tuple[Draws, ...]:
    if plan.method not in ("gse", "gse-grabo", "gse-graest"):
        return ()
    most = sum(len(layer.indices) for layer in layers)
    samples = [(SIDE, SIDE, BATCH) if plan.network == "conv" and n == 0 else (BATCH,) for n in range(len(layers))]
    counts = [min(most, layer.shape[0] * layer.shape[1]) for layer in layers]
    return tuple(
        Draws(uniforms(count, seed + 3 * n), uniforms(count, seed + 3 * n + 1), signs(shape, seed + 3 * n + 2))
        for n, (count, shape) in enumerate(zip(counts, samples, strict=True))
    )


def problem(plan: Plan) -> TrainingProblem:
    """Return the numbers of a plan."""
    first = plan.widths[0] * (WINDOW.kernel**2 if plan.network == "conv" else 1)
    sizes = [first, *plan.widths[1:], CLASSES]
    shapes = zip(sizes[1:], sizes[:-1], strict=True)
    biased = [plan.network == "mlp" or n > 0 for n in range(len(sizes) - 1)]
    layers = tuple(_layer(s, biased[n], plan.seed + 10 * n) for n, s in enumerate(shapes))
    norm = _normalisation(plan.widths[1], plan.seed + 80) if plan.network == "conv" else None
    last = plan.done + plan.steps
    weights = [layer.weights for layer in layers]
    probes = tuple(
        Probe(step, _batch(plan, plan.seed + 50 + step), _draws(plan, weights, plan.seed + 20 * step))
        for step in range(plan.interval, last + 1, plan.interval)
        if step > plan.done
    )
    return TrainingProblem(
        network=plan.network,
        state=TrainingState(layers, norm),
        batches=tuple(_batch(plan, plan.seed + 90 + step) for step in range(plan.done + 1, last + 1)),
        probes=probes,
        rate=1 / 8,
        momentum=3 / 4,
        weight_decay=plan.weight_decay,
        method=plan.method,
        scope=plan.scope,
        fraction=plan.fraction,
        subset_factor=1.0,
        interval=plan.interval,
        end=plan.end,
        seed=0,
        done=plan.done,
    )


def _train(name: str, comment: str, note: str, section: str, flags: tuple[str, ...], plan: Plan) -> Recipe:
    return Recipe(f"train-{name}", comment, note, section, flags, "train", (problem(plan),))


RECIPES = (
    _train(
        "no-update",
        "three steps of a perceptron without an update",
        "values aliasing their gradient's buffer; decay of biases; momentum that is damped",
        "section 7",
        ("typical", "published"),
        Plan("gse", steps=3, interval=10, end=10),
    ),
    _train(
        "gse",
        "four steps, updates before the second and the fourth",
        "the update comes after its step; survivors' momentum shuffled; grown weights keep stale values",
        "section 5",
        ("typical", "published"),
        Plan("gse", end=8),
    ),
    _train(
        "gse-after-the-end",
        "six steps with T_end 4",
        "update after T_end, though a probe is there for step 6 too; α off by one step",
        "section 4",
        ("corner", "published"),
        Plan("gse", steps=6, scope="layer"),
    ),
    _train(
        "gse-graest",
        "every step with an update before it, the last one with α = 0",
        "two different sign vectors for inputs and outputs; stale momentum where a connection comes back",
        "section 5.1",
        ("published",),
        Plan("gse-graest", interval=1),
    ),
    _train(
        "gse-grabo-resumed",
        "steps 4 to 6 of a run that others have begun",
        "steps are counted from 1 again: updates before the wrong steps, with the wrong α",
        "section 4",
        ("corner",),
        Plan("gse-grabo", steps=3, end=6, done=3),
    ),
    _train(
        "conv-rigl",
        "a convolution, normalisation, a linear layer; one update",
        "running statistics moved by the probe; decay of γ and β; positions averaged in the gradient",
        "section 5",
        ("typical", "published"),
        Plan("rigl", "conv", widths=(1, 3), steps=2, end=8),
    ),
    _train(
        "conv-gse-graest",
        "the same by guided exploration, signs by position",
        "GraEst on convolutions takes the first patch row alone, or one sign a sample",
        "section 5.1",
        ("published",),
        Plan("gse-graest", "conv", widths=(1, 3), steps=3, end=8),
    ),
)
