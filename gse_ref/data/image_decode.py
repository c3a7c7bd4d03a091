"""From an image file to the bytes of one sample, by Pillow: decode to RGB, crop, resize."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, MissingDependencyError
from .augment import Views

if TYPE_CHECKING:
    from PIL import Image

#: Formats that Pillow may try; each is decoded by a library, none starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM")
SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".ppm", ".pgm")
#: Before the centre crop, the shorter side is resized to this many times the training size (256 for 224).
MARGIN = 256 / 224
#: An image of more pixels is refused, as beyond it Pillow warns of a bomb.
MOST_PIXELS = (1 << 28) // 3
_FAILURES = (OSError, ValueError, TypeError, SyntaxError, EOFError, OverflowError, LookupError, struct.error)


def pillow() -> Any:
    """Return Pillow's module ``PIL.Image``.

    Raises
    ------
    MissingDependencyError : Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependencyError(
            "image folders are decoded by Pillow, which is not installed: pip install 'gse_ref[images]'"
        ) from None
    return Image


def decoded(path: Path, side: int, views: Views | None, position: int) -> np.ndarray:
    """Return one image of side × side.

    Parameters
    ----------
    path : the file; grey, palette, CMYK, transparent and 16-bit images become RGB, transparency is dropped.
    side : in pixels.
    views : draws the crop of `position`, which is resized, and its flip. None: the shorter side is resized to
        side · 256/224 and the centre is cropped. Bilinear with antialiasing, as torchvision does on Pillow images.

    Returns
    -------
    (3, side, side) uint8, C order.

    Raises
    ------
    DataError : the file cannot be read; names it.
    """
    module = pillow()
    try:
        with module.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}×{image.height} pixels are more than {MOST_PIXELS}")
            small = _fitted(_rgb(image), side, None if views is None else views.box(position, *image.size))
    except (*_FAILURES, module.DecompressionBombError, module.DecompressionBombWarning) as error:
        raise DataError(f"{path}: cannot be decoded ({_reason(error)})") from error
    pixels = np.asarray(small).transpose(2, 0, 1)
    if views is not None and views.flips[position]:
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(pixels)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        image = pillow().fromarray(np.clip(wide >> 8, 0, 255).astype(np.uint8))
    if "transparency" in image.info and image.mode == "P":
        image = image.convert("RGBA")
    return image.convert("RGB")


def _fitted(image: Image.Image, side: int, box: tuple[int, int, int, int] | None) -> Image.Image:
    bilinear = pillow().Resampling.BILINEAR
    if box is not None:
        return image.crop(box).resize((side, side), bilinear)
    width, height = image.size
    short = round(side * MARGIN)
    if width <= height:
        size = (short, max(short, int(short * height / width)))
    else:
        size = (max(short, int(short * width / height)), short)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return image.resize(size, bilinear).crop((left, top, left + side, top + side))


def _reason(error: Exception) -> str:
    if "cannot identify" in str(error):
        return f"no {', '.join(FORMATS)} image"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
