"""Residual networks (He et al. 2016): the ones for small images with 6n + 2 layers, and ResNet-18, -34 and -50."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..autodiff import Tensor, pad
from ..counts import rounded
from ..errors import InputError
from ..nn import BatchNorm2d, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Module, Sequential, ToImages

Kind = np.dtype | type
#: Blocks in each of the four stages of the networks for large images.
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class OptionA(Module):
    """Shortcut without parameters: every stride-th pixel, zero channels before and after (He et al., option A).

    Parameters
    ----------
    c_in, c_out : channels; the new ones are shared out evenly, an odd one goes to the end.
    stride : distance of the pixels kept.
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        before = (c_out - c_in) // 2
        self.stride, self.widths = stride, ((before, c_out - c_in - before), (0, 0), (0, 0), (0, 0))

    def forward(self, x: Tensor) -> Tensor:
        return pad(x[:, :: self.stride, :: self.stride], self.widths)


def _projection(c_in: int, c_out: int, stride: int, dtype: Kind) -> Module:
    """Return the shortcut with a 1×1 convolution and normalisation."""
    return Sequential(Conv2d(c_in, c_out, 1, stride, dtype=dtype), BatchNorm2d(c_out, dtype=dtype))


class BasicBlock(Module):
    """Two 3×3 convolutions, each normalised, beside a shortcut; the second ReLU follows the sum."""

    def __init__(self, c_in: int, c_out: int, stride: int, shortcut: Module | None, dtype: Kind) -> None:
        super().__init__()
        self.conv1 = Conv2d(c_in, c_out, 3, stride, dtype=dtype)
        self.norm1 = BatchNorm2d(c_out, relu=True, dtype=dtype)
        self.conv2 = Conv2d(c_out, c_out, 3, dtype=dtype)
        self.norm2 = BatchNorm2d(c_out, relu=True, dtype=dtype)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.shortcut is None else self.shortcut(x)
        return self.norm2(self.conv2(self.norm1(self.conv1(x))), residual)


class Bottleneck(Module):
    """1×1, 3×3 (a quarter as wide, it has the stride) and 1×1 convolutions beside a shortcut."""

    def __init__(self, c_in: int, c_out: int, stride: int, shortcut: Module | None, dtype: Kind) -> None:
        super().__init__()
        inner = max(1, c_out // 4)
        self.conv1 = Conv2d(c_in, inner, 1, dtype=dtype)
        self.norm1 = BatchNorm2d(inner, relu=True, dtype=dtype)
        self.conv2 = Conv2d(inner, inner, 3, stride, dtype=dtype)
        self.norm2 = BatchNorm2d(inner, relu=True, dtype=dtype)
        self.conv3 = Conv2d(inner, c_out, 1, dtype=dtype)
        self.norm3 = BatchNorm2d(c_out, relu=True, dtype=dtype)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.shortcut is None else self.shortcut(x)
        inside = self.norm2(self.conv2(self.norm1(self.conv1(x))))
        return self.norm3(self.conv3(inside), residual)


def scaled(channels: Sequence[int], width: float) -> list[int]:
    """Return the channel counts times `width`, at least 1 each."""
    return [max(1, rounded(width, count)) for count in channels]


def require_image(image_shape: tuple[int, int, int], stride: int, name: str) -> None:
    """Raise InputError unless both sides of the image have `stride` pixels: less than one would be left."""
    if min(image_shape[1:]) < stride:
        raise InputError(
            f"{name} makes images {stride} times smaller; those of {image_shape[1]}×{image_shape[2]} pixels are too"
            f" small: pad them to at least {stride} (--image-size), resize them (image-folder:{stride}), or choose "
            "another network"
        )


def _stage(
    block: type[BasicBlock] | type[Bottleneck],
    c_in: int,
    c_out: int,
    count: int,
    stride: int,
    small: bool,
    dtype: Kind,
) -> list[Module]:
    blocks: list[Module] = []
    for number in range(count):
        first, step = (c_in, stride) if number == 0 else (c_out, 1)
        shortcut: Module | None = None
        if step != 1 or first != c_out:
            shortcut = OptionA(first, c_out, step) if small else _projection(first, c_out, step, dtype)
        blocks.append(block(first, c_out, step, shortcut, dtype))
    return blocks


def small_resnet(
    depth: int, image_shape: tuple[int, int, int], classes: int, width: float = 1.0, dtype: Kind = np.float32
) -> Module:
    """Return the residual network of 6n + 2 layers for small images (ResNet-20, -32, -44, -56, -110).

    Three stages of 16, 32 and 64 channels times `width`, option-A shortcuts, convolutions without bias, all weights
    sparse and without connections yet. Input: (features, batch) or (channels, height, width, batch).

    Raises
    ------
    InputError : a depth that is not 6n + 2, images of less than 4 pixels a side.
    """
    count, rest = divmod(depth - 2, 6)
    if rest or count < 1:
        raise InputError(
            f"a residual network for small images has 6n + 2 layers (20, 32, 44, 56, 110, …), got {depth}"
        )
    require_image(image_shape, 4, f"ResNet-{depth}")
    channels = scaled((16, 32, 64), width)
    layers: list[Module] = [
        ToImages(image_shape),
        Conv2d(image_shape[0], channels[0], 3, dtype=dtype),
        BatchNorm2d(channels[0], relu=True, dtype=dtype),
    ]
    for c_in, c_out, stride in zip((channels[0], *channels), channels, (1, 2, 2), strict=False):
        layers += _stage(BasicBlock, c_in, c_out, count, stride, True, dtype)
    return Sequential(*layers, GlobalAvgPool(), Linear(channels[-1], classes, dtype=dtype))


def large_resnet(
    depth: int, image_shape: tuple[int, int, int], classes: int, width: float = 1.0, dtype: Kind = np.float32
) -> Module:
    """Return ResNet-18, -34 or -50 for large images, with projection shortcuts, as torchvision builds it.

    Raises
    ------
    InputError : another depth, images of less than 32 pixels a side.
    """
    if depth not in STAGES:
        raise InputError(
            f"a residual network for large images has {', '.join(map(str, STAGES))} layers, got {depth}"
        )
    require_image(image_shape, 32, f"ResNet-{depth}")
    block, factor = (Bottleneck, 4) if depth >= 50 else (BasicBlock, 1)
    stem, *inner = scaled((64, 64, 128, 256, 512), width)
    layers: list[Module] = [
        ToImages(image_shape),
        Conv2d(image_shape[0], stem, 7, 2, dtype=dtype),
        BatchNorm2d(stem, relu=True, dtype=dtype),
        MaxPool2d(3, 2, 1),
    ]
    c_in = stem
    for number, (count, channels) in enumerate(zip(STAGES[depth], inner, strict=True)):
        layers += _stage(block, c_in, factor * channels, count, 1 if number == 0 else 2, False, dtype)
        c_in = factor * channels
    return Sequential(*layers, GlobalAvgPool(), Linear(c_in, classes, dtype=dtype))
