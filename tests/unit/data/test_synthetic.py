"""Teacher-student data: sizes, balance, memory, determinism."""

import tracemalloc

import numpy as np
import pytest

from gse_ref.data import default_samples, load, teacher_student
from gse_ref.errors import InputError


def test_shapes_and_dtypes():
    data = teacher_student(width=30, classes=4, samples=101, seed=1)
    assert data.name == "synthetic:30"
    assert (data.classes, data.n_features, data.image_shape) == (4, 30, None)
    assert (data.train.samples, data.test.samples) == (101, 25)
    assert data.train.features.dtype == np.float32
    assert data.train.labels.dtype == np.int64
    assert (data.train.scale, data.train.shift) == (1.0, 0.0)


def test_is_a_function_of_the_seed():
    def content(seed):
        data = teacher_student(20, 3, 50, seed)
        return [a.tobytes() for split in (data.train, data.test) for a in (split.features, split.labels)]

    assert content(0) == content(0)
    assert all(a != b for a, b in zip(content(0), content(1), strict=True))


def test_splits_differ():
    data = teacher_student(20, 3, 40, 0)
    assert not np.array_equal(data.train.features[:10], data.test.features)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 10])
def test_classes_are_roughly_balanced(seed, classes):
    data = teacher_student(100, classes, 4000, seed)
    for split in (data.train, data.test):
        share = np.bincount(split.labels, minlength=classes) * classes / split.samples
        assert share.min() > 0.5
        assert share.max() < 1.6


def test_inputs_are_standard_normal():
    """Mean of 10⁵ draws has sd 0.0032, variance 0.0045: ±6 sd, false alarm below 1 in 10⁸."""
    values = teacher_student(100, 2, 1000, 0).train.features.astype(np.float64)
    assert abs(values.mean()) < 0.019
    assert abs(values.var() - 1) < 0.027


def test_labels_can_be_learned():
    data = teacher_student(50, 5, 4000, 0)
    weights = np.linalg.lstsq(data.train.features, np.eye(5)[data.train.labels], rcond=None)[0]
    hits = np.argmax(data.test.features @ weights, axis=1) == data.test.labels
    assert hits.mean() > 0.6


def test_fan_in_one_and_a_dead_output():
    data = teacher_student(1, 3, 4, 3, fan_in=1)
    assert data.train.labels.max() < 3


def test_memory_grows_with_the_width_not_its_square():
    width, samples = 1 << 17, 8
    stored = (samples + samples // 4) * width * 4
    tracemalloc.start()
    try:
        teacher_student(width, 10, samples, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * stored + (8 << 20) < width * width


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 9}, "width must be at least 10, got 9"),
        ({"width": 0}, "width must be at least 10, got 0"),
        ({"width": -5}, "width must be at least 10, got -5"),
        ({"classes": 1}, "classes must be at least 2, got 1"),
        ({"samples": 3}, "samples must be at least 4, got 3"),
        ({"fan_in": 0}, "fan_in must be at least 1, got 0"),
        ({"seed": -1}, "seed must lie in"),
    ],
)
def test_numbers_out_of_range(options, message):
    with pytest.raises(InputError, match=message):
        teacher_student(**options)


@pytest.mark.parametrize(("width", "expected"), [(10, 8192), (1 << 15, 8192), (1 << 16, 4096), (1 << 30, 512)])
def test_default_samples_bound_the_memory(width, expected):
    assert default_samples(width) == expected


def test_names():
    assert load("synthetic").n_features == 256
    data = load("synthetic:32:64:3", seed=5)
    assert (data.n_features, data.train.samples, data.classes) == (32, 64, 3)
    assert np.array_equal(data.train.features, teacher_student(32, 3, 64, 5).train.features)
    assert load("synthetic:32").train.samples == 8192


@pytest.mark.parametrize("name", ["synthetic:", "synthetic:x", "synthetic:-4", "synthetic:1e3", "synthetic:²"])
def test_width_that_is_no_integer(name):
    with pytest.raises(
        InputError, match=r"width must be a positive integer below .*, got .* for example synthetic:1024"
    ):
        load(name)


def test_too_many_options():
    with pytest.raises(InputError, match="4 numbers after the name"):
        load("synthetic:1:2:3:4")
