"""Layers on a device's arrays that no run of the command line has: values and two orders of gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gse_ref.autodiff import Tensor, grad
from gse_ref.backends import get, use
from gse_ref.backends.arrays import counted_transfers, to_host
from gse_ref.nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    initialise,
)
from tests.device_array import LIBRARY, device_backend

NETWORKS: dict[str, Callable[[], Module]] = {
    "average pool": lambda: Sequential(Conv2d(2, 4, bias=True), AvgPool2d(3, 2, 1), GlobalAvgPool()),
    "maximum pool": lambda: Sequential(Conv2d(2, 4, stride=2), MaxPool2d(2, 1), GlobalAvgPool()),
    "normalised": lambda: Sequential(Conv2d(2, 4), BatchNorm2d(4, relu=True), Conv2d(4, 3), GlobalAvgPool()),
    "dense classifier": lambda: Sequential(Conv2d(2, 4), GlobalAvgPool(), Linear(4, 3, sparse=False)),
}


def _passed(make: Callable[[], Module], training: bool) -> list[np.ndarray]:
    """Return output, gradients, gradients of the gradients and buffers of one pass under the active backend."""
    model = make()
    initialise(model, 0.5, seed=4)
    model.train(training)
    parameters = list(model.named_parameters().values())
    images = np.random.default_rng(0).standard_normal((2, 6, 6, 5)).astype(np.float32)
    first = parameters[0].data
    x = Tensor(images if isinstance(first, np.ndarray) else LIBRARY.asarray(images), requires_grad=True)
    with counted_transfers() as counted:
        out = model(x)
        gradients = grad((out * out).sum(), [x, *parameters], create_graph=True)
        second = grad((gradients[0] * gradients[0]).sum(), [x, *parameters])
    assert (counted.to_host, counted.to_device) == (0, 0)
    tensors = [out, *gradients, *(t for t in second if t is not None)]
    return [*(t.numpy() for t in tensors), *map(to_host, model.named_buffers().values())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_numpys_bits_and_transfers_nothing(name: str, training: bool) -> None:
    with use("cpu"):
        expected = _passed(NETWORKS[name], training)
    with use(device_backend(get("cpu"))):
        actual = _passed(NETWORKS[name], training)
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
