"""What a split and a data set demand of their arrays."""

import numpy as np
import pytest

from gse_ref.data import Dataset, Split, pixel_normalization
from gse_ref.errors import DataError
from tests.bounds import assert_close


def features(samples=6, width=12, dtype=np.float32):
    return np.arange(samples * width).reshape(samples, width).astype(dtype)


def split(samples=6, width=12, **options):
    return Split(features(samples, width), np.arange(samples) % 3, **options)


def with_value(value, row, column):
    array = features(6, 12)
    array[row, column] = value
    return array


def test_split_tells_its_sizes():
    made = split(image_shape=(3, 2, 2), scale=np.ones(12), shift=2)
    assert (made.samples, made.n_features, made.image_shape) == (6, 12, (3, 2, 2))
    assert made.skipped == ()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1.0]], "features came as list; wanted an array of shape"),
        (np.zeros(3), r"features came as shape \(3,\).*flatten"),
        (np.zeros((0, 3)), r"shape \(0, 3\).*at least one"),
        (np.zeros((3, 0)), r"shape \(3, 0\).*at least one"),
        (np.zeros((3, 4), np.int64), r"dtype int64; wanted uint8 .*\.astype"),
        (np.zeros((3, 4), np.float16), "dtype float16"),
        (np.zeros((3, 4), ">f4"), "dtype >f4"),
        (np.zeros((4, 3)).T, "C order; convert them with np.ascontiguousarray"),
        (with_value(np.nan, 4, 7), "feature 7 of sample 4 is nan; every feature must be finite"),
        (with_value(-np.inf, 0, 11), "feature 11 of sample 0 is -inf"),
    ],
)
def test_split_refuses_features(array, message):
    with pytest.raises(DataError, match=f"somewhere: .*{message}"):
        Split(array, np.zeros(len(array), np.int64), source="somewhere")


def test_finite_check_counts_rows_across_chunks():
    array = np.zeros((5, 1 << 18), np.float32)
    array[3, 1000] = np.nan
    with pytest.raises(DataError, match="feature 1000 of sample 3 is nan"):
        Split(array, np.zeros(5, np.int64))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "labels came as list; wanted an int64 array"),
        (np.zeros(6, np.int32), r"labels came as int32 \(6,\)"),
        (np.zeros((6, 3), np.int64), r"labels came as int64 \(6, 3\).*argmax"),
        (np.zeros(5, np.int64), "6 samples but 5 labels; each sample needs one label"),
    ],
)
def test_split_refuses_labels(labels, message):
    with pytest.raises(DataError, match=message):
        Split(features(), labels)


@pytest.mark.parametrize("name", ["scale", "shift"])
@pytest.mark.parametrize("value", [np.nan, np.inf, np.ones(11), np.ones((1, 12)), np.full(12, np.nan), "1", None])
def test_split_refuses_normalization(name, value):
    with pytest.raises(DataError, match=f"{name} has dtype .* one for all or one for each of the 12 features"):
        split(**{name: value})


@pytest.mark.parametrize("shape", [(1, 3, 3), (12,), (-1, -3, 4)])
def test_split_refuses_image_shape(shape):
    with pytest.raises(DataError, match="does not hold 12 features; wanted"):
        split(image_shape=shape)


def test_dataset_tells_its_sizes():
    made = Dataset("mine", split(6, image_shape=(3, 2, 2)), split(4, image_shape=(3, 2, 2)), 3)
    assert (made.n_features, made.image_shape, made.classes) == (12, (3, 2, 2), 3)


@pytest.mark.parametrize(("value", "position"), [(3, 5), (-1, 0)])
def test_dataset_names_the_label_out_of_range(value, position):
    labels = np.zeros(6, np.int64)
    labels[position] = value
    bad = Split(features(), labels, source="labels.gz")
    with pytest.raises(DataError, match=rf"labels.gz: label {value} at position {position} \(1 such\); .* 0 to 2"):
        Dataset("mine", split(), bad, 3)


def test_dataset_refuses_one_class():
    with pytest.raises(DataError, match="mine: 1 class; classification needs at least 2"):
        Dataset("mine", split(), split(), 1)


@pytest.mark.parametrize("other", [split(width=9), split(image_shape=(1, 3, 4))])
def test_dataset_refuses_splits_that_do_not_fit(other):
    with pytest.raises(DataError, match="both splits must have the same"):
        Dataset("mine", split(), other, 3)


def test_grey_pixels_get_two_floats():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 40), dtype=np.uint8)
    scale, shift = pixel_normalization(pixels)
    assert isinstance(scale, float)
    values = pixels / 255
    for actual, expected in (
        (scale, 1 / (255 * values.std())),
        (shift, -values.mean() / values.std()),
    ):
        assert_close(np.float64(actual), np.float64(expected), abs(expected), pixels.size)


def test_colour_pixels_get_one_pair_a_channel():
    pixels = np.random.default_rng(1).integers(0, 256, (50, 3, 4, 5), dtype=np.uint8)
    pixels[:, 2] //= 3
    scale, shift = pixel_normalization(pixels.reshape(50, -1), 3)
    assert scale.shape == shift.shape == (60,)
    for channel in range(3):
        expected = pixel_normalization(pixels[:, channel].reshape(50, -1))
        for actual, number in zip((scale, shift), expected, strict=True):
            assert set(actual.reshape(3, 20)[channel].tolist()) == {number}


def test_histogram_adds_up_over_chunks():
    pixels = np.zeros((3, 1 << 20), np.uint8)
    pixels[1] = 2
    pixels[2] = 1
    scale, shift = pixel_normalization(pixels)
    assert_close(np.float64(scale), np.sqrt(1.5), np.sqrt(1.5), 4)
    assert_close(np.float64(shift), -np.sqrt(1.5), np.sqrt(1.5), 4)


def test_constant_pixels_become_zero():
    scale, shift = pixel_normalization(np.full((4, 5), 7, np.uint8))
    assert (7 * scale + shift) == 0.0
