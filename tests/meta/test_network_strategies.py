"""The strategy of small training runs reaches the corners that level training counts on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gse_ref.conformance.strategies import NetworkSetting, network_settings, training_problem
from gse_ref.conformance.strategies.network import DRAWING, layer_shapes_of
from tests.meta.corners import rare

EXAMPLES = 400


def of_setting(setting: NetworkSetting) -> Iterator[str]:
    yield from (setting.network, setting.method, setting.scope, f"{len(setting.widths) - 1} layers")
    problem = training_problem(setting, np.float32)
    layers = [layer.weights for layer in problem.state.layers]
    for layer, shape in zip(layers, layer_shapes_of(setting), strict=True):
        nnz = len(layer.values)
        assert layer.shape == shape
        yield {0: "no connection", shape[0] * shape[1]: "full layer"}.get(nnz, "some connections")
        if nnz and (np.diff(layer.indptr) == 0).any():
            yield "empty row"
    assert [probe.step for probe in problem.probes] == [
        step for step in range(1, setting.steps + 1) if step % setting.interval == 0
    ]
    for probe in problem.probes:
        assert len(probe.draws) == (len(layers) if setting.method in DRAWING else 0)
    if not problem.probes:
        yield "no update"
    if setting.interval == 1:
        yield "an update before the first step"
    if any(probe.step > setting.end for probe in problem.probes):
        yield "a probe after the last update"
    if any(probe.step == setting.end for probe in problem.probes):
        yield "an update at the very end"
    if setting.batch == 1:
        yield "batch 1"
    if 1 in setting.widths[1:-1]:
        yield "one hidden unit"
    yield "fresh" if setting.fresh else "with momentum"
    yield "decay" if setting.weight_decay else "no decay"


def test_each_corner_is_drawn_again_and_again() -> None:
    wanted = {"mlp", "conv", *DRAWING, "set", "rigl", "layer", "global", "1 layers", "2 layers", "3 layers"}
    wanted |= {"no connection", "full layer", "some connections", "empty row", "no update", "batch 1"}
    wanted |= {"an update before the first step", "a probe after the last update", "an update at the very end"}
    wanted |= {"one hidden unit", "fresh", "with momentum", "decay", "no decay"}
    seldom = rare(network_settings(), of_setting, wanted, EXAMPLES)
    assert not seldom, f"seldom drawn in {EXAMPLES} examples: {seldom}"
