"""Decoding: crop and resize, every kind of image as RGB, and images that are too large."""

import sys

import numpy as np
import pytest
from PIL import Image

from gse_ref.data import image_decode, load, load_image_folder, ordered_batches
from gse_ref.errors import DataError, MissingDependencyError
from tests.bounds import assert_close
from tests.unit.data.image_files import CLASSES, DEVIATIONS, MEANS, picture, resized, write_tree


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path)


def test_too_many_pixels(root, monkeypatch):
    monkeypatch.setattr(image_decode, "MOST_PIXELS", 319)
    data = load_image_folder(root, 8, 1)
    with pytest.raises(DataError, match="20×16 pixels are more than 319"):
        next(ordered_batches(data.test, 1))


@pytest.mark.parametrize("limit", [300, 200, 100])
def test_bombs_as_pillow_sees_them(root, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    data = load_image_folder(root, 8, 1)
    with pytest.raises(DataError, match=r"cannot be decoded .*decompression bomb"):
        next(ordered_batches(data.test, 1))


MODES = {
    "1": lambda image: image.convert("1"),
    "L": lambda image: image.convert("L"),
    "LA": lambda image: image.convert("LA"),
    "P": lambda image: image.convert("P"),
    "RGBA": lambda image: image.convert("RGBA"),
    "I;16": lambda image: Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(root, mode):
    made = MODES[mode](picture(0, (40, 40)))
    made.save(root / "val" / "n01" / "image_0.png")
    data = load_image_folder(root, 8, 1)
    x, _ = next(ordered_batches(data.test, 1, np.float64))
    plain = picture(0, (40, 40)).convert("L").convert("RGB") if mode == "I;16" else made.convert("RGB")
    expected = resized(plain, 8).reshape(-1) * data.test._scale + data.test._shift
    assert np.array_equal(x[:, 0], expected)


def test_palette_with_transparency_and_cmyk(root):
    palette = picture(0, (40, 40)).quantize(16)
    palette.save(root / "val" / "n01" / "image_0.png", transparency=bytes(range(16)))
    picture(1, (40, 40)).convert("CMYK").save(root / "val" / "n01" / "image_1.png", "JPEG")
    data = load_image_folder(root, 8, 1)
    x, _ = next(ordered_batches(data.test, 2, np.float64))
    with Image.open(root / "val" / "n01" / "image_1.png") as image:
        assert image.mode == "CMYK"
        second = resized(image.convert("RGB"), 8)
    for k, pixels in enumerate((resized(palette.convert("RGB"), 8), second)):
        assert np.array_equal(x[:, k], pixels.reshape(-1) * data.test._scale + data.test._shift)


@pytest.mark.parametrize("suffix", image_decode.SUFFIXES)
def test_every_suffix_is_decoded(tmp_path, suffix):
    if suffix == ".pgm":
        write_tree(tmp_path, suffix=".ppm")
        for path in tmp_path.rglob("*.ppm"):
            path.rename(path.with_suffix(".PGM"))
    else:
        write_tree(tmp_path, suffix=suffix)
    data = load_image_folder(tmp_path, 8)
    assert data.train.samples == 15
    assert next(ordered_batches(data.train, 15))[0].shape == (192, 15)


@pytest.mark.parametrize("size", [(20, 16), (16, 20), (9, 9), (7, 300), (300, 7)])
@pytest.mark.parametrize("side", [1, 8, 14])
def test_evaluation_resizes_and_crops_the_centre(tmp_path, side, size):
    data = load_image_folder(write_tree(tmp_path, size=size), side)
    x, labels = next(ordered_batches(data.test, 100, np.float64))
    assert x.shape == (3 * side * side, 6)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    means, deviations = (np.repeat(values, side * side) for values in (MEANS, DEVIATIONS))
    for k, seed in enumerate((50, 51, 150, 151, 250, 251)):
        values = (resized(picture(seed, size), side).reshape(-1) / 255 - means) / deviations
        assert_close(x[:, k], values, 1 / deviations + means / deviations, 2)


def test_statistics_are_those_of_imagenet(tmp_path):
    for part in ("train", "val"):
        for number, name in enumerate(CLASSES):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("RGB", (10, 10), (51 * number, 255, 0)).save(tmp_path / part / name / "a.png")
    x, _ = next(ordered_batches(load_image_folder(tmp_path, 4).test, 3, np.float64))
    for k in range(3):
        raw = np.repeat([0.2 * k, 1.0, 0.0], 16)
        means, deviations = (np.repeat(values, 16) for values in (MEANS, DEVIATIONS))
        assert_close(x[:, k], (raw - means) / deviations, (raw + means) / deviations, 3)


def test_without_pillow(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"not installed: pip install 'gse_ref\[images\]'") as caught:
        load("image-folder:8", root)
    assert caught.value.exit_code == 3
