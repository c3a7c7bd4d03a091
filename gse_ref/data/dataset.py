"""The two containers of data, a split and a data set, and everything that is required of them."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..backends import active
from ..errors import DataError, InputError
from .augment import Views
from .samples import Fetch, Samples, Skipped

FEATURE_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))
_CHUNK_BYTES = 1 << 20
_MOST_SIDE = 1 << 12


@dataclass(frozen=True, eq=False)
class Split:
    """Samples with their labels, stored batch first so that a batch gathers whole rows.

    The value that a network sees is ``features * scale + shift``, computed in float64 when a batch is
    gathered; the stored features stay as small as they came.

    Parameters
    ----------
    features : (samples, n_features) uint8, float32 or float64, C order; images flattened from (c, h, w).
    labels : (samples,) int64, class numbers from 0.
    scale, shift : float, or (n_features,) array. Per feature for colour images.
    image_shape : (channels, height, width) whose product is n_features, or None for flat features.
    source : where the arrays came from, for the messages of errors.

    Raises
    ------
    DataError : anything above is not so, no sample or feature, a feature, scale or shift that is not finite.
    """

    features: np.ndarray
    labels: np.ndarray
    scale: float | np.ndarray = 1.0
    shift: float | np.ndarray = 0.0
    image_shape: tuple[int, int, int] | None = None
    source: str = "arrays"

    def __post_init__(self) -> None:
        _check_features(self.features, self.source)
        _check_lengths(self.features, self.labels, self.source)
        for name, value in (("scale", self.scale), ("shift", self.shift)):
            _check_normalization(name, value, self.n_features, self.source)
        _check_image_shape(self.image_shape, self.n_features, self.source)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.features.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features of one sample: the width of a network's input."""
        return int(self.features.shape[1])

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Nothing: what is in memory could be read."""
        return ()

    def request(self, order: np.ndarray, views: Views | None = None) -> Fetch:
        """Return the function that gathers the samples of `order`, O(n_features · batch); see `Samples`."""

        def fetch(dtype: np.dtype) -> np.ndarray:
            if views is None or self.image_shape is None:
                return active().gather(self.features, order, self.scale, self.shift, dtype)
            images = views.shifted(self.features[order].reshape(len(order), *self.image_shape))
            rows = images.reshape(len(order), self.n_features)
            return active().gather(rows, np.arange(len(order)), self.scale, self.shift, dtype)

        return fetch

    def padded(self, side: int) -> Split:
        """Return the split with images of side × side; see the function `padded`."""
        if self.image_shape is None:
            raise InputError(f"{self.source}: flat features cannot be padded; only images have a side")
        channels, *size = self.image_shape
        if side < max(size):
            raise InputError(
                f"{self.source}: images of {size[0]}×{size[1]} do not fit into {side}×{side}; choose at least "
                f"{max(size)}"
            )
        if size == [side, side]:
            return self
        frame = [((side - length) // 2, (side - length + 1) // 2) for length in size]
        shape = (channels, side, side)
        features = np.zeros((self.samples, *shape), self.features.dtype)
        rows, columns = (slice(first, side - last) for first, last in frame)
        features[:, :, rows, columns] = self.features.reshape(-1, *self.image_shape)
        scale, shift = (_widened(value, self.image_shape, frame) for value in (self.scale, self.shift))
        flat = features.reshape(self.samples, -1)
        return replace(self, features=flat, scale=scale, shift=shift, image_shape=shape)

    def checksum(self, total: int) -> int:
        """Return the CRC-32 of all features and labels, carried on from `total`."""
        return zlib.crc32(self.labels.data, zlib.crc32(self.features.data, total))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training split and a test split of the same classes and features.

    Parameters
    ----------
    name : as on the command line.
    train, test : Samples.
    classes : number of classes, at least 2; every label lies in [0, classes).
    provenance : a line for each file read, with its checksum and whether that is the published one; may be empty.

    Raises
    ------
    DataError : a label out of range (with its value and position), or splits of different shapes.
    """

    name: str
    train: Samples
    test: Samples
    classes: int
    provenance: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise DataError(f"{self.name}: {self.classes} class; classification needs at least 2 classes")
        for split in (self.train, self.test):
            _check_labels(split, self.classes)
        ours, theirs = self.train, self.test
        if (ours.n_features, ours.image_shape) != (theirs.n_features, theirs.image_shape):
            raise DataError(
                f"{self.name}: training samples have {ours.n_features} features and image shape "
                f"{ours.image_shape}, test samples {theirs.n_features} and {theirs.image_shape}; "
                "both splits must have the same: check that they belong together"
            )

    @property
    def n_features(self) -> int:
        """Number of features of one sample."""
        return self.train.n_features

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width), or None for flat features."""
        return self.train.image_shape

    @cached_property
    def digest(self) -> str:
        """A checksum (CRC-32, hexadecimal) of what identifies both splits: equal data, equal digest.

        In memory these are all features and labels; for files read on the way, their names, sizes and labels.
        """
        return f"{self.test.checksum(self.train.checksum(0)):08x}"


def padded(dataset: Dataset, side: int) -> Dataset:
    """Return the data set with its images padded with raw 0 to side × side, an odd row or column at the end.

    The value of an original pixel stays what it was; a new one is a raw 0, normalised as its channel is. Images
    that have this size already come back as they are, not copied.

    Parameters
    ----------
    dataset : of images in memory, none larger than `side`.
    side : in pixels, at most 4096.

    Raises
    ------
    InputError : features that are no images, images larger than `side` or decoded from files to another size.
    """
    if type(side) is not int or not 1 <= side <= _MOST_SIDE:
        raise InputError(f"{dataset.name}: the side of padded images must be 1 to {_MOST_SIDE}, got {side!r}")
    train, test = dataset.train.padded(side), dataset.test.padded(side)
    if train is dataset.train and test is dataset.test:
        return dataset
    return replace(dataset, train=train, test=test)


def channel_normalization(
    means: tuple[float, ...], deviations: tuple[float, ...], pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (scale, shift) that turn bytes p into (p/255 − mean)/deviation, channel by channel.

    Parameters
    ----------
    means, deviations : one for each channel, of pixels in [0, 1].
    pixels : of one channel.

    Returns
    -------
    two arrays (channels · pixels,) float64.
    """
    mean, deviation = np.array(means), np.array(deviations)
    return np.repeat(1 / (255 * deviation), pixels), np.repeat(-mean / deviation, pixels)


def pixel_normalization(pixels: np.ndarray, channels: int = 1) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Return the (scale, shift) that give pixels of mean 0 and standard deviation 1, channel by channel.

    With pixels p/255 in [0, 1]: scale = 1/(255·std), shift = −mean/std. Mean and variance come from the exact
    integer histogram, so they depend on no order of summation. A constant channel is only shifted to 0.

    Parameters
    ----------
    pixels : (samples, channels·height·width) uint8, the training split.
    channels : with 1 the result is two floats, else two (n_features,) float64 arrays.
    """
    width = pixels.shape[1] // channels
    pairs = [_channel_normalization(pixels[:, c * width : (c + 1) * width]) for c in range(channels)]
    if channels == 1:
        return pairs[0]
    scale, shift = np.repeat(np.array(pairs), width, axis=0).T.copy()
    return scale, shift


def _channel_normalization(pixels: np.ndarray) -> tuple[float, float]:
    histogram = np.zeros(256, np.int64)
    for rows in _chunks(pixels):
        histogram += np.bincount(rows.ravel(), minlength=256)
    counts = histogram.tolist()
    total = sum(counts)
    first = sum(value * count for value, count in enumerate(counts))
    second = sum(value * value * count for value, count in enumerate(counts))
    spread = math.sqrt(total * second - first * first) / total or 1.0
    return 1.0 / spread, -(first / total) / spread


def _widened(
    value: float | np.ndarray, shape: tuple[int, int, int], frame: list[tuple[int, int]]
) -> float | np.ndarray:
    """Return a scale or shift for the padded image: what the nearest pixel of the same channel has."""
    if np.ndim(value) == 0:
        return value
    return np.pad(np.reshape(value, shape), [(0, 0), *frame], mode="edge").reshape(-1)


def _chunks(array: np.ndarray) -> list[np.ndarray]:
    rows = max(1, _CHUNK_BYTES // max(1, array.shape[1] * array.itemsize))
    return [array[start : start + rows] for start in range(0, len(array), rows)]


def _check_features(features: np.ndarray, source: str) -> None:
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.size == 0:
        came = f"shape {features.shape}" if isinstance(features, np.ndarray) else type(features).__name__
        raise DataError(
            f"{source}: features came as {came}; wanted an array of shape (samples, n_features) with at "
            "least one of each: flatten each sample to one row"
        )
    if features.dtype not in FEATURE_DTYPES:
        raise DataError(
            f"{source}: features have dtype {features.dtype}; wanted uint8 (0..255), float32 or float64: "
            "convert them with .astype"
        )
    if not features.flags.c_contiguous:
        raise DataError(f"{source}: features must be in C order; convert them with np.ascontiguousarray")
    if features.dtype == np.uint8:
        return
    done = 0
    for rows in _chunks(features):
        bad = np.argwhere(~np.isfinite(rows))
        if len(bad):
            row, column = bad[0].tolist()
            raise DataError(
                f"{source}: feature {column} of sample {done + row} is {rows[row, column]}; every feature "
                "must be finite: remove or fill such samples"
            )
        done += len(rows)


def _check_lengths(features: np.ndarray, labels: np.ndarray, source: str) -> None:
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.int64:
        came = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else type(labels).__name__
        raise DataError(
            f"{source}: labels came as {came}; wanted an int64 array of shape (samples,) with the class "
            "number of each sample: one-hot rows turn into it with .argmax(axis=1)"
        )
    if len(labels) != len(features):
        raise DataError(
            f"{source}: {len(features)} samples but {len(labels)} labels; each sample needs one label: "
            "check that both come from the same split"
        )


def _check_labels(split: Samples, classes: int) -> None:
    bad = np.flatnonzero((split.labels < 0) | (split.labels >= classes))
    if bad.size:
        raise DataError(
            f"{split.source}: label {split.labels[bad[0]]} at position {bad[0]} ({bad.size} such); labels "
            f"must be class numbers 0 to {classes - 1}: check that the file belongs to this data set"
        )


def _check_normalization(name: str, value: float | np.ndarray, n_features: int, source: str) -> None:
    array = np.asarray(value)
    if array.shape not in ((), (n_features,)) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise DataError(
            f"{source}: {name} has dtype {array.dtype} and shape {array.shape}; wanted finite numbers, one "
            f"for all or one for each of the {n_features} features"
        )


def _check_image_shape(shape: tuple[int, int, int] | None, n_features: int, source: str) -> None:
    if shape is None:
        return
    if len(shape) != 3 or min(shape) < 1 or math.prod(shape) != n_features:
        raise DataError(
            f"{source}: image shape {shape} does not hold {n_features} features; "
            "wanted (channels, height, width) whose product is the number of features"
        )
