"""How many connections and multiply-adds each sparse layer of a model has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..autodiff import Tensor, no_grad
from ..backends.arrays import namespace
from ..nn import Module, SparseParameter, untouched, watching


class LayerCount(NamedTuple):
    """One sparse layer, per sample: size · positions multiply-adds if it were dense, nnz · positions as it is.

    Attributes
    ----------
    name : of its weights, as in `Module.sparse_parameters`.
    size : possible connections. nnz : active ones.
    positions : outputs of each output unit for one sample: 1 for a matrix, height' · width' for a convolution; over
        all calls, if the layer is called more than once, 0 if it is not.
    """

    name: str
    size: int
    nnz: int
    positions: int


def layer_counts(model: Module, image_shape: tuple[int, ...]) -> list[LayerCount]:
    """Return the counts of each sparse layer, in the order that numbers the layers.

    The model is run once on one sample of zeros, in evaluation mode and without gradients; it is left as it was.

    Parameters
    ----------
    image_shape : of one sample: (channels, height, width), or (features,).

    Raises
    ------
    ShapeError : samples of a shape that the model does not take.
    """
    parameters = model.sparse_parameters()
    first = next((p.data for p in model.named_parameters().values()), np.empty(0, np.float32))
    positions: dict[int, int] = {}

    def count(name: str, module: Module, y: Tensor) -> None:
        for _, member in module._members():
            if isinstance(member, SparseParameter):
                positions[id(member)] = positions.get(id(member), 0) + y.size // (y.shape[0] * y.shape[-1])

    with no_grad(), untouched(model), watching(model, count):
        model.eval()
        model(Tensor(namespace(first).zeros((*image_shape, 1), dtype=first.dtype)))
    return [LayerCount(name, p.topology.size, p.nnz, positions.get(id(p), 0)) for name, p in parameters.items()]
