"""The bundled data: what it holds, and that the script makes it again."""

import hashlib

import numpy as np
import pytest

from gse_ref.data import fashion_mini
from gse_ref.data.bundled import FASHION_MINI
from gse_ref.data.files import make_fashion_mini
from gse_ref.data.idx import SYSTEM_FOLDERS

SHA256 = {
    "x_train": "68aadec2e3f3672ccec48b8f2ac0d995923eb6a2fa888bc5b4c0a74d8a761015",
    "y_train": "7c78afd5154dd0ba56c47a3c78cdade80648caa2e64abeba358ff15e9114e784",
    "x_test": "3d7f6d64869a3f2d1afe64ae33ffb9b20670a91b31e3bbf0657e3999ec7b35cf",
    "y_test": "6b25654537ff83dd6c40fe0a122c7778d8219b2a88ff02c36dbdd21152fdb075",
}


def test_content_is_pinned():
    with np.load(FASHION_MINI, allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted(SHA256)
        for key, expected in SHA256.items():
            array = archive[key]
            assert array.dtype == np.uint8
            assert hashlib.sha256(array.tobytes()).hexdigest() == expected


def test_shapes_and_balance():
    data = fashion_mini()
    assert (data.name, data.classes, data.image_shape) == ("fashion-mini", 10, (1, 28, 28))
    assert data.train.features.shape == (3000, 784)
    assert data.test.features.shape == (1000, 784)
    assert np.bincount(data.train.labels).tolist() == [300] * 10
    assert np.bincount(data.test.labels).tolist() == [100] * 10


def test_no_image_is_in_both_splits():
    data = fashion_mini()
    train, test = ({row.tobytes() for row in split.features} for split in (data.train, data.test))
    assert not train & test


def test_file_is_small_and_has_its_licence():
    assert FASHION_MINI.stat().st_size < 2_000_000
    licence = (FASHION_MINI.parent / "LICENSE.fashion-mnist").read_text()
    assert "Copyright (c) 2017 Zalando SE" in licence
    assert "Permission is hereby granted, free of charge" in licence


@pytest.mark.skipif(
    not SYSTEM_FOLDERS["fashion-mnist"].is_dir(), reason="the full Fashion-MNIST is not installed on this machine"
)
def test_script_makes_it_again(tmp_path):
    path = tmp_path / "again.npz"
    make_fashion_mini.main(["--out", str(path)])
    with np.load(path, allow_pickle=False) as again, np.load(FASHION_MINI, allow_pickle=False) as bundled:
        assert again.files == bundled.files
        for key in again.files:
            assert np.array_equal(again[key], bundled[key])


def test_rule_takes_the_first_of_each_class():
    labels = np.concatenate([np.arange(10), np.arange(10)[::-1], np.arange(10)])
    assert make_fashion_mini.first_of_each(labels, 2).tolist() == list(range(20))
