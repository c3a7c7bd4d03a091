"""Small networks with everything that a training run needs: widths, topologies, batches, probes and draws.

Structure is drawn by Hypothesis, so that it shrinks; the numbers come from a drawn seed. They lie on coarse grids,
so that they are short when printed and the same in float32 and float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...counts import ceiling, rounded
from ...rng import stream
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

Generator = np.random.Generator

#: Side of the convolution's window, and of the images.
KERNEL, SIDE = 3, 3
#: Methods that explore by handed numbers.
DRAWING = ("gse", "gse-grabo", "gse-graest")


class NetworkSetting(NamedTuple):
    """A training run in words; `training_problem` fills in the numbers.

    widths : of the inputs, the hidden layers and the classes; of "conv" the channels of image and convolution, and
    the classes. steps, interval, end : how many SGD steps, T, T_end. density : of each layer at the start.
    fresh : whether momenta start from 0.
    """

    network: str = "mlp"
    method: str = "gse"
    scope: str = "layer"
    widths: tuple[int, ...] = (6, 5, 3)
    batch: int = 4
    steps: int = 6
    interval: int = 2
    end: int = 4
    fraction: float = 0.301
    subset_factor: float = 1.0
    density: float = 0.5
    rate: float = 0.125
    momentum: float = 0.75
    weight_decay: float = 0.0625
    fresh: bool = False
    seed: int = 0


def _grid(generator: Generator, shape: tuple[int, ...], most: int, unit: float) -> np.ndarray:
    """Return multiples of `unit` of size at most `most` units, 0 seldom."""
    sizes = generator.integers(1, most + 1, shape) * generator.choice([-1, 1], shape)
    return sizes * unit


def layer_shapes_of(setting: NetworkSetting) -> list[tuple[int, int]]:
    """Return (n_out, n_in) of the sparse layers."""
    columns = [KERNEL**2 * setting.widths[0], *setting.widths[1:]] if setting.network == "conv" else setting.widths
    return [(n_out, n_in) for n_in, n_out in zip(columns[:-1], setting.widths[1:], strict=True)]


def _weights(generator: Generator, shape: tuple[int, int], density: float, dtype: np.dtype) -> Weights:
    size = shape[0] * shape[1]
    ids = np.sort(generator.choice(size, rounded(density, size), replace=False))
    rows, cols = np.divmod(ids, shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    fan_in = max(1.0, len(ids) / shape[0])
    unit = 2.0 ** -np.ceil(6 + np.log2(fan_in) / 2)
    values = _grid(generator, (len(ids),), 64, unit).astype(dtype)
    return Weights(indptr.astype(np.int64), cols.astype(np.int32), values, shape)


def _state(generator: Generator, setting: NetworkSetting, dtype: np.dtype) -> TrainingState:
    def small(size: int) -> np.ndarray:
        found = _grid(generator, (size,), 16, 2.0**-6)
        return (found * (not setting.fresh)).astype(dtype)

    layers, shapes = [], layer_shapes_of(setting)
    for number, shape in enumerate(shapes):
        weights = _weights(generator, shape, setting.density, dtype)
        bias = _grid(generator, (shape[0],), 16, 2.0**-5).astype(dtype)
        velocity, bias_velocity = small(len(weights.values)), small(shape[0])
        biased = setting.network == "mlp" or number > 0
        layers.append(TrainedLayer(weights, velocity, *((bias, bias_velocity) if biased else (None, None))))
    if setting.network == "mlp":
        return TrainingState(tuple(layers), None)
    channels = shapes[0][0]
    gamma = (1 + _grid(generator, (channels,), 16, 2.0**-6)).astype(dtype)
    beta = _grid(generator, (channels,), 16, 2.0**-5).astype(dtype)
    momenta = small(channels), small(channels)
    moments = (_grid(generator, (channels,), 8, 2.0**-3), generator.integers(4, 9, channels) / 4.0)
    norm = Normalisation(gamma, beta, *momenta, *(moment.astype(dtype) for moment in moments))
    return TrainingState(tuple(layers), norm)


def _batch(generator: Generator, setting: NetworkSetting, dtype: np.dtype) -> Batch:
    image = (SIDE, SIDE) if setting.network == "conv" else ()
    x = _grid(generator, (setting.widths[0], *image, setting.batch), 128, 2.0**-6)
    return Batch(x.astype(dtype), generator.integers(0, setting.widths[-1], setting.batch).astype(np.int32))


def _draws(generator: Generator, setting: NetworkSetting, number: int, total: int) -> Draws:
    """Return the draws of a layer that may come to hold all of the `total` connections that fit."""
    n_out, n_in = layer_shapes_of(setting)[number]
    size = n_out * n_in
    count = min(size, ceiling(setting.subset_factor, min(size, total)))
    uniforms = generator.integers(0, 1024, (2, count)) / 1024
    image = (SIDE, SIDE) if setting.network == "conv" and number == 0 else ()
    return Draws(uniforms[0], uniforms[1], generator.choice([-1.0, 1.0], (*image, setting.batch)))


def training_problem(setting: NetworkSetting, dtype: np.dtype | type | str) -> TrainingProblem:
    """Return the problem of a setting; the numbers do not depend on `dtype`."""
    dtype = np.dtype(dtype)
    generator = stream(setting.seed, "check")
    state = _state(generator, setting, dtype)
    total = sum(len(layer.weights.values) for layer in state.layers)
    batches = tuple(_batch(generator, setting, dtype) for _ in range(setting.steps))
    drawing = range(len(state.layers)) if setting.method in DRAWING else ()
    probes = tuple(
        Probe(
            step,
            _batch(generator, setting, dtype),
            tuple(_draws(generator, setting, number, total) for number in drawing),
        )
        for step in range(setting.interval, setting.steps + 1, setting.interval)
    )
    return TrainingProblem(
        network=setting.network,
        state=state,
        batches=batches,
        probes=probes,
        rate=setting.rate,
        momentum=setting.momentum,
        weight_decay=setting.weight_decay,
        method=setting.method,
        scope=setting.scope,
        fraction=setting.fraction,
        subset_factor=setting.subset_factor,
        interval=setting.interval,
        end=setting.end,
        seed=setting.seed,
        done=0,
    )


@st.composite
def network_settings(
    draw: st.DrawFn,
    networks: Sequence[str] = ("mlp", "conv"),
    methods: Sequence[str] = (*DRAWING, "set", "rigl"),
    most_steps: int = 8,
) -> NetworkSetting:
    """Settings of small runs: one to three sparse layers, any density, updates before every step or none."""
    network = draw(st.sampled_from(tuple(networks)))
    unit = st.integers(1, 6)
    widths: tuple[int, ...]
    if network == "conv":
        widths = (draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(2, 3)))
    else:
        widths = (*draw(st.lists(unit, min_size=1, max_size=3)), draw(st.integers(2, 4)))
    interval = draw(st.integers(1, 3))
    return NetworkSetting(
        network=network,
        method=draw(st.sampled_from(tuple(methods))),
        scope=draw(st.sampled_from(("layer", "global"))),
        widths=widths,
        batch=draw(st.integers(1, 5)),
        steps=draw(st.integers(1, most_steps)),
        interval=interval,
        end=draw(st.integers(1, most_steps)),
        fraction=draw(st.sampled_from((0.201, 0.503, 0.997, 0.013))),
        subset_factor=draw(st.sampled_from((1.0, 0.501, 2.003))),
        density=draw(st.sampled_from((0.5, 0.25, 0.75, 0.0, 1.0))),
        rate=draw(st.sampled_from((0.125, 0.5))),
        momentum=draw(st.sampled_from((0.75, 0.5))),
        weight_decay=draw(st.sampled_from((0.0, 0.0625, 0.5))),
        fresh=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )


@st.composite
def training_problems(
    draw: st.DrawFn,
    networks: Sequence[str] = ("mlp", "conv"),
    methods: Sequence[str] = (*DRAWING, "set", "rigl"),
    dtypes: Sequence[np.dtype] = (np.dtype(np.float32), np.dtype(np.float64)),
    most_steps: int = 8,
) -> TrainingProblem:
    """Problems of small runs; see `network_settings`."""
    setting = draw(network_settings(networks, methods, most_steps))
    return training_problem(setting, draw(st.sampled_from(tuple(dtypes))))
