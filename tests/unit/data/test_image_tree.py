"""The layout of image folders: classes, label files, and what is wrong with them."""

import numpy as np
import pytest

from gse_ref.data import image_tree, load_image_folder, ordered_batches
from gse_ref.errors import DataError
from tests.bounds import assert_close
from tests.unit.data.image_files import picture, resized, write_tree


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path)


def flatten(root, names):
    """Make val a flat folder of these images."""
    for path in sorted((root / "val").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for seed, name in enumerate(names):
        picture(seed).save(root / "val" / name)


def refused(root, message, **options):
    with pytest.raises(DataError, match=message) as caught:
        load_image_folder(root, 8, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        ["b.png n03", "a.png n01", "", "c.JPEG  n01"],
        ["n01", "n03", "n01"],
    ],
)
def test_flat_validation_folder_with_labels(root, lines):
    flatten(root, ("a.png", "b.png", "c.JPEG"))
    (root / "val" / "notes.txt").write_text("no image")
    (root / "val_labels.txt").write_text("\n".join(lines))
    data = load_image_folder(root, 8)
    assert data.test.labels.tolist() == [0, 0, 2]
    x, _ = next(ordered_batches(data.test, 3, np.float64))
    scale, shift = data.test._scale[:, None], data.test._shift[:, None]
    assert_close(x[:, 2], (resized(picture(1), 8).reshape(-1, 1) * scale + shift)[:, 0], 8.0, 2)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "a flat folder of images, but .*val_labels.txt is missing"),
        (["n01"], "1 labels for the 2 images"),
        (["n01", "n09"], "class 'n09' has no folder in train"),
        (["a.png n01", "b.png n09"], "class 'n09' has no folder in train"),
        (["a.png n01"], "no label for 'b.png'"),
        (["a.png n01", "b.png n01", "c.png n01"], "no image 'c.png'"),
        (["a.png n01", "a.png n02"], "entry 2 is no new pair"),
        (["a.png n01 x", "b.png n01"], "entry 1 is no new pair"),
        (["a.png 0", "b.png 1"], "class '0' .and 1 more. has no folder in train"),
    ],
)
def test_unusable_label_files(root, lines, message):
    flatten(root, ("a.png", "b.png"))
    if lines is not None:
        (root / "val_labels.txt").write_text("\n".join(lines))
    refused(root, message)


def test_a_label_file_that_is_no_text(root):
    flatten(root, ("a.png",))
    (root / "val_labels.txt").write_bytes(b"\xff\xfe\x00")
    refused(root, "cannot be read as text")


def test_folders_that_are_missing_or_empty(root):
    assert "no folder given" in refused(None, "holds train/ and val/")
    refused(root / "train", "no folder train and no val in")
    (root / "train" / "n04").mkdir()
    refused(root, "n04: class folder without images")
    (root / "train" / "n04" / "notes.txt").touch()
    refused(root, "n04: class folder without images")
    picture(0).save(root / "train" / "n04" / "a.png")
    (root / "train" / ".hidden").mkdir()
    assert load_image_folder(root, 8).classes == 4
    (root / "val" / "n05").mkdir()
    refused(root, "val: class 'n05' has no folder in train")


def test_a_folder_that_cannot_be_listed(root, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(image_tree.Path, "iterdir", denied)
    refused(root, r"train: cannot be listed \(Permission denied\)")


def test_no_classes_or_only_one(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
    refused(tmp_path, "train: 0 class folders; at least 2")
    (tmp_path / "train" / "n01").mkdir()
    refused(tmp_path, "train: 1 class folders")
    (tmp_path / "train" / "n02").mkdir()
    for name in ("n01", "n02"):
        picture(0).save(tmp_path / "train" / name / "a.png")
    refused(tmp_path, "val: neither class folders nor images")
