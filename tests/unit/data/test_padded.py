"""Images padded to a size."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from gse_ref.data import Dataset, Split, fashion_mini, ordered_batches, padded, teacher_student
from gse_ref.errors import InputError


def made(shape=(3, 4, 5), dtype=np.uint8, each=True):
    draw = np.random.default_rng(0)
    width = int(np.prod(shape))
    scale = np.repeat(draw.standard_normal(shape[0]), width // shape[0]) if each else 0.5
    shift = np.repeat(draw.standard_normal(shape[0]), width // shape[0]) if each else -0.25
    splits = [
        Split(draw.integers(1, 256, (n, width)).astype(dtype), np.arange(n) % 2, scale, shift, shape, "made")
        for n in (6, 4)
    ]
    return Dataset("made", splits[0], splits[1], 2, ("read",))


def values(split):
    x, _ = next(ordered_batches(split, split.samples, np.float64))
    return x.reshape(*split.image_shape, -1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(("side", "top", "left"), [(5, 0, 0), (6, 1, 0), (7, 1, 1), (9, 2, 2), (10, 3, 2)])
def test_pixels_keep_their_value_and_the_rest_is_black(side, top, left, each, dtype):
    data = made(dtype=dtype, each=each)
    larger = padded(data, side)
    assert (larger.name, larger.classes, larger.provenance) == ("made", 2, ("read",))
    assert larger.image_shape == (3, side, side)
    for old, new in ((data.train, larger.train), (data.test, larger.test)):
        assert new.features.dtype == dtype
        x, y = values(old), values(new)
        assert np.array_equal(y[:, top : top + 4, left : left + 5], x)
        rest = np.ones((side, side), bool)
        rest[top : top + 4, left : left + 5] = False
        black = np.broadcast_to(old.shift, 60).reshape(3, 20)[:, 0]
        assert np.array_equal(y[:, rest], np.broadcast_to(black[:, None, None], (3, rest.sum(), old.samples)))
        assert new.labels is old.labels


def test_fashion_mnist_gets_two_on_each_side():
    data = fashion_mini()
    larger = padded(data, 32)
    image = larger.train.features[7].reshape(32, 32)
    assert np.array_equal(image[2:30, 2:30], data.train.features[7].reshape(28, 28))
    assert image.sum() == data.train.features[7].sum()
    assert larger.digest != data.digest


def test_same_size_is_the_same_data_set():
    data = made((1, 6, 6))
    assert padded(data, 6) is data


def test_memory_is_that_of_the_result():
    rows = np.zeros((2000, 784), np.uint8)
    data = Dataset("large", *[Split(rows, np.arange(2000) % 2, image_shape=(1, 28, 28))] * 2, 2)
    tracemalloc.start()
    try:
        padded(data, 32)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * 2000 * 1024 + (1 << 20)


@pytest.mark.parametrize("side", [0, -3, 4097, 32.0, True])
def test_unusable_side(side):
    with pytest.raises(InputError, match="made: the side of padded images must be 1 to 4096"):
        padded(made(), side)


def test_images_that_are_larger_or_none():
    with pytest.raises(InputError, match="made: images of 4×5 do not fit into 4×4; choose at least 5"):
        padded(made(), 4)
    with pytest.raises(InputError, match="synthetic training split: flat features cannot be padded"):
        padded(teacher_student(16, samples=8), 32)


def test_normalisation_that_varies_within_a_channel_is_kept():
    data = made()
    scale = np.arange(60.0) + 1
    train = dataclasses.replace(data.train, scale=scale)
    larger = train.padded(6)
    assert np.array_equal(values(larger)[:, 1:5, :5], values(train))
