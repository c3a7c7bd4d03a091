"""Batches: which samples, in which order, in which layout."""

import numpy as np
import pytest

from gse_ref.backends.memory import ALIGNMENT
from gse_ref.data import Split, batches_per_epoch, epoch_batches, ordered_batches, probe_batch
from gse_ref.errors import InputError


@pytest.fixture
def numbered():
    """50 samples of 7 features whose first feature is the number of the sample; labels 0 to 4 by turns."""
    features = np.zeros((50, 7), np.uint8)
    features[:, 0] = np.arange(50)
    features[:, 6] = 255
    return Split(features, np.arange(50) % 5)


def numbers(batch):
    return batch[0][0].astype(int).tolist()


def same(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def test_epoch_has_each_sample_at_most_once_and_drops_the_rest(numbered):
    batches = list(epoch_batches(numbered, 8, seed=0, epoch=1))
    assert len(batches) == batches_per_epoch(numbered, 8) == 6
    seen = [number for batch in batches for number in numbers(batch)]
    assert len(seen) == len(set(seen)) == 48


def test_epoch_has_every_sample_when_the_batch_divides(numbered):
    seen = [number for batch in epoch_batches(numbered, 10, 0, 1) for number in numbers(batch)]
    assert sorted(seen) == list(range(50))
    assert seen != sorted(seen)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32"])
def test_layout_is_batch_last_aligned_and_of_the_dtype(numbered, dtype):
    for batches in (epoch_batches(numbered, 8, 0, 1, dtype), ordered_batches(numbered, 8, dtype)):
        x, labels = next(batches)
        assert x.shape == (7, 8)
        assert x.dtype == np.dtype(dtype)
        assert x.flags.c_contiguous
        assert x.ctypes.data % ALIGNMENT == 0
        assert labels.shape == (8,)
        assert labels.dtype == np.int64
        assert x[6].tolist() == [255.0] * 8
        assert labels.tolist() == [number % 5 for number in x[0].astype(int)]


def test_order_is_a_function_of_seed_and_epoch(numbered):
    def order(seed, epoch):
        return [numbers(batch) for batch in epoch_batches(numbered, 10, seed, epoch)]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


@pytest.mark.parametrize("start", range(7))
def test_start_equals_skipping(numbered, start):
    whole = list(epoch_batches(numbered, 8, 3, 4))
    rest = list(epoch_batches(numbered, 8, 3, 4, start=start))
    assert len(rest) == 6 - start
    assert all(same(a, b) for a, b in zip(rest, whole[start:], strict=True))


def test_batches_do_not_share_memory(numbered):
    first, second = list(epoch_batches(numbered, 8, 0, 0))[:2]
    assert not np.shares_memory(first[0], second[0])


def test_ordered_batches_keep_the_partial_one(numbered):
    batches = list(ordered_batches(numbered, 16))
    assert [batch[0].shape[1] for batch in batches] == [16, 16, 16, 2]
    assert [number for batch in batches for number in numbers(batch)] == list(range(50))
    assert [batch[0].shape[1] for batch in ordered_batches(numbered, 1000)] == [50]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("each", [False, True])
def test_values_are_scaled_and_shifted(stored, dtype, each):
    draw = np.random.default_rng(5)
    features = draw.integers(0, 256, (33, 21)).astype(stored)
    scale = draw.standard_normal(21) if each else 0.7
    shift = draw.standard_normal(21) if each else -3
    split = Split(features, np.zeros(33, np.int64), scale, shift)
    actual, _ = next(ordered_batches(split, 33, dtype))
    expected = (features.astype(np.float64) * scale + shift).astype(dtype).T
    assert np.array_equal(actual, expected)


@pytest.mark.parametrize("batch_size", [0, -1, 51])
def test_epoch_refuses_batch_size(numbered, batch_size):
    with pytest.raises(InputError, match=rf"batch size {batch_size} does not fit 50 .*choose 1 to 50"):
        epoch_batches(numbered, batch_size, 0, 0)


@pytest.mark.parametrize("start", [-1, 7])
def test_epoch_refuses_start(numbered, start):
    with pytest.raises(InputError, match=f"start {start} lies outside the epoch of 6 batches"):
        epoch_batches(numbered, 8, 0, 0, start=start)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, "nonsense"])
def test_dtype_must_be_float(numbered, dtype):
    for make in (
        lambda: epoch_batches(numbered, 8, 0, 0, dtype),
        lambda: ordered_batches(numbered, 8, dtype),
        lambda: probe_batch(numbered, 8, 0, 0, dtype),
    ):
        with pytest.raises(InputError, match="batches come in float32 or float64"):
            make()


def test_ordered_refuses_batch_size(numbered):
    with pytest.raises(InputError, match="batch size must be at least 1, got 0"):
        ordered_batches(numbered, 0)


def test_probe_draws_distinct_samples(numbered):
    x, labels = probe_batch(numbered, 20, seed=0, step=1)
    assert x.shape == (7, 20)
    assert x.ctypes.data % ALIGNMENT == 0
    assert len(set(x[0].tolist())) == 20
    assert labels.tolist() == [int(number) % 5 for number in x[0]]
    assert sorted(numbers(probe_batch(numbered, 50, 0, 1))) == list(range(50))


def test_probe_is_a_function_of_seed_and_step(numbered):
    first = probe_batch(numbered, 20, 0, 7)
    list(epoch_batches(numbered, 8, 0, 7))
    assert same(first, probe_batch(numbered, 20, 0, 7))
    assert not same(first, probe_batch(numbered, 20, 0, 8))
    assert not same(first, probe_batch(numbered, 20, 1, 7))
    assert not same(first, next(epoch_batches(numbered, 20, 0, 7)))


def test_probe_leaves_the_batches_alone(numbered):
    batches = epoch_batches(numbered, 8, 0, 0)
    next(batches)
    probe_batch(numbered, 20, 0, 0)
    assert same(next(batches), list(epoch_batches(numbered, 8, 0, 0))[1])


def test_probe_draws_uniformly(numbered):
    """2,000 draws of 10 from 50: each sample's count is Binomial(2000, 0.2), sd 17.9; ±6 sd fails 1 in 10⁷."""
    counts = np.zeros(50, int)
    for step in range(2000):
        counts[numbers(probe_batch(numbered, 10, 0, step))] += 1
    assert abs(counts - 400).max() < 108


def test_balanced_probe_has_each_class_equally(numbered):
    x, labels = probe_batch(numbered, None, 0, 3, per_class=4)
    assert np.bincount(labels).tolist() == [4] * 5
    assert len(set(x[0].tolist())) == 20
    assert labels.tolist() == [int(number) % 5 for number in x[0]]
    assert not same((x, labels), probe_batch(numbered, None, 0, 4, per_class=4))


def test_balanced_probe_of_unequal_classes_with_gaps():
    split = Split(np.arange(9.0).reshape(9, 1), np.array([7, 2, 2, 7, 2, 2, 2, 7, 2]))
    x, labels = probe_batch(split, None, 0, 0, per_class=3)
    assert labels.tolist() == [2] * 3 + [7] * 3
    assert sorted(x[0, 3:].tolist()) == [0.0, 3.0, 7.0]


@pytest.mark.parametrize("options", [{"samples": None}, {"samples": 5, "per_class": 2}])
def test_probe_wants_one_size(numbered, options):
    with pytest.raises(InputError, match="samples or per_class, not both or neither"):
        probe_batch(numbered, seed=0, step=0, **options)


@pytest.mark.parametrize("samples", [0, 51])
def test_probe_refuses_size(numbered, samples):
    with pytest.raises(InputError, match=f"a probe of {samples} samples needs 1 to 50"):
        probe_batch(numbered, samples, 0, 0)


@pytest.mark.parametrize(
    ("per_class", "message"), [(0, "per_class must be at least 1"), (11, "class 0 of arrays has only 10")]
)
def test_probe_refuses_per_class(numbered, per_class, message):
    with pytest.raises(InputError, match=message):
        probe_batch(numbered, None, 0, 0, per_class=per_class)
