"""Modules are watched while asked for, and as they were afterwards, whatever happens."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.nn import BatchNorm2d, ReLU, Sequential, watching


def test_each_output_is_shown_once_and_nothing_stays() -> None:
    norm = BatchNorm2d(2, dtype=np.float64)
    model, x = Sequential(norm, ReLU()), Tensor(np.arange(16.0).reshape(2, 2, 2, 2))
    seen: list[str] = []
    with watching(model, lambda name, module, output: seen.append(name)):
        y = model(x)
        norm(x, residual=x)
    assert seen == ["layers.0", "layers.1", "", "layers.0"]
    np.testing.assert_array_equal(model(x).data, y.data)
    assert len(seen) == 4
    with pytest.raises(KeyError), watching(model, lambda *_: None):
        raise KeyError
    assert "forward" not in vars(model)
