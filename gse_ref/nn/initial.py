"""The first topology and weights of a model (ALGORITHM section 3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..backends import active, empty, get, use
from ..backends.arrays import library_of
from ..backends.select import DEFAULT
from ..errors import InputError, unknown
from ..rng import stream
from ..sparse import PATTERNS, layer_budgets
from .conv import Conv2d
from .linear import Linear
from .module import Module
from .parameter import SparseParameter


def _uniform(bound: np.ndarray, generator: np.random.Generator, dtype: np.dtype) -> np.ndarray:
    values = empty(bound.shape, dtype)
    values[...] = generator.uniform(-1.0, 1.0, bound.shape) * bound
    return values


def initialise(
    model: Module, density: float, budget: str = "erdos_renyi", seed: int = 0, pattern: str = "erdos_renyi"
) -> None:
    """Place topologies of one pattern that meet `density` exactly and draw weights by the actual fan-in.

    Weights and biases of row i are U(−1, 1) · √(3 / max(1, fan_in_i)), so pre-activations of unit inputs have unit
    variance. Streams: ("topology", layer), ("weights", layer), ("bias", layer), layers in order of the model.
    All is drawn on the host; the whole model is then brought to the library whose arrays the active backend takes.

    Parameters
    ----------
    model : its sparse layers receive topology and weights, its dense ones weights.
    density : over all sparse layers together, in (0, 1].
    budget : how the connections are shared out, see `sparse.BUDGETS`.
    pattern : which of a layer's connections they are, see `sparse.PATTERNS`; `bernoulli` meets the density only in
        expectation.

    Raises
    ------
    InputError : a density, budget or pattern that cannot be met, or a model without sparse layers.
    """
    if pattern not in PATTERNS:
        raise unknown("pattern", pattern, PATTERNS)
    sparse = list(model.sparse_parameters().values())
    if not sparse:
        raise InputError("the model has no sparse layer to initialise")
    budgets = layer_budgets(budget, [p.layout for p in sparse], density)
    nnz = dict(zip(map(id, sparse), budgets, strict=True))
    library = library_of(active())
    with use(active() if library is np else get(DEFAULT)):
        _draw(model.to(np), nnz, seed, pattern)
    model.to(library)


def _draw(model: Module, nnz: Mapping[int, int], seed: int, pattern: str) -> None:
    """Draw topologies and weights on the host; `nnz` by id of the sparse parameter."""
    layers = [module for _, module in model.named_modules() if isinstance(module, (Linear, Conv2d))]
    for number, layer in enumerate(layers):
        weight, generator = layer.weight, stream(seed, "weights", number)
        if isinstance(weight, SparseParameter):
            shape = (weight.layout.n_out, weight.layout.n_in)
            topology = PATTERNS[pattern](shape, nnz[id(weight)], stream(seed, "topology", number))
            row_bound = np.sqrt(3.0 / np.maximum(1, topology.fan_in()))
            weight.place(topology, _uniform(np.repeat(row_bound, topology.fan_in()), generator, weight.dtype))
        else:
            row_bound = np.full(weight.shape[0], np.sqrt(3.0 / weight.shape[1]))
            weight.data = _uniform(np.broadcast_to(row_bound[:, None], weight.shape), generator, weight.dtype)
        if layer.bias is not None:
            layer.bias.data = _uniform(row_bound, stream(seed, "bias", number), layer.bias.dtype)
