"""The table of data sets."""

import sys

import numpy as np
import pytest

from gse_ref.data import NAMES, bundled, describe, idx, load, published
from gse_ref.errors import DataError, InputError
from tests.unit.data.cifar_files import write_archive, write_folder


def test_names_of_the_table():
    assert NAMES == (
        "fashion-mini",
        "fashion-mnist",
        "mnist",
        "cifar10",
        "cifar100",
        "image-folder",
        "synthetic",
    )


def test_loads_the_bundled_set():
    assert load("fashion-mini", data_dir="/nowhere", seed=3).train.samples == 3000


def test_loads_a_path(tmp_path):
    path = tmp_path / "mine.npz"
    x, y = np.eye(4, dtype=np.float32), np.arange(4)
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    assert load(str(path)).name == str(path)
    with pytest.raises(DataError, match="no such file"):
        load(str(tmp_path / "other.npz"))


@pytest.mark.parametrize("name", ["fashion-mnist", "mnist"])
def test_hands_the_folder_on(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: no train images in {tmp_path}"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "image-folder"])
def test_folder_that_holds_something_else(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: .*{tmp_path}"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", ["fashion_mini", "fashion-min", "Mnist", "", "cifar-10", "imagefolder"])
def test_unknown_name(name):
    with pytest.raises(InputError, match=r"unknown data set .*available: PATH\.npz, cifar10, .*synthetic"):
        load(name)


def test_unknown_name_gets_the_nearest():
    with pytest.raises(InputError, match="did you mean 'fashion-mini'"):
        load("fashionmini")


def test_options_only_where_there_are_some():
    with pytest.raises(InputError, match="mnist takes no options; write 'mnist'"):
        load("mnist:28")


def test_describe_tells_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "FASHION_MINI", tmp_path / "fashion-mini.npz")
    monkeypatch.setitem(idx.SYSTEM_FOLDERS, "fashion-mnist", tmp_path)
    rows = {row.name: row for row in describe()}
    assert list(rows) == [*NAMES, "PATH.npz"]
    assert "install the package again" in rows["fashion-mini"].state
    assert "dataset-fashion-mnist" in rows["fashion-mnist"].state
    assert "no folder given" in rows["mnist"].state
    for name in ("cifar10", "cifar100", "image-folder"):
        assert f"{name}: no folder given" in rows[name].state
    assert rows["synthetic"].state == "present"
    assert all(all(row) for row in rows.values())


def test_describe_tells_what_is_present(tmp_path):
    for split in ("train", "t10k"):
        (tmp_path / f"{split}-images-idx3-ubyte").touch()
        (tmp_path / f"{split}-labels-idx1-ubyte").touch()
    folder = write_folder(tmp_path, "cifar10", "binary")
    archive = write_archive(tmp_path, "cifar100", "python")
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
    rows = {row.name: row for row in describe(tmp_path)}
    assert all(rows[name].state.splitlines()[0] == "present" for name in NAMES)
    assert [len(rows[name].state.splitlines()) for name in NAMES] == [1, 1, 1, 7, 2, 1, 1]
    assert f"{folder / 'test_batch.bin'}: md5 " in rows["cifar10"].state
    assert f"{archive}: md5 " in rows["cifar100"].state
    assert "NOT the published eb9058c3" in rows["cifar100"].state


def test_describe_tells_that_a_file_cannot_be_read(tmp_path, monkeypatch):
    def denied(path, mode):
        raise PermissionError(13, "Permission denied")

    write_folder(tmp_path, "cifar10", "binary")
    monkeypatch.setattr(published.Path, "open", denied)
    rows = {row.name: row for row in describe(tmp_path)}
    assert "data_batch_1.bin: cannot be read (Permission denied)" in rows["cifar10"].state


def test_describe_tells_that_pillow_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    rows = {row.name: row for row in describe(tmp_path)}
    assert "pip install 'gse_ref[images]'" in rows["image-folder"].state
