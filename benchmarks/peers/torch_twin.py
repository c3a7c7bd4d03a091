"""The twin in torch of a network for images: its weights as dense tensors, its layers one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gse_ref.data import Split
from gse_ref.models.resnet import BasicBlock, OptionA
from gse_ref.nn import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Module,
    Parameter,
    ReLU,
    Sequential,
    SparseParameter,
    ToImages,
)

from .protocol import NotApplicable


def dense(parameter: Parameter) -> np.ndarray:
    """Return a copy of `parameter`, a sparse one as (n_out, n_in) or (c_out, c_in, kernel, kernel) with zeros."""
    if not isinstance(parameter, SparseParameter):
        return np.array(parameter.data)
    array = parameter.topology.to_scipy(parameter.data).toarray()
    if parameter.geometry is None:
        return array
    side = parameter.geometry.kernel
    return array.reshape(len(array), -1, side, side)


class _Convolution(nn.Module):
    def __init__(self, layer: Conv2d) -> None:
        super().__init__()
        self.stride, self.padding = layer.geometry.stride, layer.geometry.padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class _Linear(nn.Module):
    def __init__(self, layer: Linear) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)


class _Norm(nn.Module):
    def __init__(self, layer: BatchNorm2d) -> None:
        super().__init__()
        self.momentum, self.epsilon, self.relu = layer.momentum, layer.epsilon, layer.relu
        self.register_buffer("running_mean", torch.from_numpy(np.array(layer.running_mean)))
        self.register_buffer("running_variance", torch.from_numpy(np.array(layer.running_variance)))

    def forward(self, x: torch.Tensor, residual: torch.Tensor | None = None) -> torch.Tensor:
        moments, affine = (self.running_mean, self.running_variance), (self.weight, self.bias)
        y = functional.batch_norm(x, *moments, *affine, self.training, self.momentum, self.epsilon)
        y = y if residual is None else y.add_(residual)
        return functional.relu_(y) if self.relu else y


class _OptionA(nn.Module):
    def __init__(self, layer: OptionA) -> None:
        super().__init__()
        self.stride, (self.before, self.after) = layer.stride, layer.widths[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


class _Block(nn.Module):
    def __init__(self, layer: BasicBlock) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = x if self.shortcut is None else self.shortcut(x)
        return self.norm2(self.conv2(self.norm1(self.conv1(x))), residual)


class _Row(nn.Module):
    def __init__(self, layer: Sequential) -> None:
        super().__init__()
        self.layers = nn.ModuleList()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _Images(nn.Module):
    def __init__(self, layer: ToImages) -> None:
        super().__init__()
        self.shape = layer.shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(len(x), *self.shape) if x.ndim == 2 else x


class _Mean(nn.Module):
    def __init__(self, layer: GlobalAvgPool) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class _MaxPool(nn.Module):
    def __init__(self, layer: MaxPool2d) -> None:
        super().__init__()
        self.geometry = tuple(layer.geometry)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, *self.geometry)


#: Our module → its twin, which takes over its parameters and children by name.
TWINS: dict[type[Module], Callable[..., nn.Module]] = {
    Conv2d: _Convolution,
    Linear: _Linear,
    BatchNorm2d: _Norm,
    OptionA: _OptionA,
    BasicBlock: _Block,
    Sequential: _Row,
    ToImages: _Images,
    GlobalAvgPool: _Mean,
    MaxPool2d: _MaxPool,
    Flatten: lambda layer: nn.Flatten(),
    ReLU: lambda layer: nn.ReLU(),
}


def twin(module: Module) -> nn.Module:
    """Return the twin of `module` and of all below it; names of parameters and buffers are the same.

    Raises
    ------
    NotApplicable : a module without a twin.
    """
    if type(module) not in TWINS:
        raise NotApplicable(f"{type(module).__name__} has no twin in torch: add a row to TWINS")
    made = TWINS[type(module)](module)
    for name, member in vars(module).items():
        if isinstance(member, Module):
            made.add_module(name, twin(member))
        elif isinstance(member, list):
            setattr(made, name, nn.ModuleList(map(twin, member)))
        elif isinstance(member, Parameter):
            made.register_parameter(name, nn.Parameter(torch.from_numpy(dense(member))))
        elif member is None:
            setattr(made, name, None)
    return made


class TorchTwin:
    """The same network as `model`, in its dtype; batch first.

    Parameters
    ----------
    model : ours, made of modules that `TWINS` knows; its weights and running moments are copied.
    channels_last : the order in memory of images and convolution weights.

    Attributes
    ----------
    network : the module in torch, whose parameters have the names of ours.

    Raises
    ------
    NotApplicable : a module without a twin.
    """

    def __init__(self, model: Module, channels_last: bool = False) -> None:
        self.ours = model.named_parameters()
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        self.network = twin(model).to(memory_format=self.order).train(model.training)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, classes) of x, (batch, features) or (batch, channels, height, width)."""
        return self.network(x)

    def loss(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy."""
        return functional.cross_entropy(self(x), labels)

    def gradients(self) -> dict[str, np.ndarray]:
        """Return name → gradient as ours has it: of a sparse parameter on its pattern, (nnz,) in CSR order."""
        found = {}
        for name, theirs in self.network.named_parameters():
            ours, gradient = self.ours[name], theirs.grad.numpy()
            if isinstance(ours, SparseParameter):
                gradient = gradient.reshape(len(gradient), -1)[ours.topology.rows, ours.topology.indices]
            found[name] = gradient
        return found

    def steps(self, split: Split, batch: int, rate: float, momentum: float, decay: float) -> Callable[[], float]:
        """Return a function that takes one step of SGD on the next batch of an endless row of shuffled epochs.

        split : images as uint8 features; decay : of the weights that ours decays too.
        """
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in self.network.named_parameters():
            groups[self.ours[name].decay].append(parameter)
        settings = [{"params": groups[d], "weight_decay": decay if d else 0.0} for d in groups]
        optimizer = torch.optim.SGD(settings, lr=rate, momentum=momentum, fused=True)
        images = torch.from_numpy(split.features).unflatten(1, split.image_shape)
        labels = torch.from_numpy(split.labels)
        kind = next(self.network.parameters()).dtype
        scale, shift = (torch.as_tensor(value, dtype=kind) for value in (split.scale, split.shift))
        if scale.ndim:
            scale, shift = (value.reshape(split.image_shape) for value in (scale, shift))

        def orders() -> Iterator[torch.Tensor]:
            while True:
                yield from torch.randperm(len(images)).split(batch)[: len(images) // batch]

        def step(order: torch.Tensor) -> float:
            x = images[order].to(kind, memory_format=self.order).mul_(scale).add_(shift)
            optimizer.zero_grad()
            loss = self.loss(x, labels[order])
            loss.backward()
            optimizer.step()
            return loss.item()

        endless = orders()
        return lambda: step(next(endless))
