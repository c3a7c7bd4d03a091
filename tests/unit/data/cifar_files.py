"""Small CIFAR files in the exact published formats; pickles are made opcode by opcode, as Python 2 wrote them."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np

BATCHES = [f"data_batch_{number}" for number in range(1, 6)]
#: Data set → format → (archive, folder, training files, test file).
FORMS = {
    "cifar10": {
        "binary": (
            "cifar-10-binary.tar.gz",
            "cifar-10-batches-bin",
            [f"{batch}.bin" for batch in BATCHES],
            "test_batch.bin",
        ),
        "python": ("cifar-10-python.tar.gz", "cifar-10-batches-py", BATCHES, "test_batch"),
    },
    "cifar100": {
        "binary": ("cifar-100-binary.tar.gz", "cifar-100-binary", ["train.bin"], "test.bin"),
        "python": ("cifar-100-python.tar.gz", "cifar-100-python", ["train"], "test"),
    },
}


def part(name: str, seed: int, samples: int = 7):
    """Return images (samples, 3072) uint8, coarse and fine labels as lists of one file."""
    draw = np.random.default_rng(seed)
    classes = 10 if name == "cifar10" else 100
    images = draw.integers(0, 256, (samples, 3072), dtype=np.uint8)
    return images, draw.integers(0, 20, samples).tolist(), draw.integers(0, classes, samples).tolist()


def binary(name: str, images, coarse, fine) -> bytes:
    """Return records of one label byte (CIFAR-10) or coarse and fine (CIFAR-100), and 3072 pixels."""
    labels = [fine] if name == "cifar10" else [coarse, fine]
    return np.hstack([np.array(labels, np.uint8).T, images]).tobytes()


def text(value: bytes) -> bytes:
    """Pickle a ``str`` of Python 2."""
    if len(value) < 256:
        return b"U" + bytes([len(value)]) + value
    return b"T" + struct.pack("<i", len(value)) + value


def number(value: int) -> bytes:
    """Pickle an int."""
    if 0 <= value < 256:
        return b"K" + bytes([value])
    return b"M" + struct.pack("<H", value) if 0 <= value < 1 << 16 else b"J" + struct.pack("<i", value)


def array(shape: tuple[int, ...], raw: bytes, dtype: bytes = b"u1", fortran: bool = False) -> bytes:
    """Pickle an array as NumPy 1 under Python 2 did."""
    start = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x10cnumpy\nndarray\nq\x11K\x00\x85q\x12U\x01bq\x13\x87q\x14Rq\x15"
    )
    sizes = b"(" + b"".join(map(number, shape)) + b"tq\x16"
    kind = b"cnumpy\ndtype\nq\x17" + text(dtype) + b"q\x18K\x00K\x01\x87q\x19Rq\x1a"
    state = b"(K\x03U\x01|q\x1bNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x1cb"
    return (
        start + b"(K\x01" + sizes + kind + state + (b"\x88" if fortran else b"\x89") + text(raw) + b"q\x1dtq\x1eb"
    )


def several(items) -> bytes:
    """Pickle a list of what is pickled already."""
    return b"]q\x20(" + b"".join(items) + b"e"


def mapping(entries: dict[bytes, bytes]) -> bytes:
    """Return the whole pickle of a dict of ``str`` to what is pickled already."""
    return b"\x80\x02}q\x01(" + b"".join(text(key) + value for key, value in entries.items()) + b"u."


def pickled(name: str, images, coarse, fine, **replaced: bytes) -> bytes:
    """Return the pickle of one file; `replaced` puts other content under a key."""
    labels = {b"labels": fine} if name == "cifar10" else {b"fine_labels": fine, b"coarse_labels": coarse}
    entries = {b"batch_label": text(b"training batch 1 of 5")}
    entries |= {key: several(map(number, values)) for key, values in labels.items()}
    entries[b"data"] = array(images.shape, images.tobytes())
    entries[b"filenames"] = several(text(b"leptodactylus_pentadactylus_s_%06d.png" % k) for k in range(len(images)))
    return mapping(entries | {key.encode(): value for key, value in replaced.items()})


def contents(name: str, form: str) -> dict[str, bytes]:
    """Return file name → content; the same images and labels whatever the format."""
    _, _, train, test = FORMS[name][form]
    make = binary if form == "binary" else pickled
    return {file: make(name, *part(name, seed)) for seed, file in enumerate([*train, test])}


def write_folder(root: Path, name: str, form: str, **replaced: bytes | None) -> Path:
    """Write the unpacked folder into `root`; None leaves a file out."""
    folder = root / FORMS[name][form][1]
    folder.mkdir(parents=True)
    for file, content in (contents(name, form) | replaced).items():
        if content is not None:
            (folder / file).write_bytes(content)
    return folder


def write_archive(root: Path, name: str, form: str, members: list[tuple[str, bytes]] | None = None) -> Path:
    """Write the .tar.gz into `root`, with the members given or those of the published one."""
    archive, folder, *_ = FORMS[name][form]
    if members is None:
        members = [(f"{folder}/{file}", content) for file, content in contents(name, form).items()]
        members.append((f"{folder}/readme.html", b"<html>"))
    with tarfile.open(root / archive, "w:gz") as file:
        for member, content in members:
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return root / archive
