"""Batches with the batch as last axis: shuffled for training, in order for evaluation, fresh for a probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from ..errors import InputError
from ..rng import stream
from .augment import Augmentation, Views
from .samples import Samples

#: x (n_features, batch), C order, 64-byte aligned; labels (batch,) int64.
Batch = tuple[np.ndarray, np.ndarray]


def batches_per_epoch(split: Samples, batch_size: int) -> int:
    """Return how many full batches an epoch has; the last partial one is dropped (ALGORITHM section 7).

    Raises
    ------
    InputError : `batch_size` below 1 or above the number of samples, which would leave no batch at all.
    """
    if not 1 <= batch_size <= split.samples:
        raise InputError(
            f"batch size {batch_size} does not fit {split.samples} training samples from {split.source}; "
            f"choose 1 to {split.samples}"
        )
    return split.samples // batch_size


def epoch_batches(
    split: Samples,
    batch_size: int,
    seed: int,
    epoch: int,
    dtype: DTypeLike = np.float32,
    start: int = 0,
    augment: Augmentation | None = None,
) -> Iterator[Batch]:
    """Yield the full batches of one shuffled epoch, each sample at most once.

    The order depends on (seed, epoch) alone, and the view of an image on (seed, epoch, position in the order),
    so a run resumed in mid-epoch with `start` sees what it would have seen. Each batch is a new pair of arrays,
    which the caller may keep. One batch is requested ahead of the one that is yielded.

    Parameters
    ----------
    split : Samples.
    batch_size : samples in each batch.
    seed, epoch : integers in [0, 2**64), naming the random stream.
    dtype : float32 or float64, of x.
    start : number of batches to skip.
    augment : how images are varied; None leaves them as they are.

    Yields
    ------
    x : (n_features, batch_size) `dtype`, C order, 64-byte aligned.
    labels : (batch_size,) int64.

    Raises
    ------
    InputError : at the call, for a batch size, dtype, seed, epoch, start or augmentation that cannot be used.
    """
    count = batches_per_epoch(split, batch_size)
    kind = _float_dtype(dtype)
    if not 0 <= start <= count:
        raise InputError(f"start {start} lies outside the epoch of {count} batches; choose 0 to {count}")
    order = stream(seed, "batches", 0, epoch).permutation(split.samples)
    _check_augmentation(split, augment)

    def view(first: int) -> Views | None:
        return None if augment is None else augment.views(seed, "epoch", epoch, first, batch_size)

    firsts = range(start * batch_size, count * batch_size, batch_size)
    return _batches(split, ((order[first : first + batch_size], view(first)) for first in firsts), kind)


def ordered_batches(split: Samples, batch_size: int, dtype: DTypeLike = np.float32) -> Iterator[Batch]:
    """Yield every sample once, in stored order, for evaluation; the last batch may be smaller.

    Parameters and arrays are those of `epoch_batches`; a batch size above the number of samples is fine.
    """
    if batch_size < 1:
        raise InputError(f"batch size must be at least 1, got {batch_size}")
    kind = _float_dtype(dtype)
    order = np.arange(split.samples)
    firsts = range(0, split.samples, batch_size)
    return _batches(split, ((order[first : first + batch_size], None) for first in firsts), kind)


def probe_batch(
    split: Samples,
    samples: int | None,
    seed: int,
    step: int,
    dtype: DTypeLike = np.float32,
    *,
    per_class: int | None = None,
    augment: Augmentation | None = None,
) -> Batch:
    """Return the fresh batch of the probe at one step, drawn without replacement by its own random stream.

    Parameters
    ----------
    split : Samples.
    samples : size of a batch drawn uniformly from all samples; None with `per_class`.
    seed, step : integers in [0, 2**64), naming the random stream.
    dtype : float32 or float64, of x.
    per_class : draw this many of each class that occurs instead (ALGORITHM section 7: 10), class by class in
        rising order. O(samples log samples).
    augment : how images are varied; the view depends on (seed, step, position in the batch).

    Returns
    -------
    x : (n_features, batch) `dtype`, C order, 64-byte aligned.
    labels : (batch,) int64.

    Raises
    ------
    InputError : both or neither of `samples` and `per_class`, more than there are, or no images to augment.
    """
    if (samples is None) == (per_class is None):
        raise InputError(
            f"a probe takes samples or per_class, not both or neither: got samples={samples} and "
            f"per_class={per_class}"
        )
    kind = _float_dtype(dtype)
    _check_augmentation(split, augment)
    draw = stream(seed, "probe", 0, step)
    if per_class is not None:
        order = _balanced(split, per_class, draw)
    elif samples is None or not 1 <= samples <= split.samples:
        raise InputError(f"a probe of {samples} samples needs 1 to {split.samples} of {split.source}")
    else:
        order = draw.choice(split.samples, samples, replace=False)
    views = None if augment is None else augment.views(seed, "probe", step, 0, len(order))
    return split.request(order, views)(kind), split.labels[order]


def _balanced(split: Samples, per_class: int, draw: np.random.Generator) -> np.ndarray:
    if per_class < 1:
        raise InputError(f"per_class must be at least 1, got {per_class}")
    grouped = np.argsort(split.labels, kind="stable")
    labels, counts = np.unique(split.labels, return_counts=True)
    scarce = int(np.argmin(counts))
    if counts[scarce] < per_class:
        raise InputError(
            f"a probe of {per_class} samples a class: class {labels[scarce]} of {split.source} has only "
            f"{counts[scarce]}; choose at most that many, or give samples instead"
        )
    starts = np.cumsum(counts) - counts
    picks = [
        grouped[start + draw.choice(count, per_class, replace=False)]
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True)
    ]
    return np.concatenate(picks)


def _float_dtype(dtype: DTypeLike) -> np.dtype:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InputError(f"batches come in float32 or float64, not {dtype!r}")
    return kind


def _check_augmentation(split: Samples, augment: Augmentation | None) -> None:
    if augment is not None and split.image_shape is None:
        raise InputError(
            f"{split.source}: flat features cannot be augmented; only images can: switch augmentation off, or "
            "store the samples as (samples, channels, height, width)"
        )


def _batches(
    split: Samples, requests: Iterable[tuple[np.ndarray, Views | None]], dtype: np.dtype
) -> Iterator[Batch]:
    """Yield the batches of `requests`, each an order and its views, with one request ahead under way."""
    ahead = None
    for order, views in requests:
        begun = split.request(order, views), split.labels[order]
        if ahead is not None:
            yield ahead[0](dtype), ahead[1]
        ahead = begun
    if ahead is not None:
        yield ahead[0](dtype), ahead[1]
