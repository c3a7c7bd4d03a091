"""The two containers of data, a split and a data set, and everything that is required of them."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import DataError

FEATURE_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))
_CHUNK_BYTES = 1 << 20


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


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training split and a test split of the same classes and features.

    Parameters
    ----------
    name : as on the command line.
    train, test : Split.
    classes : number of classes, at least 2; every label lies in [0, classes).

    Raises
    ------
    DataError : a label out of range (with its value and position), or splits of different shapes.
    """

    name: str
    train: Split
    test: Split
    classes: int

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
        """A checksum (CRC-32, hexadecimal) of all features and labels: equal data, equal digest."""
        total = 0
        for split in (self.train, self.test):
            for array in (split.features, split.labels):
                total = zlib.crc32(array.data, total)
        return f"{total:08x}"


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


def _check_labels(split: Split, classes: int) -> None:
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
