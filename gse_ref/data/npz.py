"""Data sets of one's own: arrays x_train, y_train, x_test, y_test in one .npz file."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import DataError
from .dataset import Dataset, Split, pixel_normalization

KEYS = ("x_train", "y_train", "x_test", "y_test")
_CHANNELS = (1, 3, 4)
_FAILURES = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_npz(path: str | Path, name: str | None = None) -> Dataset:
    """Load a data set from an .npz file, as written by `numpy.savez` or `numpy.savez_compressed`.

    ``x_train`` and ``x_test``, batch first: (samples, features) flat, (samples, h, w) grey images or
    (samples, c, h, w) images. uint8 is taken for pixels and normalised by the mean and standard deviation of
    each channel over the training split; float32 and float64 are used as they are.
    ``y_train`` and ``y_test``: integers, (samples,) or (samples, 1), class numbers from 0; the number of
    classes is the highest label plus 1. Other arrays in the file are ignored.

    Parameters
    ----------
    path : the file. Pickled objects in it are never loaded.
    name : of the data set; default: the path.

    Raises
    ------
    DataError : names the file, the array, what is wrong and what to do.
    """
    path = Path(path)
    arrays = _read(path)
    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    image_shape = _image_shape(path, "x_train", x_train)
    test_shape = _image_shape(path, "x_test", x_test)
    train, test = (np.ascontiguousarray(x.reshape(len(x), -1)) for x in (x_train, x_test))
    scale: float | np.ndarray = 1.0
    shift: float | np.ndarray = 0.0
    if train.dtype == np.uint8:
        scale, shift = pixel_normalization(train, image_shape[0] if image_shape else 1)
    if train.dtype != test.dtype:
        raise DataError(
            f"{path}: x_train has dtype {train.dtype} but x_test {test.dtype}; store both in the same dtype"
        )
    labels, test_labels = _labels(path, "y_train", y_train), _labels(path, "y_test", y_test)
    if train.shape[1] != test.shape[1]:
        raise DataError(f"{path}: x_train has shape {x_train.shape} but x_test {x_test.shape}; store samples alike")
    splits = [
        Split(x, y, scale, shift, shape, f"{path} ({key})")
        for x, y, shape, key in (
            (train, labels, image_shape, "x_train, y_train"),
            (test, test_labels, test_shape, "x_test, y_test"),
        )
    ]
    return Dataset(str(path) if name is None else name, splits[0], splits[1], _classes(path, labels, test_labels))


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the path of an .npz file with the arrays {', '.join(KEYS)}")
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path}: not an .npz archive, or cut short; write it with numpy.savez_compressed")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            missing = [key for key in KEYS if key not in archive.files]
            if missing:
                raise DataError(
                    f"{path}: no array {', '.join(missing)} (it has {', '.join(archive.files) or 'none'}); "
                    f"wanted {', '.join(KEYS)}"
                )
            arrays = {key: np.asarray(archive[key]) for key in KEYS}
    except DataError:
        raise
    except _FAILURES as error:
        advice = "write plain numeric arrays" if "pickle" in str(error) else "write the file again"
        raise DataError(f"{path}: cannot be read ({error}); {advice} with numpy.savez_compressed") from error
    return arrays


def _image_shape(path: Path, key: str, x: np.ndarray) -> tuple[int, int, int] | None:
    if x.size == 0:
        raise DataError(f"{path}: {key} has shape {x.shape}, which holds nothing; at least one sample is needed")
    if x.ndim == 2:
        return None
    if x.ndim == 3:
        return (1, x.shape[1], x.shape[2])
    if x.ndim != 4:
        raise DataError(
            f"{path}: {key} has shape {x.shape}; wanted (samples, features), (samples, h, w) or (samples, c, h, w)"
        )
    if x.shape[1] not in _CHANNELS and x.shape[3] in _CHANNELS:
        raise DataError(
            f"{path}: {key} has shape {x.shape}, channels last it seems; wanted (samples, c, h, w): "
            "transpose it with .transpose(0, 3, 1, 2)"
        )
    return (x.shape[1], x.shape[2], x.shape[3])


def _labels(path: Path, key: str, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "iu" or y.ndim not in (1, 2) or (y.ndim == 2 and y.shape[1] != 1):
        raise DataError(
            f"{path}: {key} has dtype {y.dtype} and shape {y.shape}; wanted integers of shape (samples,), "
            "the class number of each sample: one-hot rows turn into it with .argmax(axis=1)"
        )
    return y.reshape(-1).astype(np.int64)


def _classes(path: Path, labels: np.ndarray, test_labels: np.ndarray) -> int:
    highest = int(max(labels.max(), test_labels.max()))
    samples = len(labels) + len(test_labels)
    if highest >= samples:
        raise DataError(
            f"{path}: label {highest} among {samples} samples; labels must be class numbers 0, 1, 2, …: "
            "number them with numpy.unique(y, return_inverse=True)"
        )
    return max(2, highest + 1)
