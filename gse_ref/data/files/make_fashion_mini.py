"""Make fashion-mini.npz from the full Fashion-MNIST: ``python -m gse_ref.data.files.make_fashion_mini``."""

from __future__ import annotations

import argparse

import numpy as np

from ..bundled import FASHION_MINI
from ..idx import CLASSES, find_idx, read_idx

TRAIN_PER_CLASS = 300
TEST_PER_CLASS = 100


def first_of_each(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Return the positions of the first `per_class` samples of each class, in rising order."""
    picks = [np.flatnonzero(labels == label)[:per_class] for label in range(CLASSES)]
    return np.sort(np.concatenate(picks))


def make(folder: str | None = None) -> dict[str, np.ndarray]:
    """Return the arrays x_train, y_train, x_test, y_test (uint8) cut from the idx files in `folder`."""
    images, labels, test_images, test_labels = (
        read_idx(path, dimensions)
        for path, dimensions in zip(find_idx("fashion-mnist", folder), (3, 1, 3, 1), strict=True)
    )
    train = first_of_each(labels, TRAIN_PER_CLASS)
    test = first_of_each(test_labels, TEST_PER_CLASS)
    return {
        "x_train": images[train],
        "y_train": labels[train],
        "x_test": test_images[test],
        "y_test": test_labels[test],
    }


def main(arguments: list[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="folder of the four idx files (default: the system's)")
    parser.add_argument("--out", default=str(FASHION_MINI), help="file to write (default: the bundled one)")
    options = parser.parse_args(arguments)
    arrays = make(options.data_dir)
    np.savez_compressed(
        options.out,
        x_train=arrays["x_train"],
        y_train=arrays["y_train"],
        x_test=arrays["x_test"],
        y_test=arrays["y_test"],
    )


if __name__ == "__main__":
    main()
