"""CIFAR in every published form, and in broken ones."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest

from gse_ref.data import cifar, load, load_cifar, ordered_batches, published
from gse_ref.errors import DataError
from tests.bounds import assert_close
from tests.unit.data.cifar_files import (
    FORMS,
    array,
    binary,
    contents,
    mapping,
    number,
    part,
    pickled,
    several,
    text,
    write_archive,
    write_folder,
)

EVERY = [(name, form) for name in FORMS for form in FORMS[name]]
STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


def expected(name):
    files = [part(name, seed) for seed in range(6 if name == "cifar10" else 2)]
    groups = files[:-1], files[-1:]
    return [(np.vstack([f[0] for f in group]), np.concatenate([f[2] for f in group])) for group in groups]


def assert_is(data, name):
    assert (data.name, data.classes, data.image_shape) == (name, 10 if name == "cifar10" else 100, (3, 32, 32))
    for split, (images, labels) in zip((data.train, data.test), expected(name), strict=True):
        assert split.features.dtype == np.uint8
        assert split.features.flags.c_contiguous
        assert split.features.tobytes() == images.tobytes()
        assert split.labels.dtype == np.int64
        assert split.labels.tolist() == labels.tolist()


def refused(name, place, message="."):
    with pytest.raises(DataError, match=message) as caught:
        load_cifar(name, place)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "form"), EVERY)
def test_every_form_from_every_place(tmp_path, name, form, packed):
    made = (write_archive if packed else write_folder)(tmp_path, name, form)
    before = sorted(tmp_path.rglob("*"))
    for place in (tmp_path, made, str(made)):
        assert_is(load(name, place), name)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", FORMS)
def test_all_forms_are_equal_to_the_byte(tmp_path, name):
    digests = set()
    for form in FORMS[name]:
        digests.add(load_cifar(name, write_folder(tmp_path, name, form)).digest)
        digests.add(load_cifar(name, write_archive(tmp_path, name, form)).digest)
    assert len(digests) == 1


def test_the_pickles_are_those_of_pickle():
    """What the tests write is what Python's own reader reads: the oracle of the test files themselves."""
    import pickle

    images, coarse, fine = part("cifar100", 0)
    found = pickle.loads(pickled("cifar100", images, coarse, fine), encoding="bytes")
    assert np.array_equal(found[b"data"], images)
    assert found[b"data"].dtype == np.uint8
    assert (found[b"fine_labels"], found[b"coarse_labels"]) == (fine, coarse)


@pytest.mark.parametrize("name", FORMS)
def test_values_are_normalised_by_the_channel_statistics(tmp_path, name):
    data = load_cifar(name, write_folder(tmp_path, name, "binary"))
    x, labels = next(ordered_batches(data.test, 100, np.float64))
    images, fine = expected(name)[1]
    means, deviations = (np.repeat(values, 1024)[:, None] for values in STATISTICS[name])
    values = (images.T / 255 - means) / deviations
    assert_close(x, values, 1 / deviations + abs(means) / deviations, 2)
    assert labels.tolist() == fine.tolist()


def test_unpacked_comes_before_packed_and_whole_before_half(tmp_path):
    write_folder(tmp_path, "cifar10", "binary", **{"test_batch.bin": None})
    write_archive(tmp_path, "cifar10", "python")
    assert "cifar-10-python.tar.gz" in load_cifar("cifar10", tmp_path).provenance[0]
    write_folder(tmp_path, "cifar10", "python")
    assert "cifar-10-batches-py" in load_cifar("cifar10", tmp_path).provenance[0]


@pytest.mark.parametrize("name", FORMS)
def test_nothing_there(tmp_path, name):
    assert f"{name}: no folder given; get" in refused(name, None, cifar.ORIGIN)
    message = refused(name, tmp_path, "looked for")
    assert all(entry in message for form in FORMS[name].values() for entry in form[:2])
    assert cifar.ORIGIN in message


def test_a_missing_file_is_named(tmp_path):
    folder = write_folder(tmp_path, "cifar10", "python", data_batch_3=None)
    refused("cifar10", tmp_path, f"{folder} lacks data_batch_3")


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("length", [0, 1, 3072, 3073, 3074, 3075, 7 * 3073 - 1, 7 * 3074 - 1, 7 * 3074 + 1])
def test_truncated_binary(tmp_path, name, length):
    file = FORMS[name]["binary"][2][0]
    content = (contents(name, "binary")[file] * 2)[:length]
    size = 3073 if name == "cifar10" else 3074
    folder = write_folder(tmp_path, name, "binary", **{file: content})
    if length and length % size == 0:
        assert load_cifar(name, tmp_path).train.samples == 1 + (28 if name == "cifar10" else 0)
    else:
        message = refused(name, tmp_path, f"{length} bytes are no whole number of records of {size}")
        assert message.startswith(str(folder / file))


@pytest.mark.parametrize(
    ("name", "at", "value", "bound"), [("cifar10", 0, 10, 9), ("cifar100", 1, 100, 99), ("cifar100", 0, 20, 19)]
)
def test_binary_label_out_of_range(tmp_path, name, at, value, bound):
    content = bytearray(contents(name, "binary")[FORMS[name]["binary"][3]])
    content[3 * (3073 if name == "cifar10" else 3074) + at] = value
    write_folder(tmp_path, name, "binary", **{FORMS[name]["binary"][3]: bytes(content)})
    refused(name, tmp_path, rf"test\S*: the label at position 3 lies outside 0 to {bound} \(1 such\)")


def test_cifar_100_taken_for_cifar_10(tmp_path):
    other = binary("cifar100", *part("cifar100", 0, samples=3073))
    write_folder(tmp_path, "cifar10", "binary", **{"test_batch.bin": other})
    refused("cifar10", tmp_path, "lies outside 0 to 9")
    write_folder(tmp_path / "other", "cifar10", "python", test_batch=pickled("cifar100", *part("cifar100", 0)))
    refused("cifar10", tmp_path / "other", r"test_batch: has no entry 'labels'; it belongs to another data set")


IMAGES = array((2, 3072), bytes(2 * 3072))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({b"labels": several([number(1)])}, "no entry 'data'"),
        ({b"data": IMAGES}, "no entry 'labels'"),
        ({b"data": IMAGES, b"labels": several([number(1)])}, "2 images but 1 labels"),
        ({b"data": IMAGES, b"labels": several([number(1), number(10)])}, "position 1 lies outside 0 to 9"),
        ({b"data": IMAGES, b"labels": several([number(-1), number(1)])}, "position 0 lies outside"),
        ({b"data": IMAGES, b"labels": several([b"\x8a\x09" + b"\x01" * 9, number(1)])}, "position 0 lies outside"),
        ({b"data": IMAGES, b"labels": several([number(1), b"\x88"])}, "labels is not a list of whole numbers"),
        ({b"data": IMAGES, b"labels": several([number(1), text(b"2")])}, "labels is not a list"),
        ({b"data": IMAGES, b"labels": text(b"12")}, "labels is not a list"),
        ({b"data": array((3072, 2), bytes(2 * 3072)), b"labels": several([])}, r"data is \(3072, 2\)"),
        ({b"data": array((0, 3072), b""), b"labels": several([])}, r"data is \(0, 3072\)"),
        ({b"data": array((6144,), bytes(6144)), b"labels": several([])}, r"data is \(6144,\)"),
        ({b"data": text(b"none"), b"labels": several([])}, "data is bytes"),
        ({b"data": array((2, 3072), bytes(100)), b"labels": several([])}, "100 bytes that do not fit its shape"),
        ({b"data": b"cposix\nsystem\n" + text(b"false") + b"\x85R"}, "it wants 'posix.system'"),
    ],
)
def test_unusable_pickles(tmp_path, entries, message):
    folder = write_folder(tmp_path, "cifar10", "python", test_batch=mapping(entries))
    assert str(folder / "test_batch") in refused("cifar10", tmp_path, message)


def test_a_pickle_of_something_else(tmp_path):
    write_folder(tmp_path, "cifar10", "python", test_batch=b"\x80\x02]q\x00.")
    refused("cifar10", tmp_path, "test_batch: holds a list, not a dict")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("form", ["binary", "python"])
def test_truncated_archive(tmp_path, form, share):
    path = write_archive(tmp_path, "cifar100", form)
    good = path.read_bytes()
    path.write_bytes(good[: int(len(good) * share)])
    assert str(path) in refused("cifar100", tmp_path, "cannot be read|not in the archive|cut short")


@pytest.mark.parametrize("length", [0, 1, 2, 100, 1000, 20_000, -1])
def test_truncated_pickle(tmp_path, length):
    content = contents("cifar100", "python")["test"]
    write_folder(tmp_path, "cifar100", "python", test=content[:length])
    refused("cifar100", tmp_path, "test: not a pickle .* cut short")


def test_a_damaged_archive_is_noticed(tmp_path):
    path = write_archive(tmp_path, "cifar10", "binary")
    good = path.read_bytes()
    for position in np.random.default_rng(0).choice(np.arange(10, len(good)), 20, replace=False).tolist():
        changed = bytearray(good)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        assert str(path) in refused("cifar10", path)


def test_members_elsewhere_are_passed_over(tmp_path):
    folder = FORMS["cifar100"]["python"][1]
    good = [(f"./{folder}/{file}", content) for file, content in contents("cifar100", "python").items()]
    evil = [("../../train", b"x"), ("/train", b"x"), ("train", b"x"), (f"{folder}/../{folder}/train", b"x")]
    write_archive(tmp_path, "cifar100", "python", [*evil, *good])
    assert_is(load_cifar("cifar100", tmp_path), "cifar100")
    write_archive(tmp_path, "cifar100", "python", evil)
    refused("cifar100", tmp_path, f"{folder}/test, {folder}/train not in the archive")
    write_archive(tmp_path, "cifar100", "python", [*good, good[0]])
    refused("cifar100", tmp_path, f"holds {folder}/train twice")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_never_followed(tmp_path, kind):
    path = tmp_path / FORMS["cifar100"]["binary"][0]
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo("cifar-100-binary/train.bin")
        entry.type, entry.linkname = kind, "/etc/passwd"
        file.addfile(entry)
    refused("cifar100", tmp_path, "train.bin not in the archive")


@pytest.mark.parametrize("size", [-1, -512, 1 << 40])
def test_false_sizes_in_an_archive(tmp_path, size):
    header = tarfile.TarInfo("cifar-100-binary/train.bin")
    header.size = size
    raw = header.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(gzip.compress(raw))
    refused("cifar100", tmp_path, "negative size|cannot be read|cut short|not in the archive")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_archive_that_was_cut_before_it_was_packed(tmp_path, share):
    path = write_archive(tmp_path, "cifar100", "binary")
    raw = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(raw[: int(len(raw.rstrip(bytes(1))) * share)]))
    assert str(path) in refused("cifar100", tmp_path, "cannot be read|not in the archive")


def test_a_bomb_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MOST_BYTES", 1 << 20)
    bomb = [("cifar-100-binary/noise", bytes(1 << 21))]
    path = write_archive(tmp_path, "cifar100", "binary", bomb)
    assert path.stat().st_size < 1 << 14
    refused("cifar100", tmp_path, "holds more than 1048576 bytes")
    write_folder(tmp_path, "cifar100", "binary", **{"train.bin": bytes(1 << 21)})
    refused("cifar100", tmp_path, "train.bin: holds more than 1048576 bytes")


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"no tar"), gzip.compress(b"")],
    ids=["empty", "no gzip", "no tar", "empty gzip"],  # a gzip file tells the time, and workers compare ids
)
def test_not_an_archive(tmp_path, content):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(content)
    assert str(path) in refused("cifar10", tmp_path, "cannot be read|not in the archive")


def test_an_unreadable_file(tmp_path, monkeypatch):
    write_folder(tmp_path, "cifar100", "binary")

    def denied(path, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(published.Path, "open", denied)
    refused("cifar100", tmp_path, "train.bin: cannot be read .Permission denied.")


def test_checksums_are_told(tmp_path, monkeypatch):
    archive = write_archive(tmp_path, "cifar10", "python")
    total = hashlib.md5(archive.read_bytes()).hexdigest()
    told = f"{archive}: md5 {total}, NOT the published c58f30108f718f92721af3b95e74349a"
    assert load_cifar("cifar10", archive).provenance == cifar.cifar_sums("cifar10", archive) == (told,)
    form = next(form for form in cifar._SETS["cifar10"].formats if form.archive == archive.name)
    monkeypatch.setitem(form.published, archive.name, total)
    assert load_cifar("cifar10", archive).provenance == (f"{archive}: md5 {total}, as published",)


def test_checksums_of_single_files_are_told(tmp_path):
    folder = write_folder(tmp_path, "cifar100", "binary")
    lines = load_cifar("cifar100", tmp_path).provenance
    assert lines == cifar.cifar_sums("cifar100", tmp_path)
    for line, file in zip(lines, ("train.bin", "test.bin"), strict=True):
        total = hashlib.md5((folder / file).read_bytes()).hexdigest()
        assert line == f"{folder / file}: md5 {total}, no published sum is known"


def test_published_sums_are_md5():
    sums = [total for entry in cifar._SETS.values() for form in entry.formats for total in form.published.values()]
    assert len(sums) == len(set(sums)) == 12
    assert all(len(total) == 32 and int(total, 16) for total in sums)


def test_the_test_archives_are_sound(tmp_path):
    path = write_archive(tmp_path, "cifar10", "binary")
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes()), mode="r:gz") as file:
        assert len(file.getnames()) == 7
