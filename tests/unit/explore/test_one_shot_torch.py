"""SNIP's and GraSP's scores are PyTorch's on the same network, GraSP's by exact double backward."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from gse_ref.explore.criteria import saliencies
from gse_ref.explore.one_shot import grasp_scores
from gse_ref.models import mlp, small_resnet
from gse_ref.nn import Module, initialise
from tests.bounds import assert_close
from tests.unit.explore.network_requests import request_for

torch = pytest.importorskip("torch", reason="parity with torch needs torch (pip install gse_ref[peers])")

from tests.unit.models import torch_twins  # noqa: E402  (imports torch)

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")
SHAPE, BATCH, CLASSES = (3, 8, 8), 12, 5


def perceptron() -> tuple[Module, Any]:
    layers = torch.nn.Linear(192, 20), torch.nn.ReLU(), torch.nn.Linear(20, 16), torch.nn.ReLU()
    twin = torch.nn.Sequential(torch.nn.Flatten(), *layers, torch.nn.Linear(16, CLASSES)).to(torch.float64)
    return mlp(192, (20, 16), CLASSES, np.float64), twin


def resnet() -> tuple[Module, Any]:
    """Nine layers with batch normalisation, residuals and strides."""
    ours = small_resnet(8, SHAPE, CLASSES, width=0.25, dtype=np.float64)
    return ours, torch_twins.ResNet(1, 3, (4, 8, 16), CLASSES).to(torch.float64)


def same(network: Any) -> tuple[Module, Any, np.ndarray, np.ndarray]:
    """Return both networks with the same weights, γ and β away from 1 and 0, and a batch."""
    ours, twin = network()
    initialise(ours, 1.0, seed=5)
    generator = np.random.default_rng(50)
    for mine, its in zip(ours.named_parameters().values(), twin.parameters(), strict=True):
        mine.data = mine.data if mine.decay else mine.data + 0.1 * generator.standard_normal(mine.shape)
        with torch.no_grad():
            its.copy_(torch.tensor(mine.data).reshape(its.shape))
    return ours, twin, generator.standard_normal((192, BATCH)), generator.integers(0, CLASSES, BATCH)


def torch_scores(ours: Module, twin: Any, x: np.ndarray, labels: np.ndarray, name: str) -> list[np.ndarray]:
    """Return |g·θ| or θ·(Hg) of the layers that are sparse in ours."""
    sparse = set(map(id, ours.sparse_parameters().values()))
    pairs = zip(ours.named_parameters().values(), twin.parameters(), strict=True)
    weights = [its for mine, its in pairs if id(mine) in sparse]
    images = torch.tensor(x.T.reshape(BATCH, *SHAPE))
    logits = twin(images) / (200.0 if name == "grasp" else 1.0)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    if name == "snip":
        return [(g * w).abs().detach().numpy().ravel() for g, w in zip(gradients, weights, strict=True)]
    curved = torch.autograd.grad(sum((g * g.detach()).sum() for g in gradients), weights)
    return [(h * w).detach().numpy().ravel() for h, w in zip(curved, weights, strict=True)]


@pytest.mark.parametrize("name", ["snip", "grasp"])
@pytest.mark.parametrize("network", [perceptron, resnet])
def test_scores_are_torchs(network: Any, name: str) -> None:
    """Off by at most eps · K of the largest: errors add up over the layers, there and back, twice for a Hessian."""
    ours, twin, x, labels = same(network)
    layers, asked = ours.sparse_parameters(), request_for(ours, x, labels)
    actual = saliencies(layers, asked) if name == "snip" else grasp_scores(layers, asked.problem)
    length = 4 * len(layers) * BATCH * SHAPE[1] * SHAPE[2]
    for mine, its in zip(actual, torch_scores(ours, twin, x, labels, name), strict=True):
        assert its.any()
        assert_close(mine, its, np.abs(its).max(), length)
