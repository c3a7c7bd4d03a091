"""Small folders of images in ImageNet's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("n01", "n02", "n03")
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def picture(seed: int, size: tuple[int, int] = (20, 16)) -> Image.Image:
    """Return noise of this width and height."""
    draw = np.random.default_rng(seed)
    return Image.fromarray(draw.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def write_tree(root: Path, each: int = 5, suffix: str = ".png", size: tuple[int, int] = (20, 16)) -> Path:
    """Write `each` training and two validation images a class; seed 100 · class + number, plus 50 in val."""
    for part, count in (("train", each), ("val", 2)):
        for number, name in enumerate(CLASSES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for k in range(count):
                picture(100 * number + k + (part == "val") * 50, size).save(folder / f"image_{k}{suffix}")
    return root


def resized(image: Image.Image, side: int) -> np.ndarray:
    """Return Resize(side · 256/224) and CenterCrop(side), (3, side, side) uint8."""
    width, height = image.size
    short = round(side * 256 / 224)
    size = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    small = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    return small[top : top + side, left : left + side].transpose(2, 0, 1)
