"""Augmentation of images: which view of each image is seen is a function of seed, epoch and position alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..rng import stream

#: 64-bit words that each position of an order owns: ten tries of (area, ratio), then top, left and flip.
WORDS = 24
_TRIES = 10
_TOP, _LEFT, _FLIP = 2 * _TRIES, 2 * _TRIES + 1, 2 * _TRIES + 2
#: A step of Philox's counter gives this many words.
_WORDS_PER_COUNT = 4
_MOST_PAD = 1 << 10

#: What a view is drawn for; the `layer` of its random stream.
USES = ("epoch", "probe")

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Augmentation:
    """How training images are varied.

    Images in memory are padded, cropped back to their size and flipped (ALGORITHM section 7). Images that are
    decoded from files are cropped at random, resized to the training size and flipped (torchvision's
    RandomResizedCrop); `pad` says nothing to them, `scale` and `ratio` say nothing to images in memory.

    Parameters
    ----------
    pad : raw black pixels added on each side before the crop, from 0 to 1024.
    flip : mirror every other image left to right.
    scale : least and largest share of the area of the file's image that is cropped, in (0, 1].
    ratio : least and largest ratio of width to height of the crop.

    Raises
    ------
    InputError : a value out of range.
    """

    pad: int = 4
    flip: bool = True
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        if type(self.pad) is not int or not 0 <= self.pad <= _MOST_PAD:
            raise InputError(f"augmentation: pad must be a whole number from 0 to {_MOST_PAD}, got {self.pad!r}")
        if type(self.flip) is not bool:
            raise InputError(f"augmentation: flip must be true or false, got {self.flip!r}")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"augmentation: scale must be two rising shares in (0, 1], got {self.scale}")
        if not 0 < self.ratio[0] <= self.ratio[1] < math.inf:
            raise InputError(f"augmentation: ratio must be two rising positive numbers, got {self.ratio}")

    def views(self, seed: int, use: str, step: int, first: int, count: int) -> Views:
        """Return the views of the positions first to first + count of an order; O(count) whatever `first` is.

        Parameters
        ----------
        seed : of the run.
        use : one of `USES`; step : the epoch, or the step of the probe.
        """
        source: Any = stream(seed, "augment", USES.index(use), step).bit_generator
        source.advance(first * (WORDS // _WORDS_PER_COUNT))
        return Views(self, np.asarray(source.random_raw(count * WORDS)).reshape(count, WORDS))


@dataclass(frozen=True, eq=False)
class Views:
    """The views of one batch.

    Parameters
    ----------
    augmentation : what is drawn.
    words : (batch, `WORDS`) uint64, uniform: one row for each position.
    """

    augmentation: Augmentation
    words: np.ndarray

    @property
    def flips(self) -> np.ndarray:
        """Which images are mirrored, (batch,) bool."""
        return (self.words[:, _FLIP] >> np.uint64(63)).astype(bool) & self.augmentation.flip

    @property
    def offsets(self) -> tuple[np.ndarray, np.ndarray]:
        """Top and left of the crop in the padded image, each (batch,) int64 in [0, 2·pad]."""
        places = np.uint64(2 * self.augmentation.pad + 1)
        top, left = (self.words[:, k] % places for k in (_TOP, _LEFT))
        return top.astype(np.int64), left.astype(np.int64)

    def shifted(self, images: np.ndarray) -> np.ndarray:
        """Return the images padded with 0, cropped and flipped.

        Parameters
        ----------
        images : (batch, channels, height, width), any dtype; not changed.

        Returns
        -------
        array of the same shape and dtype, C order. O(batch · channels · (height + 2·pad) · (width + 2·pad)).
        """
        pad = self.augmentation.pad
        batch, channels, height, width = images.shape
        room = np.zeros((batch, channels, height + 2 * pad, width + 2 * pad), images.dtype)
        room[:, :, pad : pad + height, pad : pad + width] = images
        flips = self.flips
        room[flips] = room[flips, :, :, ::-1]
        top, left = self.offsets
        left = np.where(flips, 2 * pad - left, left)
        windows = np.lib.stride_tricks.sliding_window_view(room, (height, width), axis=(2, 3))
        return np.ascontiguousarray(windows[np.arange(batch), :, top, left])

    def box(self, position: int, width: int, height: int) -> Box:
        """Return the crop (left, top, right, bottom) of an image file, as RandomResizedCrop draws it.

        Ten tries of an area, uniform in `scale`, and a ratio, uniform in its logarithm; when none fits into the
        image, the largest centred crop whose ratio is allowed.

        Parameters
        ----------
        position : row of `words`.
        width, height : of the image, in pixels.
        """
        words = self.words[position]
        uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
        low, high = self.augmentation.scale
        least, most = (math.log(value) for value in self.augmentation.ratio)
        for share, lean in uniform[: 2 * _TRIES].reshape(_TRIES, 2).tolist():
            area = width * height * (low + (high - low) * share)
            ratio = math.exp(least + (most - least) * lean)
            across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < across <= width and 0 < down <= height:
                top = int(words[_TOP]) % (height - down + 1)
                left = int(words[_LEFT]) % (width - across + 1)
                return left, top, left + across, top + down
        return self._centred(width, height)

    def _centred(self, width: int, height: int) -> Box:
        least, most = self.augmentation.ratio
        across = min(width, max(1, round(height * most)))
        down = min(height, max(1, round(width / least)))
        left, top = (width - across) // 2, (height - down) // 2
        return left, top, left + across, top + down
