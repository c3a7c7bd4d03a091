"""Images in folders, decoded by worker threads when a batch wants them; never all in memory."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from ..backends import active
from ..errors import DataError, InputError, unknown
from .augment import Views
from .dataset import Dataset, channel_normalization
from .image_decode import decoded, pillow
from .image_tree import Tree, read_tree
from .samples import Fetch, Skipped

#: What happens at a file that cannot be decoded: the run ends, or the next one of its class takes its place.
UNREADABLE = ("error", "skip")
DEFAULT_SIDE = 224
MOST_SIDE = 1 << 12
MOST_WORKERS = 256
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageFolderSplit:
    """One split of a folder of images.

    Only names and labels are kept; a batch under way holds its pixels. Files may not change meanwhile.

    Parameters
    ----------
    tree : names and labels, equal labels side by side.
    side : height and width to which each image is brought.
    workers : threads that decode; no result depends on their number.
    unreadable : one of `UNREADABLE`. With ``"skip"`` a file that cannot be decoded is replaced, wherever it comes
        up, by the next readable one of its class in the order of the names, so that batches keep their size and
        their labels; `skipped` lists it. That holds in evaluation too.
    """

    def __init__(self, tree: Tree, side: int, workers: int, unreadable: str) -> None:
        self.labels = tree.labels
        self.image_shape: tuple[int, int, int] = (3, side, side)
        self.source = str(tree.root)
        self._tree, self._workers, self._unreadable = tree, workers, unreadable
        self._scale, self._shift = channel_normalization(MEANS, DEVIATIONS, side * side)
        self._bad: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def samples(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def n_features(self) -> int:
        """3 · side · side."""
        return int(np.prod(self.image_shape))

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Files met so far that could not be decoded and were replaced, sorted by path."""
        with self._lock:
            bad = dict(self._bad)
        return tuple(sorted(Skipped(str(self._path(sample)), reason) for sample, reason in bad.items()))

    def request(self, order: np.ndarray, views: Views | None = None) -> Fetch:
        """Begin to decode the images of `order`; see `Samples`.

        Raises
        ------
        DataError : when the batch is fetched, a file that cannot be decoded, or a class without a readable one.
        """
        rows = np.empty((len(order), self.n_features), np.uint8)

        def decode(position: int) -> None:
            rows[position] = self._image(int(order[position]), views, position)

        jobs = [self._pool.submit(decode, position) for position in range(len(order))]

        def fetch(dtype: np.dtype) -> np.ndarray:
            _finish(jobs)
            return active().gather(rows, np.arange(len(rows)), self._scale, self._shift, dtype)

        return fetch

    def padded(self, side: int) -> ImageFolderSplit:
        """Return the split itself if its images have this side; they are resized, never padded."""
        if side != self.image_shape[1]:
            raise InputError(
                f"{self.source}: its images are resized to {self.image_shape[1]}, not padded; to have {side} write "
                f"image-folder:{side}"
            )
        return self

    def checksum(self, total: int) -> int:
        """Return the CRC-32 of side, names, file sizes and labels, carried on from `total`; opens no file.

        Raises
        ------
        DataError : a file that is gone.
        """
        total = zlib.crc32(np.array(self.image_shape, np.int64).data, total)
        for sample, name in enumerate(self._tree.names):
            try:
                size = os.path.getsize(self._path(sample))
            except OSError as error:
                raise DataError(f"{self._path(sample)}: cannot be looked at ({error.strerror})") from error
            total = zlib.crc32(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"), total)
        return zlib.crc32(self.labels.data, total)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._workers, thread_name_prefix="gse_ref decode")

    def _path(self, sample: int) -> Path:
        return self._tree.root / self._tree.names[sample]

    def _image(self, sample: int, views: Views | None, position: int) -> np.ndarray:
        """Return the pixels of a sample, or of what takes its place."""
        for candidate in self._candidates(sample):
            try:
                return decoded(self._path(candidate), self.image_shape[1], views, position).reshape(-1)
            except DataError as error:
                if self._unreadable == "error":
                    raise DataError(f"{error}; mend it, or skip such files (--unreadable skip)") from error
                with self._lock:
                    self._bad[candidate] = str(error).removeprefix(f"{self._path(candidate)}: ")
        label = int(self.labels[sample])
        raise DataError(f"{self.source}: no readable image in class {label}, that of {self._tree.names[sample]}")

    def _candidates(self, sample: int) -> Iterator[int]:
        """Yield the sample and, if it may be replaced, those after it in its class, round to the first."""
        yield sample
        first, last = (int(np.searchsorted(self.labels, self.labels[sample], side)) for side in ("left", "right"))
        if self._unreadable == "skip":
            yield from range(sample + 1, last)
            yield from range(first, sample)


def load_image_folder(
    root: str | Path | None, side: int = DEFAULT_SIDE, workers: int | None = None, unreadable: str = "error"
) -> Dataset:
    """Load a folder of images in ImageNet's layout: lists the files, decodes none.

    Parameters
    ----------
    root : holds ``train/CLASS/*.jpeg`` and ``val/CLASS/*.jpeg``; or a flat ``val/*.jpeg`` with ``val_labels.txt``
        beside it, of lines ``FILE CLASS`` or of one ``CLASS`` a line in the order of the sorted file names.
    side : height and width of the images that a network sees, 1 to 4096.
    workers : decoding threads; None: as many as there are cores.
    unreadable : one of `UNREADABLE`; see `ImageFolderSplit`.

    Returns
    -------
    Dataset : images (3, side, side), normalised by ImageNet's channel statistics (ALGORITHM section 7); the
        validation folder is its test split.

    Raises
    ------
    InputError : a number or name that cannot be used. MissingDependencyError : Pillow is not installed.
    DataError : the folder is not laid out like that.
    """
    if not 1 <= side <= MOST_SIDE:
        raise InputError(f"image-folder: the side of its images must be 1 to {MOST_SIDE}, got {side}")
    threads = _cores() if workers is None else workers
    if not 1 <= threads <= MOST_WORKERS:
        raise InputError(f"image-folder: workers must be 1 to {MOST_WORKERS}, got {workers}")
    if unreadable not in UNREADABLE:
        raise unknown("treatment of unreadable images", unreadable, UNREADABLE)
    pillow()
    train, val, classes = read_tree(root)
    splits = [ImageFolderSplit(tree, side, threads, unreadable) for tree in (train, val)]
    return Dataset(f"image-folder:{side}", splits[0], splits[1], len(classes))


def from_options(options: list[str], root: str | Path | None, workers: int | None, unreadable: str) -> Dataset:
    """Return the data set of ``image-folder[:SIDE]``, given what follows the colon.

    Raises
    ------
    InputError : an option that is no side, or more than one. Otherwise as `load_image_folder`.
    """
    if len(options) > 1 or any(not (text.isascii() and text.isdigit() and len(text) < 10) for text in options):
        raise InputError(
            f"image-folder: got {':'.join(options)[:40]!r} after the name; wanted image-folder[:SIDE], for example "
            f"image-folder:{DEFAULT_SIDE}"
        )
    side = int(options[0]) if options else DEFAULT_SIDE
    return load_image_folder(root, side, workers, unreadable)


def _cores() -> int:
    return min(
        MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def _finish(jobs: list[Future[None]]) -> None:
    """Wait for all jobs; the first in order that failed is raised and those not begun are called off."""
    try:
        for job in jobs:
            job.result()
    finally:
        for job in jobs:
            job.cancel()
