"""What a split of a data set is to everything that reads batches from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from .augment import Views

#: Ends a request: given the dtype, float32 or float64, it returns x (n_features, batch), C order, 64-byte aligned.
Fetch = Callable[[np.dtype], np.ndarray]


class Skipped(NamedTuple):
    """A file that could not be read, and why."""

    path: str
    reason: str


class Samples(Protocol):
    """Samples with their labels, in memory or read when they are wanted."""

    @property
    def samples(self) -> int:
        """Number of samples."""

    @property
    def n_features(self) -> int:
        """Number of features of one sample: the width of a network's input."""

    @property
    def labels(self) -> np.ndarray:
        """Class numbers from 0, (samples,) int64."""

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width), or None for flat features."""

    @property
    def source(self) -> str:
        """Where the samples come from, for the messages of errors."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Files replaced so far because they could not be read, sorted by path; never any in memory."""

    def request(self, order: np.ndarray, views: Views | None = None) -> Fetch:
        """Begin to read a batch; the call of what is returned waits for it.

        Several requests may be under way; what each returns depends on `order` and `views` alone.

        Parameters
        ----------
        order : (batch,) int64, numbers of samples.
        views : augmentation of each position of `order`; None for the images as they are.

        Raises
        ------
        DataError : at the end of the request, a sample that cannot be read.
        """

    def padded(self, side: int) -> Samples:
        """Return the samples with images of side × side; see `padded` of a data set."""

    def checksum(self, total: int) -> int:
        """Return the CRC-32 of what identifies the samples, carried on from `total`."""
