"""Data sets in .npz files, good and broken."""

import io
import zipfile

import numpy as np
import pytest

from gse_ref.data import load_npz, pixel_normalization
from gse_ref.errors import DataError


def arrays(dtype=np.uint8, shape=(3, 4), samples=(20, 8), **replaced):
    draw = np.random.default_rng(0)
    made = {
        "x_train": draw.integers(0, 256, (samples[0], *shape)).astype(dtype),
        "y_train": np.arange(samples[0]) % 4,
        "x_test": draw.integers(0, 256, (samples[1], *shape)).astype(dtype),
        "y_test": np.arange(samples[1]) % 4,
    }
    return {key: value for key, value in (made | replaced).items() if value is not None}


def save(path, **content):
    np.savez_compressed(path, **content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.npz"


def refused(path):
    with pytest.raises(DataError) as caught:
        load_npz(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [((12,), None), ((3, 4), (1, 3, 4)), ((3, 5, 6), (3, 5, 6)), ((1, 5, 3), (1, 5, 3)), ((2, 3, 5), (2, 3, 5))],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_layouts(path, shape, image_shape, dtype):
    content = arrays(dtype, shape)
    data = load_npz(save(path, **content))
    assert (data.name, data.classes, data.image_shape) == (str(path), 4, image_shape)
    assert data.train.features.dtype == dtype
    assert np.array_equal(data.train.features, content["x_train"].reshape(20, -1))
    assert np.array_equal(data.test.features, content["x_test"].reshape(8, -1))
    assert np.array_equal(data.train.labels, content["y_train"])
    assert np.array_equal(data.test.labels, content["y_test"])
    if dtype == np.uint8:
        channels = image_shape[0] if image_shape else 1
        expected = pixel_normalization(content["x_train"].reshape(20, -1), channels)
    else:
        expected = (1.0, 0.0)
    for split in (data.train, data.test):
        assert np.array_equal(split.scale, expected[0])
        assert np.array_equal(split.shift, expected[1])


def test_fortran_order_column_labels_small_integers_and_further_arrays(path):
    content = arrays(np.float32, (5,))
    content |= {
        "x_train": np.asfortranarray(content["x_train"]),
        "y_train": content["y_train"][:, None].astype(np.uint8),
    }
    data = load_npz(save(path, notes=np.zeros(3), **content), "a name")
    assert data.name == "a name"
    assert data.train.features.flags.c_contiguous
    assert np.array_equal(data.train.features, content["x_train"])
    assert data.train.labels.dtype == np.int64
    assert data.train.labels.tolist() == content["y_train"].ravel().tolist()


def test_one_class_alone_still_makes_two(path):
    zeros = {"y_train": np.zeros(20, int), "y_test": np.zeros(8, int)}
    assert load_npz(save(path, **arrays(**zeros))).classes == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y_test": None, "x_test": None}, r"no array x_test, y_test \(it has x_train, y_train\); wanted x_train"),
        ({"dtype": np.int64}, r"dtype int64; wanted uint8 \(0..255\), float32 or float64"),
        ({"shape": (8, 8, 3)}, r"channels last it seems; .*\.transpose\(0, 3, 1, 2\)"),
        ({"shape": ()}, r"x_train has shape \(20,\); wanted \(samples, features\)"),
        ({"shape": (2, 2, 2, 2)}, r"x_train has shape \(20, 2, 2, 2, 2\)"),
        ({"samples": (0, 8)}, r"x_train has shape \(0, 3, 4\), which holds nothing"),
        ({"samples": (20, 0)}, r"x_test has shape \(0, 3, 4\), which holds nothing"),
        ({"x_test": np.zeros((8, 3, 4))}, "x_train has dtype uint8 but x_test float64"),
        ({"x_test": np.zeros((8, 4, 4), np.uint8)}, r"x_train has shape \(20, 3, 4\) but x_test \(8, 4, 4\)"),
        ({"x_test": np.zeros((8, 4, 3), np.uint8)}, "both splits must have the same"),
        ({"y_train": np.zeros(19, int)}, r"\(x_train, y_train\): 20 samples but 19 labels"),
        ({"y_train": np.zeros(20)}, r"y_train has dtype float64 and shape \(20,\); wanted integers"),
        ({"y_test": np.zeros((8, 4), int)}, r"y_test has dtype int64 and shape \(8, 4\).*argmax"),
        ({"y_train": np.arange(20) - 1}, r"\(x_train, y_train\): label -1 at position 0 \(1 such\)"),
        ({"y_test": np.arange(8) + 10**12}, "label 1000000000007 among 28 samples; .*numpy.unique"),
        ({"x_test": np.full((8, 3), np.nan), "dtype": float, "shape": (3,)}, "feature 0 of sample 0 is nan"),
    ],
)
def test_unusable_arrays(path, options, message):
    save(path, **arrays(**options))
    with pytest.raises(DataError, match=message):
        load_npz(path)
    assert "mine.npz" in refused(path)


def test_missing_file(path):
    assert "no such file; give the path of an .npz file" in refused(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00", b"\x80\x04pickle."])
def test_not_an_archive(path, content):
    path.write_bytes(content)
    assert "not an .npz archive, or cut short; write it with numpy.savez_compressed" in refused(path)


def test_cut_short(path):
    save(path, **arrays())
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in refused(path)


def test_pickles_are_never_loaded(path):
    objects = np.empty(20, object)
    objects[:] = [None] * 20
    np.savez(path, **arrays(y_train=objects))
    assert "write plain numeric arrays" in refused(path)


def header(text):
    encoded = text.encode().ljust(118 - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(encoded).to_bytes(2, "little") + encoded


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array at all",
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (20, 3, 4)}"),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (-20, 3, 4)}") + bytes(240),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 1000000000)}"),
        header("{'descr': '|u9x', 'fortran_order': False, 'shape': (20,)}"),
        header("{'descr': (((("),
        header("import os"),
    ],
)
def test_hostile_members(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays().items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(f"{key}.npy", content if key == "x_train" else buffer.getvalue())
    assert "savez_compressed" in refused(path) or "x_train" in refused(path)


def test_any_flipped_byte_is_refused_or_harmless(path):
    save(path, **arrays(samples=(6, 5)))
    good = path.read_bytes()
    draw = np.random.default_rng(3)
    refusals = 0
    for position in draw.choice(len(good), 200, replace=False).tolist():
        changed = bytearray(good)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        try:
            load_npz(path)
        except DataError:
            refused(path)
            refusals += 1
    assert refusals > 100
