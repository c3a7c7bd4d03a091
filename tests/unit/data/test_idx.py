"""The idx reader on files written in the exact format, and on broken ones."""

import gzip
import struct

import numpy as np
import pytest

from gse_ref.data import idx as module
from gse_ref.data import load_idx, pixel_normalization, read_idx
from gse_ref.errors import DataError

SHAPE = (12, 3, 4)


def packed(array, kind=8):
    header = bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE[1:]), dtype=np.uint8)


def write(folder, mark="-", suffix=".gz", **replaced):
    arrays = {
        "train-images": images(12),
        "train-labels": np.arange(12) % 10,
        "t10k-images": images(5, 1),
        "t10k-labels": np.arange(5),
    }
    for name, array in arrays.items():
        content = packed(array)
        path = folder / f"{name}{mark}idx{array.ndim}-ubyte{suffix}"
        path.write_bytes(gzip.compress(content) if suffix else content)
    return arrays


def message_of(path, dimensions=3):
    with pytest.raises(DataError) as caught:
        read_idx(path, dimensions)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_reads_every_spelling(tmp_path, name, mark, suffix):
    arrays = write(tmp_path, mark, suffix)
    data = load_idx(name, tmp_path)
    assert (data.name, data.classes, data.image_shape) == (name, 10, (1, 3, 4))
    assert data.train.features.dtype == np.uint8
    assert np.array_equal(data.train.features, arrays["train-images"].reshape(12, 12))
    assert np.array_equal(data.test.features, arrays["t10k-images"].reshape(5, 12))
    assert np.array_equal(data.train.labels, arrays["train-labels"])
    assert np.array_equal(data.test.labels, arrays["t10k-labels"])
    assert (data.test.scale, data.test.shift) == (data.train.scale, data.train.shift)
    assert (data.train.scale, data.train.shift) == pixel_normalization(data.train.features)


def test_gzip_is_known_by_content_not_by_name(tmp_path):
    write(tmp_path, suffix="")
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(read_idx(path, 3), images(12))


def test_large_file_is_read_in_pieces(tmp_path):
    labels = np.random.default_rng(2).integers(0, 10, 3_000_000, dtype=np.uint8)
    path = tmp_path / "labels"
    path.write_bytes(packed(labels))
    assert np.array_equal(read_idx(path, 1), labels)


def test_missing_file_lists_names_and_origin(tmp_path):
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        load_idx("mnist", str(tmp_path))
    for part in (
        f"no t10k labels in {tmp_path}",
        "t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte.gz, t10k-labels.idx1-ubyte, t10k-labels.idx1-ubyte.gz",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ):
        assert part in str(caught.value)


def test_fashion_mnist_is_looked_for_in_the_system_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(module.SYSTEM_FOLDERS, "fashion-mnist", tmp_path)
    with pytest.raises(DataError, match=r"no train images in .*Debian package dataset-fashion-mnist"):
        load_idx("fashion-mnist")
    write(tmp_path)
    assert load_idx("fashion-mnist").train.samples == 12


def test_mnist_has_no_system_folder():
    with pytest.raises(DataError, match=r"mnist: no folder given; get the files from https://"):
        load_idx("mnist")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with bytes nothing, wanted 00 00 08 03"),
        (b"\0\0", "begins with bytes 00 00, wanted"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "begins with bytes 89 50 4e 47"),
        (packed(np.zeros(20, int)), "begins with bytes 00 00 08 01.*3 dimensions"),
        (packed(images(2), kind=0x0D), "begins with bytes 00 00 0d 03"),
        (packed(images(2))[:9], "which holds nothing"),
        (packed(np.zeros((0, 3, 4))), r"shape \(0, 3, 4\), which holds nothing"),
        (packed(images(2))[:-9], r"truncated: header gives shape \(2, 3, 4\), 24 bytes, but only 15 follow"),
        (packed(images(2))[:16], "24 bytes, but the file holds at most 16|only 0 follow"),
        (packed(images(2)) + b"x", r"more bytes follow than the 24 of shape \(2, 3, 4\)"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12, r"79228162458924105385300197375 bytes, but the file holds at most"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_broken_content(tmp_path, content, message, zipped):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if zipped else content)
    text = message_of(path)
    with pytest.raises(DataError, match=message):
        read_idx(path, 3)
    assert "get" in text


def test_gzip_cut_short(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(packed(images(12)))[:-20])
    assert "cannot be read (Compressed file ended before" in message_of(path)


def test_gzip_with_a_wrong_checksum(tmp_path):
    content = bytearray(gzip.compress(packed(images(12))))
    content[-8] ^= 1
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    assert "cannot be read (CRC check failed" in message_of(path)


def test_gzip_with_a_corrupt_stream(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 30)
    assert "cannot be read (Error -3" in message_of(path)


def test_every_flipped_byte_is_refused_or_harmless(tmp_path):
    """Of a gzip file only time, extra flags and system in its header may change without harm."""
    content = gzip.compress(packed(images(2)), mtime=0)
    path = tmp_path / "a.gz"
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x55
        path.write_bytes(changed)
        if 4 <= position < 10:
            assert np.array_equal(read_idx(path, 3), images(2))
        else:
            message_of(path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_not_a_file(tmp_path, kind):
    assert "cannot be read" in message_of(tmp_path / "none" if kind == "missing" else tmp_path)


def test_images_and_labels_must_be_as_many(tmp_path):
    write(tmp_path, suffix="")
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(packed(np.arange(4)))
    with pytest.raises(DataError, match=r"t10k-images-\S+ holds 5 images but \S+t10k-labels-\S+ holds 4 labels"):
        load_idx("mnist", tmp_path)


def test_label_out_of_range_names_file_value_and_position(tmp_path):
    write(tmp_path, suffix="")
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(packed(np.array([0, 1, 2, 10, 4, 5, 6, 7, 8, 9, 200, 0])))
    with pytest.raises(DataError) as caught:
        load_idx("mnist", tmp_path)
    assert str(caught.value).startswith(
        f"{path}: label 10 at position 3 (2 such); labels must be class numbers 0 to 9"
    )


def test_splits_of_different_image_size(tmp_path):
    write(tmp_path, suffix="")
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(packed(np.zeros((5, 2, 2))))
    with pytest.raises(DataError, match="both splits must have the same"):
        load_idx("mnist", tmp_path)
