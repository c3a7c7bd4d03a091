"""Networks for images from the command line: presets, folders of images, CIFAR files that are broken or hostile."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from gse_ref.cli import main
from gse_ref.models import MODELS
from gse_ref.presets import PRESETS
from tests.unit.data.cifar_files import FORMS, array, contents, text, write_archive, write_folder
from tests.unit.data.image_files import CLASSES, picture, write_tree

#: What makes a run of a few steps on a few images of 8×8.
QUICK = ["--threads", "1", "--data", "image-folder:8", "--data-dir", "images", "--model", "resnet20"]
QUICK += ["--width", "0.25", "--density", "0.2", "--batch-size", "4", "--epochs", "2", "--every", "2"]
QUICK += ["--until", "2"]
FOURTH = "n04"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_images() -> Path:
    """Write four classes of JPEG files into ``images``: 5 to train on and 2 to test with, of each."""
    root = write_tree(Path("images"), suffix=".jpeg")
    for part, count in (("train", 5), ("val", 2)):
        (root / part / FOURTH).mkdir()
        for k in range(count):
            picture(300 + k).save(root / part / FOURTH / f"image_{k}.jpeg")
    return root


def ran(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    """Run a command to this exit code; return its output, or its one message if it failed."""
    assert main(words) == code
    out, err = capsys.readouterr()
    if code == 0:
        return out
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("gse-ref: ")
    return err


def sessions(run: str) -> list[dict]:
    return [json.loads(line) for line in (Path(run) / "sessions.jsonl").read_text().splitlines()]


def test_info_lists_presets_and_models(capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(ran(["info", "--json"], capsys))
    assert facts["presets"] == sorted(PRESETS)
    assert facts["models"] == list(MODELS)
    lines = ran(["info"], capsys)
    for name in (*PRESETS, *MODELS):
        assert name in lines


def test_options_override_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--data", "fashion-mini", "--width", "0.0625", "--batch-size", "1000", "--epochs", "1", "--image-size"]
    words = ["train", "--preset", "fashion-resnet20", *small, "29", "--threads", "1", "--out", "run"]
    assert json.loads(ran([*words, "--density", "0.5", "--json"], capsys))["steps"] == 3
    config = json.loads(Path("run/config.json").read_text())
    given = {"data": "fashion-mini", "width": 0.0625, "epochs": 1, "density": 0.5, "image_size": 29}
    assert {name: config[name] for name in given} == given
    kept = set(PRESETS["fashion-resnet20"]) - set(given)
    expected = {name: PRESETS["fashion-resnet20"][name] for name in kept} | {"milestones": [2.0]}
    assert {name: config[name] for name in kept} == expected
    assert "preset" not in config
    assert "run" in ran(["train", "--resume", "run", "--threads", "1"], capsys)


def test_a_preset_can_be_named_in_both_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    plain = ["--preset", "paper-cifar10-vgg16"]
    for words in (plain, ["--preset=paper-cifar10-vgg16"], [*plain, "--probe_samples", "5"]):
        assert "cifar10: not in nowhere" in ran(["train", *words, "--data-dir", "nowhere"], capsys, 2)


@pytest.mark.parametrize("words", [["--augment"], ["--no-augment"], ["--no-nesterov"]])
@pytest.mark.parametrize("name", ["fashion-resnet20", "paper-cifar10-vgg16"])
def test_a_flag_can_be_said_whatever_the_preset_says(
    name: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in ran(["train", "--preset", name, *words, "--data-dir", "nowhere"], capsys, 2)


def test_the_last_of_two_presets_counts(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--preset", "fashion-resnet20", "--preset", "paper-cifar10-vgg16", "--data-dir", "nowhere"]
    assert "cifar10: not in nowhere" in ran(["train", *words], capsys, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "fashion-resnet2"], "unknown preset 'fashion-resnet2': did you mean 'fashion-resnet20'"),
        (["--preset=paper-cifar-vgg16"], "did you mean 'paper-cifar10-vgg16'"),
        (["--preset", "fashion-resnet20", "--resume", "run"], "leave --preset out"),
        (["--preset", "fashion-resnet20", "--probe-samples", "0"], "probe_samples must be"),
        (["--preset", "paper-cifar10-resnet56"], "cifar10: no folder given"),
        (["--preset", "paper-imagenet-resnet50"], "image-folder: no folder given"),
        (["--model", "resnet20", "--dropout", "0.5"], "dropout 0.5 means nothing to resnet20"),
        (["--width", "2"], "width 2.0 means nothing to mlp"),
        (["--data", "synthetic:64", "--augment"], "leave --augment out"),
        (["--data", "synthetic:64", "--model", "vgg11"], "vgg11 needs images"),
        (["--model", "vgg11"], "(--image-size)"),
        (["--model", "resnet20", "--image-size", "20"], "do not fit into 20×20"),
        (["--probe-samples", "9", "--probe-per-class", "2"], "not both"),
        (["--data", "cifar10", "--data-dir", "."], "looked for cifar-10-batches-bin/"),
        (["--data", "image-folder:zero", "--data-dir", "."], "wanted image-folder[:SIDE]"),
        (["--data", "image-folder:8", "--data-dir", "."], "no folder train and no val"),
    ],
)
def test_bad_input_is_one_clear_message(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in ran(["train", *words], capsys, 2)
    assert list(tmp_path.iterdir()) == [], "something was written"


def test_a_folder_of_images_is_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    write_images()
    told = json.loads(ran(["train", *QUICK, "--augment", "--workers", "2", "--out", "a", "--json"], capsys))
    assert (told["steps"], told["updates"], told["unreadable"]) == (10, 5, 0)
    assert told["nnz"] == told["nnz_initial"]
    assert told["test_accuracy"] in [k / 8 for k in range(9)]
    ran(["train", *QUICK, "--augment", "--workers", "1", "--out", "b"], capsys)
    for name in ("config.json", "metrics.jsonl", "topology.jsonl", "checkpoint.npz"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes(), name
    assert "give the --data-dir" in ran(["train", "--resume", "a", "--threads", "1"], capsys, 2)
    ran(["train", "--resume", "a", "--data-dir", "images", "--threads", "1"], capsys)


def test_an_unreadable_image_ends_the_run_or_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    bad = write_images() / "train" / CLASSES[1] / "image_2.jpeg"
    bad.write_bytes(bad.read_bytes()[:300])
    error = ran(["train", *QUICK, "--out", "a"], capsys, 2)
    assert f"{bad}: cannot be decoded" in error
    assert "skip such files" in error
    out = ran(["train", *QUICK, "--out", "b", "--unreadable", "skip"], capsys)
    assert "1 replaced" in out
    [row] = [row for row in sessions("b") if row["event"] == "unreadable image"]
    assert row["path"] == str(bad)
    assert row["why"].startswith("cannot be decoded")
    json_out = json.loads(ran(["train", *QUICK, "--out", "c", "--unreadable", "skip", "--json"], capsys))
    assert json_out["unreadable"] == 1


def test_a_class_without_images_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_images() / "train" / CLASSES[2]
    for path in folder.iterdir():
        path.unlink()
    assert str(folder) in ran(["train", *QUICK], capsys, 2)
    assert not Path("runs").exists()


def test_without_pillow_image_folders_exit_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images()
    plain = builtins.__import__

    def without(name: str, *args, **kwargs):
        if name.split(".")[0] == "PIL":
            raise ImportError("No module named 'PIL'")
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'gse_ref[images]'" in ran(["train", *QUICK], capsys, 3)
    assert not Path("runs").exists()
    assert "pip install 'gse_ref[images]'" in ran(["data", "--data-dir", "images"], capsys)


class Hostile:
    """What runs code of its own when Python unpickles it."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


CIFAR = ["--model", "resnet20", "--width", "0.25", "--batch-size", "7", "--epochs", "1", "--threads", "1"]


@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("form", ["binary", "python"])
def test_cifar_is_trained_on(name: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_archive(Path(), name, form)
    words = ["train", "--data", name, "--data-dir", ".", *CIFAR, "--augment", "--json"]
    told = json.loads(ran(words, capsys))
    assert told["steps"] == len(FORMS[name][form][2])
    assert any("NOT the published" in line for line in sessions(told["run"])[0]["files"])


@pytest.mark.parametrize(
    ("form", "file", "content"),
    [
        ("python", "data_batch_2", pickle.dumps({b"data": Hostile(), b"labels": []})),
        ("python", "data_batch_2", b"cos\nmkdir\n(S'owned'\ntR."),
        ("python", "test_batch", contents("cifar10", "python")["test_batch"][:-2000]),
        ("python", "test_batch", b""),
        ("python", "test_batch", b"\x80\x02}q\x01(" + text(b"data") + array((7, 3072), b"short") + b"u."),
        ("binary", "data_batch_3.bin", contents("cifar10", "binary")["data_batch_3.bin"][:-1]),
        ("binary", "test_batch.bin", b"\xff" + contents("cifar10", "binary")["test_batch.bin"][1:]),
        ("binary", "test_batch.bin", None),
    ],
    ids=["hostile", "old hostile", "truncated", "empty", "short array", "cut record", "bad label", "missing"],
)
def test_bad_cifar_files_are_named_and_run_nothing(
    form: str, file: str, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(Path(), "cifar10", form, **{file: content})
    before = sorted(tmp_path.rglob("*"))
    assert file in ran(["train", "--data", "cifar10", "--data-dir", ".", *CIFAR], capsys, 2)
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


@pytest.mark.parametrize("form", ["binary", "python"])
def test_a_truncated_archive_is_refused(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    archive = write_archive(Path(), "cifar10", form)
    archive.write_bytes(archive.read_bytes()[:-4000])
    assert archive.name in ran(["train", "--data", "cifar10", "--data-dir", str(archive), *CIFAR], capsys, 2)


def test_divergence_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    write_images()
    words = ["train", *QUICK, "--method", "static", "--lr", "1e30", "--out", "a"]
    assert "layers." in ran(words, capsys, 1)
    assert Path("a/diverged.npz").exists()


def test_help_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit) as done:
        main(["train", "--preset", "fashion-resnet20", "--help"])
    assert done.value.code == 0
    out = capsys.readouterr().out
    for option in ("--preset", "--augment", "--unreadable", "--workers", "--probe-per-class", "--image-size"):
        assert option in out
    assert sys.stdout.isatty() or max(map(len, out.splitlines())) <= 80


def test_images_are_padded_and_a_grey_npz_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (12, 6, 5), dtype=np.uint8)
    np.savez("grey.npz", x_train=grey[:8], y_train=np.arange(8) % 2, x_test=grey[8:], y_test=np.arange(4) % 2)
    words = ["train", "--data", "grey.npz", "--image-size", "9", *CIFAR[:4], "--batch-size", "4", "--epochs", "1"]
    assert json.loads(ran([*words, "--threads", "1", "--json"], capsys))["steps"] == 2
