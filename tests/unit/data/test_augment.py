"""Augmentation: against literal loops, and that a view depends on seed, epoch and position alone."""

import math

import numpy as np
import pytest

from gse_ref.data import Augmentation, Split, epoch_batches, ordered_batches, probe_batch
from gse_ref.data.augment import WORDS, Views
from gse_ref.errors import InputError
from gse_ref.rng import stream

SHAPE = (2, 5, 7)


def images(dtype=np.uint8, samples=40, shape=SHAPE):
    draw = np.random.default_rng(3)
    return draw.integers(1, 256, (samples, *shape)).astype(dtype)


def split(dtype=np.uint8, samples=40, shape=SHAPE, **options):
    rows = images(dtype, samples, shape).reshape(samples, -1)
    return Split(rows, np.arange(samples) % 4, image_shape=shape, **options)


def literal(image, top, left, flip, pad):
    """Return an image padded with 0, cropped at (top, left), then flipped, pixel by pixel."""
    channels, height, width = image.shape
    out = np.zeros_like(image)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                column = width - 1 - x if flip else x
                row, source = top + y - pad, left + column - pad
                if 0 <= row < height and 0 <= source < width:
                    out[c, y, x] = image[c, row, source]
    return out


def drawn(views, k):
    top, left = views.offsets
    return int(top[k]), int(left[k]), bool(views.flips[k])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("pad", [0, 1, 4, 9])
def test_shifted_is_the_literal_loop(pad, flip, dtype):
    views = Augmentation(pad, flip).views(0, "epoch", 3, 0, 40)
    originals = images(dtype)
    before = originals.copy()
    actual = views.shifted(originals)
    assert actual.dtype == dtype
    assert actual.flags.c_contiguous
    for k in range(40):
        assert np.array_equal(actual[k], literal(originals[k], *drawn(views, k), pad))
    assert np.array_equal(originals, before)
    assert not np.shares_memory(actual, originals)


def test_draws_cover_every_place_and_are_uniform():
    """81 places from 81,000 draws: Binomial sd 31.4, ±6 sd; flips sd 142; false alarm below 1 in 10⁶."""
    views = Augmentation(4).views(1, "epoch", 0, 0, 81_000)
    top, left = views.offsets
    counts = np.bincount(top * 9 + left, minlength=81)
    assert len(counts) == 81
    assert abs(counts - 1000).max() < 190
    assert abs(int(views.flips.sum()) - 40_500) < 860


def test_flip_and_place_are_independent():
    """18 groups of 1/18 from 81,000 draws: sd 65.2, ±6 sd; false alarm below 1 in 10⁷."""
    views = Augmentation(4).views(2, "epoch", 0, 0, 81_000)
    counts = np.bincount(views.offsets[0] * 2 + views.flips, minlength=18)
    assert abs(counts - 4500).max() < 392


@pytest.mark.parametrize(("first", "count"), [(0, 100), (1, 1), (17, 5), (99, 1), (64, 32)])
def test_any_position_is_found_at_once(first, count):
    whole = Augmentation().views(5, "epoch", 7, 0, 100).words
    assert np.array_equal(Augmentation().views(5, "epoch", 7, first, count).words, whole[first : first + count])
    sequential = stream(5, "augment", 0, 7).bit_generator.random_raw(100 * WORDS).reshape(100, WORDS)
    assert np.array_equal(whole, sequential)


def test_streams_differ():
    def words(seed, use, step):
        return Augmentation().views(seed, use, step, 0, 3).words.tobytes()

    assert len({words(0, "epoch", 0), words(1, "epoch", 0), words(0, "epoch", 1), words(0, "probe", 0)}) == 4


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_epoch_is_augmented_by_position(dtype):
    scale, shift = np.linspace(0.5, 2.0, 70), np.linspace(-1.0, 1.0, 70)
    data, augment = split(dtype, scale=scale, shift=shift), Augmentation(2)
    order = stream(9, "batches", 0, 4).permutation(40)
    views = augment.views(9, "epoch", 4, 0, 40)
    x = np.hstack([x for x, _ in epoch_batches(data, 8, 9, 4, np.float64, augment=augment)])
    labels = np.hstack([labels for _, labels in epoch_batches(data, 8, 9, 4, augment=augment)])
    originals = images(dtype)
    for k in range(40):
        raw = literal(originals[order[k]], *drawn(views, k), 2).reshape(-1).astype(np.float64)
        assert np.array_equal(x[:, k], raw * scale + shift)
    assert labels.tolist() == [number % 4 for number in order]


def test_views_do_not_depend_on_the_batch_size():
    def epoch(batch_size):
        return np.hstack([x for x, _ in epoch_batches(split(), batch_size, 1, 2, augment=Augmentation())])

    assert np.array_equal(epoch(5), epoch(20))
    assert np.array_equal(epoch(13), epoch(40)[:, :39])


@pytest.mark.parametrize("start", range(6))
def test_resuming_sees_the_same_images(start):
    whole = list(epoch_batches(split(), 8, 3, 4, augment=Augmentation()))
    rest = list(epoch_batches(split(), 8, 3, 4, start=start, augment=Augmentation()))
    assert len(rest) == 5 - start
    for (x, labels), (y, others) in zip(rest, whole[start:], strict=True):
        assert x.tobytes() == y.tobytes()
        assert labels.tolist() == others.tolist()


def test_epochs_see_other_views():
    first, second = (
        {x.tobytes() for x, _ in epoch_batches(split(samples=4), 4, 0, epoch, augment=Augmentation())}
        for epoch in range(2)
    )
    assert not first & second


def test_no_change_is_no_augmentation():
    plain = list(epoch_batches(split(), 8, 0, 0))
    same = list(epoch_batches(split(), 8, 0, 0, augment=Augmentation(pad=0, flip=False)))
    assert all(a[0].tobytes() == b[0].tobytes() for a, b in zip(plain, same, strict=True))


@pytest.mark.parametrize("size", [{"samples": 20}, {"samples": None, "per_class": 5}])
def test_probe_is_augmented_on_its_own(size):
    plain, labels = probe_batch(split(), seed=0, step=5, **size)
    varied, others = probe_batch(split(), seed=0, step=5, augment=Augmentation(), **size)
    assert labels.tolist() == others.tolist()
    views = Augmentation().views(0, "probe", 5, 0, 20)
    for k in range(20):
        expected = literal(plain[:, k].reshape(SHAPE), *drawn(views, k), 4)
        assert np.array_equal(varied[:, k].reshape(SHAPE), expected)
    again, _ = probe_batch(split(), seed=0, step=6, augment=Augmentation(), **size)
    assert again.tobytes() != varied.tobytes()


def test_flat_features_are_refused_at_the_call():
    flat = Split(np.zeros((40, 70), np.uint8), np.zeros(40, np.int64), source="flat.npz")
    for make in (
        lambda: epoch_batches(flat, 8, 0, 0, augment=Augmentation()),
        lambda: probe_batch(flat, 8, 0, 0, augment=Augmentation()),
    ):
        with pytest.raises(InputError, match=r"flat\.npz: flat features cannot be augmented"):
            make()
    assert next(ordered_batches(flat, 40))[0].shape == (70, 40)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pad": -1}, "pad must be a whole number from 0 to 1024, got -1"),
        ({"pad": 1025}, "pad must be"),
        ({"pad": 4.0}, "pad must be a whole number"),
        ({"pad": True}, "pad must be a whole number"),
        ({"flip": 1}, "flip must be true or false"),
        ({"scale": (0.0, 1.0)}, r"scale must be two rising shares in \(0, 1\]"),
        ({"scale": (0.5, 0.4)}, "scale must be"),
        ({"scale": (0.5, 1.1)}, "scale must be"),
        ({"scale": (math.nan, 1.0)}, "scale must be"),
        ({"ratio": (0.0, 1.0)}, "ratio must be two rising positive numbers"),
        ({"ratio": (2.0, 1.0)}, "ratio must be"),
        ({"ratio": (1.0, math.inf)}, "ratio must be"),
    ],
)
def test_unusable_augmentation(options, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**options)


def literal_box(draws, width, height, scale, ratio):
    """Return torchvision's RandomResizedCrop on given uniform numbers: ten (area, ratio), then top and left."""
    for share, lean in draws:
        area = width * height * (scale[0] + (scale[1] - scale[0]) * share)
        lean = math.log(ratio[0]) + (math.log(ratio[1]) - math.log(ratio[0])) * lean
        across = round(math.sqrt(area * math.exp(lean)))
        down = round(math.sqrt(area / math.exp(lean)))
        if 0 < across <= width and 0 < down <= height:
            return across, down, True
    if width / height < ratio[0]:
        return width, round(width / ratio[0]), False
    if width / height > ratio[1]:
        return round(height * ratio[1]), height, False
    return width, height, False


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (32, 32), (1, 1), (2000, 3), (3, 2000), (1, 50)])
def test_box_is_the_one_of_torchvision(size):
    augment = Augmentation()
    views = augment.views(0, "epoch", 0, 0, 200)
    tried = 0
    for k in range(200):
        uniform = (views.words[k, :20] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        across, down, found = literal_box(uniform.reshape(10, 2).tolist(), *size, augment.scale, augment.ratio)
        left, top, right, bottom = views.box(k, *size)
        assert (right - left, bottom - top) == (across, down)
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        if not found:
            assert (left, top) == ((size[0] - across) // 2, (size[1] - down) // 2)
        tried += found
    assert (tried == 200) == (max(size) < 40 * min(size))


def test_box_covers_the_image():
    """Of 400 crops each of the four corners is touched by several, and areas span the scale."""
    views = Augmentation().views(4, "epoch", 0, 0, 400)
    boxes = np.array([views.box(k, 60, 60) for k in range(400)])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / 3600
    assert areas.min() < 0.12
    assert areas.max() > 0.9
    for side, value in ((0, 0), (1, 0), (2, 60), (3, 60)):
        assert (boxes[:, side] == value).sum() > 10


def test_whole_image_when_scale_and_ratio_leave_no_choice():
    views = Augmentation(scale=(1.0, 1.0), ratio=(1.0, 1.0)).views(0, "epoch", 0, 0, 5)
    assert [views.box(k, 33, 33) for k in range(5)] == [(0, 0, 33, 33)] * 5


def test_extreme_words_stay_inside():
    for word in (0, 2**64 - 1):
        views = Views(Augmentation(), np.full((1, WORDS), word, np.uint64))
        left, top, right, bottom = views.box(0, 100, 80)
        assert 0 <= left < right <= 100
        assert 0 <= top < bottom <= 80
        assert views.shifted(images(samples=1)).shape == (1, *SHAPE)
