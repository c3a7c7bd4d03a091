"""A model is looked at without a trace, whatever happens."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.autodiff import Tensor
from gse_ref.nn import BatchNorm2d, ReLU, Sequential, untouched


def state(model: Sequential) -> tuple[list[bool], list[tuple[int, bytes]]]:
    modes = [module.training for _, module in model.named_modules()]
    return modes, [(id(buffer), buffer.tobytes()) for buffer in model.named_buffers().values()]


@pytest.mark.parametrize("fails", [False, True])
def test_modes_and_buffers_are_put_back(fails: bool) -> None:
    model = Sequential(BatchNorm2d(2, dtype=np.float64), ReLU(), BatchNorm2d(2, dtype=np.float64))
    model.layers[2].training = False
    before, x = state(model), Tensor(np.arange(16.0).reshape(2, 2, 2, 2))

    def look() -> None:
        with untouched(model):
            model.train()
            model(x)
            model.layers[0].training = False
            assert state(model)[1] != before[1]
            if fails:
                raise KeyError

    if fails:
        with pytest.raises(KeyError):
            look()
    else:
        look()
    assert state(model) == before
