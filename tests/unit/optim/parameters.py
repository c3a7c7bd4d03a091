"""A parameter as optimizers see it, without the room that owns the real one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gse_ref.autodiff import Tensor


@dataclass
class Parameter:
    data: np.ndarray
    grad: Tensor | None = None
    decay: bool | np.ndarray = True


def draw(shape: tuple[int, ...], seed: int, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)
