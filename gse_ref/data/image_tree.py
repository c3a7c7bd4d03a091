"""The files and labels of a folder of images in ImageNet's layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from .image_decode import SUFFIXES

#: Labels of a flat validation folder, beside it.
LABEL_FILE = "val_labels.txt"
LAYOUT = (
    "train/CLASS/*.jpeg and val/CLASS/*.jpeg, or a flat val/*.jpeg with val_labels.txt "
    "(lines FILE CLASS, or one CLASS a line in the order of the sorted file names)"
)


@dataclass(frozen=True, eq=False)
class Tree:
    """The images of one split.

    Parameters
    ----------
    root : folder of the split.
    names : path of each image relative to `root`, with ``/``; sorted by class, then by name.
    labels : (images,) int64, position of the class among the sorted class folders of ``train``.
    """

    root: Path
    names: tuple[str, ...]
    labels: np.ndarray


def missing_folder(root: str | Path | None) -> str:
    """Return what is missing of an image folder at first sight, or nothing."""
    if root is None:
        return "image-folder: no folder given; name the one that holds train/ and val/"
    absent = [part for part in ("train", "val") if not (Path(root) / part).is_dir()]
    if absent:
        return f"image-folder: no folder {' and no '.join(absent)} in {root}; name the one that holds both"
    return ""


def read_tree(root: str | Path | None) -> tuple[Tree, Tree, tuple[str, ...]]:
    """List the images of the training and the validation split, and the names of the classes.

    Nothing is opened but the label file. Files that are no images by their suffix are passed over, as are names
    that begin with a dot.

    Raises
    ------
    DataError : a folder that is missing or empty, fewer than two classes, a class of val that train lacks, or a
        label file that does not fit.
    """
    absent = missing_folder(root)
    if root is None or absent:
        raise DataError(absent)
    train, val = Path(root) / "train", Path(root) / "val"
    classes = tuple(_folders(train))
    if len(classes) < 2:
        raise DataError(f"{train}: {len(classes)} class folders; at least 2 are wanted: {LAYOUT}")
    numbers = {name: number for number, name in enumerate(classes)}
    if _folders(val):
        return _nested(train, numbers), _nested(val, numbers), classes
    return _nested(train, numbers), _flat(val, numbers), classes


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}); check the path") from error


def _folders(folder: Path) -> list[str]:
    return [path.name for path in _listed(folder) if path.is_dir()]


def _images(folder: Path) -> list[str]:
    return [path.name for path in _listed(folder) if path.suffix.lower() in SUFFIXES]


def _nested(root: Path, numbers: dict[str, int]) -> Tree:
    folders = _folders(root)
    strange = [name for name in folders if name not in numbers]
    if strange:
        raise DataError(f"{root}: class {_some(strange)} has no folder in train; give it one, or take it away")
    names: list[str] = []
    labels: list[int] = []
    for folder in folders:
        images = _images(root / folder)
        if not images:
            raise DataError(
                f"{root / folder}: class folder without images ({', '.join(SUFFIXES)}); fill or remove it"
            )
        names += [f"{folder}/{image}" for image in images]
        labels += [numbers[folder]] * len(images)
    return Tree(root, tuple(names), np.array(labels, np.int64))


def _flat(root: Path, numbers: dict[str, int]) -> Tree:
    images = _images(root)
    if not images:
        raise DataError(f"{root}: neither class folders nor images ({', '.join(SUFFIXES)}); wanted {LAYOUT}")
    path = root.parent / LABEL_FILE
    try:
        lines = [line.split() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        raise DataError(f"{root}: a flat folder of images, but {path} is missing; wanted {LAYOUT}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); wanted {LAYOUT}") from error
    classes = (
        _by_name(path, lines, images) if any(len(line) != 1 for line in lines) else [line[0] for line in lines]
    )
    if len(classes) != len(images):
        raise DataError(f"{path}: {len(classes)} labels for the {len(images)} images of {root}; wanted {LAYOUT}")
    strange = [name for name in classes if name not in numbers]
    if strange:
        raise DataError(f"{path}: class {_some(strange)} has no folder in train; wanted {LAYOUT}")
    labels = np.array([numbers[name] for name in classes], np.int64)
    order = np.argsort(labels, kind="stable")
    return Tree(root, tuple(images[k] for k in order.tolist()), labels[order])


def _by_name(path: Path, lines: list[list[str]], images: list[str]) -> list[str]:
    """Return the class of each image from lines of file and class."""
    given: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if len(line) != 2 or line[0] in given:
            raise DataError(f"{path}: entry {number} is no new pair of FILE and CLASS; wanted {LAYOUT}")
        given[line[0]] = line[1]
    missing = [image for image in images if image not in given]
    if missing:
        raise DataError(f"{path}: no label for {_some(missing)}; wanted {LAYOUT}")
    absent = sorted(set(given) - set(images))
    if absent:
        raise DataError(f"{path}: no image {_some(absent)} in {path.parent / 'val'}; wanted {LAYOUT}")
    return [given[image] for image in images]


def _some(names: list[str]) -> str:
    """Return the first name, and how many more there are."""
    return f"{names[0]!r}" + (f" (and {len(names) - 1} more)" if len(names) > 1 else "")
