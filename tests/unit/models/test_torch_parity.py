"""Networks against torch in float64: outputs, all gradients, running statistics and steps of SGD."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from gse_ref.autodiff import Tensor, cross_entropy
from gse_ref.models import small_resnet, small_vgg
from gse_ref.nn import BatchNorm2d, Module, Parameter, SparseParameter, initialise
from gse_ref.optim import SGD
from tests.bounds import assert_close

torch = pytest.importorskip("torch", reason="parity with torch needs torch (pip install gse_ref[peers])")

from tests.unit.models import torch_twins  # noqa: E402  (imports torch)

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")
SHAPE, BATCH, CLASSES = (3, 32, 32), 8, 5
MOMENTUM, DECAY, RATE, STEPS = 0.9, 1e-4, 0.1, 3


def resnet20() -> tuple[Module, Any]:
    ours = small_resnet(20, SHAPE, CLASSES, width=0.375, dtype=np.float64)
    return ours, torch_twins.ResNet(3, 3, (6, 12, 24), CLASSES).to(torch.float64)


def vgg11() -> tuple[Module, Any]:
    ours = small_vgg(11, SHAPE, CLASSES, width=0.25, dtype=np.float64)
    return ours, torch_twins.vgg((4, "M", 8, "M", 16, 16, "M", 32, 32, "M", 32, 32, "M"), 3, 128, CLASSES)


MODELS = {"resnet20": resnet20, "vgg11": vgg11}


def to_torch(parameter: Parameter, data: np.ndarray) -> Any:
    """Return `data`, of the shape of the parameter's, as torch has it, dense and with zeros off the pattern."""
    if not isinstance(parameter, SparseParameter):
        return torch.tensor(data)
    dense = np.zeros(parameter.topology.shape)
    dense[parameter.topology.rows, parameter.topology.indices] = data
    kernel = parameter.layout.kernel
    return torch.tensor(dense if kernel is None else dense.reshape(len(dense), -1, *kernel))


def from_torch(parameter: Parameter, tensor: Any) -> np.ndarray:
    """Return the entries of a torch tensor on the pattern of the parameter."""
    array = tensor.detach().numpy()
    if not isinstance(parameter, SparseParameter):
        return array
    return array.reshape(len(array), -1)[parameter.topology.rows, parameter.topology.indices]


class Pair:
    """One network twice, with the same weights, and the batches to run both on."""

    def __init__(self, name: str) -> None:
        self.ours, self.twin = MODELS[name]()
        initialise(self.ours, 0.3, seed=5)
        self.parameters = self.ours.named_parameters()
        generator = np.random.default_rng(50)
        for parameter in self.parameters.values():
            if not parameter.decay:  # γ and β away from 1 and 0
                parameter.data = parameter.data + 0.1 * generator.standard_normal(parameter.shape)
        self.weights = list(self.twin.parameters())
        for mine, its in zip(self.parameters.values(), self.weights, strict=True):
            with torch.no_grad():
                its.copy_(to_torch(mine, mine.data))
        self.masks = [to_torch(p, np.ones(p.shape)) for p in self.parameters.values()]
        self.x = generator.standard_normal((STEPS, *SHAPE, BATCH))
        self.labels = generator.integers(0, CLASSES, (STEPS, BATCH))

    def passes(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Run both forward and backward on one batch; torch's gradients are cut to the pattern."""
        for parameter in self.parameters.values():
            parameter.grad = None
        self.twin.zero_grad()
        y = self.ours(Tensor(self.x[step]))
        cross_entropy(y, self.labels[step]).backward()
        expected = self.twin(torch.tensor(self.x[step].transpose(3, 0, 1, 2)))
        torch.nn.functional.cross_entropy(expected, torch.tensor(self.labels[step])).backward()
        for its, mask in zip(self.weights, self.masks, strict=True):
            its.grad *= mask
        return y.numpy(), expected.detach().numpy().T

    def steps(self, length: int) -> int:
        """Return K of the bound after that many steps.

        An array is taken to be off by at most eps · K of its largest element. Every layer adds the rounding of its
        longest sum, over positions and samples (of the gradients and of the moments), to what reaches it, and
        hands that on at about the same relative size, since normalisation keeps activations near unit size: so
        errors add up over the layers, there and back, and over the steps.
        """
        longest = BATCH * SHAPE[1] * SHAPE[2]
        return 2 * len(self.ours.sparse_parameters()) * longest * length


@pytest.mark.parametrize("name", sorted(MODELS))
def test_forward_and_all_gradients(name: str) -> None:
    pair = Pair(name)
    actual, expected = pair.passes(0)
    assert_close(actual, expected, np.abs(expected).max(), pair.steps(1))
    for (label, mine), its in zip(pair.parameters.items(), pair.weights, strict=True):
        assert mine.grad is not None, label
        wanted = from_torch(mine, its.grad)
        assert_close(mine.grad.numpy(), wanted, np.abs(wanted).max(), pair.steps(1))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_steps_of_sgd_and_running_statistics(name: str) -> None:
    pair = Pair(name)
    optimizer = SGD(momentum=MOMENTUM, weight_decay=DECAY)
    state = optimizer.init(pair.parameters)
    decays = [p.decay for p in pair.parameters.values()]
    assert decays == [isinstance(p, SparseParameter) for p in pair.parameters.values()]
    groups = [
        {"params": [w for w, d in zip(pair.weights, decays, strict=True) if d is decay], "weight_decay": rate}
        for decay, rate in ((True, DECAY), (False, 0.0))
    ]
    theirs = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)
    for step in range(STEPS):
        pair.passes(step)
        optimizer.update(pair.parameters, state, RATE)
        theirs.step()
    for (label, mine), its, mask in zip(pair.parameters.items(), pair.weights, pair.masks, strict=True):
        assert not (its * (1 - mask)).any(), label
        wanted = from_torch(mine, its)
        assert_close(mine.data, wanted, np.abs(wanted).max(), pair.steps(STEPS))
    norms = [module for _, module in pair.ours.named_modules() if isinstance(module, BatchNorm2d)]
    twins = [module for module in pair.twin.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm, twin in zip(norms, twins, strict=True):
        for moment, wanted in ((norm.running_mean, twin.running_mean), (norm.running_variance, twin.running_var)):
            assert_close(moment, wanted.numpy(), np.abs(wanted.numpy()).max(), pair.steps(STEPS))
    pair.ours.eval()
    pair.twin.eval()
    actual = pair.ours(Tensor(pair.x[0])).numpy()
    expected = pair.twin(torch.tensor(pair.x[0].transpose(3, 0, 1, 2))).detach().numpy().T
    assert_close(actual, expected, np.abs(expected).max(), pair.steps(STEPS))
