"""Teacher-student data of any width: labels given by a random sparse network."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..rng import stream
from .dataset import Dataset, Split

DEFAULT_WIDTH = 256
#: Inputs of each unit of the teacher, in both of its layers.
FAN_IN = 10
_MOST_SAMPLES = 8192
_LEAST_SAMPLES = 512
_FEATURE_NUMBERS = 1 << 28


def default_samples(width: int) -> int:
    """Return the number of training samples: 8192, fewer where they would fill 1 GiB, at least 512."""
    return max(_LEAST_SAMPLES, min(_MOST_SAMPLES, _FEATURE_NUMBERS // width))


def teacher_student(
    width: int = DEFAULT_WIDTH,
    classes: int = 10,
    samples: int | None = None,
    seed: int = 0,
    fan_in: int = FAN_IN,
) -> Dataset:
    """Return standard normal inputs labelled by a random sparse two-layer ReLU network.

    Each class has an output unit that reads `fan_in` hidden units of its own; each hidden unit reads `fan_in`
    distinct inputs. Weights are normal; hidden units that no output reads are left out. The label is the
    largest output after each is standardised over the training split, so classes are roughly balanced.
    Beyond the samples themselves it takes O(width + classes · fan_in²) memory.

    Parameters
    ----------
    width : number of features, at least `fan_in`.
    classes : at least 2.
    samples : of the training split; the test split has a quarter as many. Default: `default_samples`.
    seed : integer in [0, 2**64).
    fan_in : inputs of each teacher unit.

    Returns
    -------
    Dataset : features float32 (samples, width), used as they are.

    Raises
    ------
    InputError : a number out of range.
    """
    count = default_samples(width) if samples is None and width > 0 else samples
    for name, value, least in (("fan_in", fan_in, 1), ("width", width, fan_in), ("classes", classes, 2)):
        if value < least:
            raise InputError(f"synthetic data: {name} must be at least {least}, got {value}")
    if count is None or count < 4:
        raise InputError(f"synthetic data: samples must be at least 4, got {count}")
    inputs = [
        stream(seed, "synthetic", 0, part).standard_normal((size, width), dtype=np.float32)
        for part, size in enumerate((count, count // 4))
    ]
    outputs = _teacher(inputs, width, classes, seed, fan_in)
    mean, spread = outputs[0].mean(axis=0), outputs[0].std(axis=0)
    spread[spread == 0.0] = 1.0
    splits = [
        Split(x, np.argmax((y - mean) / spread, axis=1).astype(np.int64), source=f"synthetic {part} split")
        for x, y, part in zip(inputs, outputs, ("training", "test"), strict=True)
    ]
    return Dataset(f"synthetic:{width}", splits[0], splits[1], classes)


def from_options(options: list[str], seed: int = 0) -> Dataset:
    """Return the data set of ``synthetic[:width[:samples[:classes]]]``, given what follows the colons.

    Raises
    ------
    InputError : an option that is no integer, too many of them, or a number out of range.
    """
    names = ("width", "samples", "classes")
    form = "synthetic[:width[:samples[:classes]]], for example synthetic:1024"
    if len(options) > len(names):
        raise InputError(f"synthetic data: {len(options)} numbers after the name; wanted {form}")
    numbers: dict[str, int] = {}
    for name, text in zip(names, options, strict=False):
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            what = f"{name} must be a positive integer below 10**9, got {text[:40]!r}"
            raise InputError(f"synthetic data: {what}; wanted {form}")
        numbers[name] = int(text)
    return teacher_student(**numbers, seed=seed)


def _teacher(inputs: list[np.ndarray], width: int, classes: int, seed: int, fan_in: int) -> list[np.ndarray]:
    """Return the teacher's outputs (samples, classes) float64 on each array of inputs (samples, width)."""
    outputs = [np.zeros((len(x), classes)) for x in inputs]
    draw = stream(seed, "teacher")
    for label in range(classes):
        for weight in draw.standard_normal(fan_in):
            indices = draw.choice(width, fan_in, replace=False)
            weights = draw.standard_normal(fan_in)
            for x, y in zip(inputs, outputs, strict=True):
                y[:, label] += weight * np.maximum((x[:, indices] * weights).sum(axis=1), 0.0)
    return outputs
