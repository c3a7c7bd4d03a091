"""VGG networks (Simonyan & Zisserman 2015) for small images: a quarter as wide, normalised, classifier of 512."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..nn import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential, ToImages
from .resnet import require_image, scaled

#: 3×3 convolutions in each of the five stages; three fully connected layers make up the depth.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS, CLASSIFIER = (16, 32, 64, 128, 128), 512


def small_vgg(
    depth: int,
    image_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.0,
    dtype: np.dtype | type = np.float32,
) -> Module:
    """Return VGG-11, -13, -16 or -19 with convolutions a quarter as wide and two classifier layers of 512.

    Every convolution (no bias) is normalised and rectified, every stage ends with a 2×2 maximum pool; `dropout`
    follows the two hidden layers of the classifier. All weights are sparse and without connections yet. Input:
    (features, batch) or (channels, height, width, batch).

    Parameters
    ----------
    width : factor of all hidden widths.

    Raises
    ------
    InputError : another depth, images of less than 32 pixels a side.
    """
    if depth not in STAGES:
        raise InputError(f"a VGG network has {', '.join(map(str, STAGES))} layers, got {depth}")
    require_image(image_shape, 32, f"VGG-{depth}")
    layers: list[Module] = [ToImages(image_shape)]
    c_in, (_, height, side) = image_shape[0], image_shape
    for count, c_out in zip(STAGES[depth], scaled(CHANNELS, width), strict=True):
        for _ in range(count):
            layers += [Conv2d(c_in, c_out, 3, dtype=dtype), BatchNorm2d(c_out, relu=True, dtype=dtype)]
            c_in = c_out
        layers.append(MaxPool2d(2))
        height, side = height // 2, side // 2
    [hidden] = scaled((CLASSIFIER,), width)
    layers.append(Flatten())
    for n_in in (c_in * height * side, hidden):
        layers += [Linear(n_in, hidden, dtype=dtype), ReLU(), *([Dropout(dropout)] if dropout else [])]
    return Sequential(*layers, Linear(hidden, classes, dtype=dtype))
