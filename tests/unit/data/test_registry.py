"""The table of data sets."""

import numpy as np
import pytest

from gse_ref.data import NAMES, bundled, describe, idx, load
from gse_ref.errors import DataError, InputError


def test_names_of_the_table():
    assert NAMES == ("fashion-mini", "fashion-mnist", "mnist", "synthetic")


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


@pytest.mark.parametrize("name", ["fashion_mini", "fashion-min", "Mnist", "", "cifar10"])
def test_unknown_name(name):
    with pytest.raises(InputError, match=r"unknown data set .*available: PATH.npz, fashion-mini"):
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
    assert rows["synthetic"].state == "present"
    assert all(all(row) for row in rows.values())


def test_describe_tells_what_is_present(tmp_path):
    for split in ("train", "t10k"):
        (tmp_path / f"{split}-images-idx3-ubyte").touch()
        (tmp_path / f"{split}-labels-idx1-ubyte").touch()
    rows = {row.name: row for row in describe(tmp_path)}
    assert [rows[name].state for name in NAMES] == ["present"] * 4
