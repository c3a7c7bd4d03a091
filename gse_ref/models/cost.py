"""From a model to the layers whose cost is counted, and how GSE's saving depends on density."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..cost import Layer, Saving, Setting, Work, saving
from ..errors import InputError
from ..nn import Module
from ..sparse import LayerShape, layer_budgets, layer_shares
from .count import layer_counts


def cost_layers(model: Module, sample_shape: tuple[int, ...]) -> list[Layer]:
    """Return the sparse layers of `model` with every connection, in order; O(n) memory, no dense weights.

    The model is run once on one sample of zeros (see `layer_counts`), before its weights are placed for the least
    work; it is left as it was.

    Parameters
    ----------
    sample_shape : (channels, height, width), or (features,).

    Raises
    ------
    InputError : a layer that is not called in the forward pass.
    ShapeError : samples of a shape that the model does not take.
    """
    layers = []
    shapes = [parameter.layout for parameter in model.sparse_parameters().values()]
    for count, shape in zip(layer_counts(model, sample_shape), shapes, strict=True):
        if not count.positions:
            raise InputError(f"layer {count.name} is not called in the forward pass: it has no cost to count")
        layers.append(Layer(count.name, shape.n_out, shape.n_in, shape.size, count.positions, shape.kernel))
    return layers


def with_density(
    layers: Sequence[Layer], density: float, budget: str = "erdos_renyi", real: bool = False
) -> list[Layer]:
    """Return the layers with the connections that a budget gives them (their present numbers do not matter).

    Parameters
    ----------
    density : over all layers together, in (0, 1].
    budget : see `sparse.BUDGETS`.
    real : leave the numbers real, instead of rounding them to the counts that a run would have.

    Raises
    ------
    InputError : a density or budget that cannot be met.
    """
    shapes = [LayerShape(layer.n_out, layer.n_in, layer.kernel) for layer in layers]
    counts: Sequence[float] = (layer_shares if real else layer_budgets)(budget, shapes, density)
    return [layer._replace(nnz=nnz) for layer, nnz in zip(layers, counts, strict=True)]


class SavingAt(NamedTuple):
    """GSE's saving at one density; `sparse` is f_S / f_D."""

    density: float
    sparse: float
    saving: Saving


def saving_curve(
    layers: Sequence[Layer], densities: Sequence[float], budget: str, setting: Setting
) -> list[SavingAt]:
    """Return GSE's saving against RigL at each density, from real shares of the budget.

    Raises
    ------
    InputError : a density or budget that cannot be met.
    """
    curve = []
    for density in densities:
        at = with_density(layers, density, budget, real=True)
        work = Work(at)
        curve.append(SavingAt(density, work.sparse / work.dense, saving(at, setting)))
    return curve
