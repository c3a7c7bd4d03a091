"""Fashion-mini, the small data set that comes with the package."""

from __future__ import annotations

from pathlib import Path

from .dataset import Dataset
from .npz import load_npz

FASHION_MINI = Path(__file__).parent / "files" / "fashion-mini.npz"


def fashion_mini() -> Dataset:
    """Return 3,000 training and 1,000 test images of Fashion-MNIST (Xiao et al. 2017), classes balanced.

    They are the first 300 of each class of the official training files and the first 100 of each class of the
    official test files, in their original order (``files/make_fashion_mini.py``). 28×28 grey pixels, uint8.
    """
    return load_npz(FASHION_MINI, "fashion-mini")
