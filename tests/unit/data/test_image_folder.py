"""Image folders: streaming, the same images whatever the number of workers, files that cannot be read."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from gse_ref.data import (
    Augmentation,
    ImageFolderSplit,
    Skipped,
    epoch_batches,
    image_folder,
    load,
    load_image_folder,
    ordered_batches,
    padded,
    probe_batch,
)
from gse_ref.errors import DataError, InputError
from gse_ref.rng import stream
from tests.bounds import assert_close
from tests.unit.data.image_files import DEVIATIONS, MEANS, picture, write_tree


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path)


def bytes_of(batches):
    return [(x.tobytes(), labels.tolist()) for x, labels in batches]


def test_layout_of_imagenet(root):
    data = load("image-folder:8", root)
    assert (data.name, data.classes, data.image_shape, data.n_features) == ("image-folder:8", 3, (3, 8, 8), 192)
    assert (data.train.samples, data.test.samples) == (15, 6)
    assert data.train.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.train.labels.dtype == np.int64
    assert data.train.source == str(root / "train")
    assert data.train.skipped == ()
    assert load("image-folder", root).image_shape == (3, 224, 224)


def test_training_crops_resizes_and_flips(root):
    data, augment = load_image_folder(root, 8), Augmentation()
    order, views = stream(3, "batches", 0, 2).permutation(15), augment.views(3, "epoch", 2, 0, 15)
    x, labels = next(epoch_batches(data.train, 15, 3, 2, np.float64, augment=augment))
    assert labels.tolist() == data.train.labels[order].tolist()
    means, deviations = (np.repeat(values, 64) for values in (MEANS, DEVIATIONS))
    assert 0 < views.flips.sum() < 15
    for k, sample in enumerate(order.tolist()):
        image = picture(100 * (sample // 5) + sample % 5)
        box = views.box(k, *image.size)
        small = np.asarray(image.crop(box).resize((8, 8), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        small = small[:, :, ::-1] if views.flips[k] else small
        values = (small.reshape(-1) / 255 - means) / deviations
        assert_close(x[:, k], values, 1 / deviations + means / deviations, 2)


@pytest.mark.parametrize("augment", [None, Augmentation()])
def test_workers_change_no_bit(root, augment):
    def seen(workers):
        data = load_image_folder(root, 8, workers)
        batches = list(epoch_batches(data.train, 4, 7, 1, augment=augment))
        batches.append(probe_batch(data.train, None, 7, 3, per_class=2, augment=augment))
        return bytes_of([*batches, *ordered_batches(data.test, 4)])

    assert seen(1) == seen(4) == seen(None)


@pytest.mark.parametrize("start", range(4))
def test_resuming_sees_the_same_images(root, start):
    data = load_image_folder(root, 8, 2)
    whole = bytes_of(epoch_batches(data.train, 5, 0, 1, augment=Augmentation()))
    assert bytes_of(epoch_batches(data.train, 5, 0, 1, start=start, augment=Augmentation())) == whole[start:]


def test_views_do_not_depend_on_the_batch_size(root):
    data = load_image_folder(root, 8, 2)
    small, large = (
        np.hstack([x for x, _ in epoch_batches(data.train, size, 0, 1, augment=Augmentation())]) for size in (3, 15)
    )
    assert np.array_equal(small, large)


def test_never_all_in_memory(tmp_path):
    """60 images of 3 · 64 · 64 bytes in batches of 4: at most the batch in hand and the one ahead are held."""
    data = load_image_folder(write_tree(tmp_path, each=20, size=(64, 64)), 64, 2)
    for _ in ordered_batches(data.train, 4):
        pass
    tracemalloc.start()
    try:
        for _ in epoch_batches(data.train, 4, 0, 0, augment=Augmentation()):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    held = 4 * 3 * 64 * 64 * (2 * 1 + 2 * 4) + 6 * 8 * 3 * 64 * 64
    assert peak < held + (1 << 19) < 60 * 3 * 64 * 64 * 4


def test_one_batch_is_requested_ahead_and_no_more(root, monkeypatch):
    requested, request = [], ImageFolderSplit.request

    def counting(split, order, views=None):
        requested.append(len(order))
        return request(split, order, views)

    monkeypatch.setattr(ImageFolderSplit, "request", counting)
    batches = epoch_batches(load_image_folder(root, 8, 2).train, 3, 0, 0)
    assert requested == []
    for count in (2, 3, 4, 5, 5):
        next(batches)
        assert requested == [3] * count


def test_listing_opens_no_image(root, monkeypatch):
    monkeypatch.setattr(image_folder, "decoded", None)
    assert load_image_folder(root, 8).digest


BROKEN = {
    "empty": b"",
    "text": b"this is no image",
    "pickle": b"\x80\x02cos\nsystem\n.",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "beginning": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
}


def jpeg(root, name="n02/image_2.png"):
    """Replace an image by a JPEG of it and return its path."""
    path = root / "train" / name
    picture(7, (64, 64)).save(path, "JPEG")
    return path


@pytest.mark.parametrize("kind", [*BROKEN, "truncated", "gone"])
def test_an_unreadable_file_is_named(root, kind):
    data = load_image_folder(root, 8, 2)
    path = jpeg(root)
    if kind == "gone":
        path.unlink()
    else:
        path.write_bytes(BROKEN.get(kind, path.read_bytes()[:-500]))
    with pytest.raises(DataError, match=r"cannot be decoded .*skip such files") as caught:
        list(epoch_batches(data.train, 5, 0, 0, augment=Augmentation()))
    assert str(caught.value).startswith(str(path))
    assert caught.value.exit_code == 2
    assert str(path) not in str(caught.value).removeprefix(str(path))
    assert data.train.skipped == ()


@pytest.mark.parametrize("workers", [1, 4])
def test_skipped_files_are_replaced_by_the_next_of_their_class(root, workers):
    good = load_image_folder(root, 8, workers)
    images = next(ordered_batches(good.train, 15))[0]
    for number in (1, 2):
        (root / "train" / "n02" / f"image_{number}.png").write_bytes(b"broken")
    (root / "train" / "n03" / "image_4.png").write_bytes(b"broken")
    data = load_image_folder(root, 8, workers, "skip")
    for _ in range(2):
        x, labels = next(ordered_batches(data.train, 15))
        assert labels.tolist() == good.train.labels.tolist()
        places = [0, 1, 2, 3, 4, 5, 8, 8, 8, 9, 10, 11, 12, 13, 10]
        assert np.array_equal(x, images[:, places])
        assert [skipped.path for skipped in data.train.skipped] == [
            str(root / "train" / name) for name in ("n02/image_1.png", "n02/image_2.png", "n03/image_4.png")
        ]
    assert data.train.skipped[0] == Skipped(
        str(root / "train" / "n02" / "image_1.png"), "cannot be decoded (no JPEG, PNG, WEBP, BMP, PPM image)"
    )
    assert data.test.skipped == ()


def test_a_class_without_a_readable_file(root):
    for path in (root / "train" / "n02").iterdir():
        path.write_bytes(b"broken")
    data = load_image_folder(root, 8, 2, "skip")
    with pytest.raises(DataError, match=r"no readable image in class 1, that of n02/image_\d.png"):
        list(ordered_batches(data.train, 15))


def test_the_first_bad_file_of_the_order_is_named_whatever_the_workers(root):
    for number in range(5):
        (root / "train" / "n01" / f"image_{number}.png").write_bytes(b"broken")
    for workers in (1, 4, 4, 4):
        data = load_image_folder(root, 8, workers)
        with pytest.raises(DataError, match=r"n01/image_0\.png: cannot be decoded"):
            next(ordered_batches(data.train, 15))


def test_digest_is_of_names_sizes_labels_and_side(root):
    digests = [load_image_folder(root, side).digest for side in (8, 8, 9)]
    assert digests[0] == digests[1] != digests[2]
    path = root / "train" / "n02" / "image_2.png"
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    longer = load_image_folder(root, 8).digest
    path.write_bytes(b"x" * len(content))
    assert load_image_folder(root, 8).digest == digests[0] != longer
    path.rename(path.with_name("other.png"))
    assert load_image_folder(root, 8).digest != digests[0]
    data = load_image_folder(root, 8)
    path.with_name("other.png").unlink()
    with pytest.raises(DataError, match=r"other\.png: cannot be looked at"):
        data.digest  # noqa: B018


def test_images_are_resized_not_padded(root):
    data = load_image_folder(root, 8)
    assert padded(data, 8) is data
    with pytest.raises(InputError, match="resized to 8, not padded; to have 16 write image-folder:16"):
        padded(data, 16)


@pytest.mark.parametrize("name", ["image-folder:", "image-folder:x", "image-folder:-8", "image-folder:8:8"])
def test_unusable_options(root, name):
    with pytest.raises(InputError, match=r"wanted image-folder\[:SIDE\], for example image-folder:224"):
        load(name, root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": 0}, "side of its images must be 1 to 4096, got 0"),
        ({"side": 4097}, "side of its images"),
        ({"workers": 0}, "workers must be 1 to 256, got 0"),
        ({"workers": 257}, "workers must be"),
        ({"unreadable": "ignore"}, "unknown treatment of unreadable images 'ignore'.*available: error, skip"),
    ],
)
def test_numbers_out_of_range(root, options, message):
    with pytest.raises(InputError, match=message):
        load_image_folder(root, **options)
