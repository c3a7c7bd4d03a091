"""ResNet for small images and VGG as torch modules whose parameters come in the order of ours; needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, momentum=0.1, eps=1e-5)


def _conv(c_in: int, c_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)


class Block(nn.Module):
    """Two convolutions beside every stride-th pixel with zero channels on both sides (option A)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(c_in, c_out, stride), _norm(c_out)
        self.conv2, self.norm2 = _conv(c_out, c_out), _norm(c_out)
        self.stride, self.new = stride, c_out - c_in

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = F.pad(shortcut, (0, 0, 0, 0, self.new // 2, self.new - self.new // 2))
        return F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))) + shortcut)


class ResNet(nn.Module):
    """Stages of `count` blocks with these channels, for images of `c_in` channels."""

    def __init__(self, count: int, c_in: int, channels: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.conv, self.norm = _conv(c_in, channels[0]), _norm(channels[0])
        blocks = []
        for before, after, stride in zip((channels[0], *channels), channels, (1, 2, 2), strict=False):
            blocks += [Block(before, after, stride), *(Block(after, after, 1) for _ in range(count - 1))]
        self.blocks, self.linear = nn.Sequential(*blocks), nn.Linear(channels[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.blocks(F.relu(self.norm(self.conv(x)))).mean(dim=(2, 3)))


def vgg(plan: tuple[int | str, ...], c_in: int, hidden: int, classes: int) -> nn.Sequential:
    """Return convolutions of these channels, "M" for a pool, on images that end as one pixel."""
    layers: list[nn.Module] = []
    for word in plan:
        if isinstance(word, str):
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [_conv(c_in, word), _norm(word), nn.ReLU()]
            c_in = word
    layers.append(nn.Flatten())
    for width in (c_in, hidden):
        layers += [nn.Linear(width, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, classes)).to(torch.float64)
