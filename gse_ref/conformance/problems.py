"""What adapters are given and give back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends import Geometry

Array = np.ndarray


class Pattern(NamedTuple):
    """The connections of a layer in canonical CSR.

    indptr : (n_out + 1,). indices : (nnz,), strictly increasing within each row. shape : (n_out, n_in).
    """

    indptr: Array
    indices: Array
    shape: tuple[int, int]


class Weights(NamedTuple):
    """A layer's weights in canonical CSR; explicit zeros are connections.

    indptr : (n_out + 1,). indices, values : (nnz,). shape : (n_out, n_in).
    """

    indptr: Array
    indices: Array
    values: Array
    shape: tuple[int, int]

    @property
    def pattern(self) -> Pattern:
        """The connections alone."""
        return Pattern(self.indptr, self.indices, self.shape)


class Layer(NamedTuple):
    """What one layer chooses from.

    values : (nnz,) weights of the active connections, in CSR order. scores : (m,) of the candidates, by edge id.
    """

    values: Array
    scores: Array


class Selected(NamedTuple):
    """What one layer grows and prunes.

    grow : positions in `scores`, increasing. prune : slots of `values`, increasing.
    """

    grow: Array
    prune: Array


class Edited(NamedTuple):
    """A layer after an edit, and the momentum of its connections, (nnz,) in CSR order."""

    weights: Weights
    momentum: Array


class Draws(NamedTuple):
    """The random numbers of one layer's exploration.

    inputs, outputs : (⌈γN⌉,) uniforms of both axes of the draws. signs : (batch,) of ±1, float64, or (height',
    width', batch) for a convolution.
    """

    inputs: Array
    outputs: Array
    signs: Array


class ExploredLayer(NamedTuple):
    """A layer before an update.

    momentum : (nnz,). x : its input, (n_in, batch) or (channels, height, width, batch). delta : ∂loss/∂y, (n_out,
    batch) or (n_out, height', width', batch). geometry : of a convolution, else None. draws : to be used by "gse",
    "gse-grabo" and "gse-graest"; "set" draws by itself.
    """

    weights: Weights
    momentum: Array
    x: Array
    delta: Array
    geometry: Geometry | None
    draws: Draws


class UpdateProblem(NamedTuple):
    """One whole update.

    method : one of the adapter's. fraction : α_t. scope : "layer" or "global". subset_factor : γ. seed : for an
    implementation that draws by itself.
    """

    layers: tuple[ExploredLayer, ...]
    method: str
    fraction: float
    scope: str
    subset_factor: float
    seed: int


class UpdatedLayer(NamedTuple):
    """A layer after an update.

    candidates : (m,) edge ids of what was scored, increasing, if the implementation can tell, else None.
    """

    weights: Weights
    momentum: Array
    candidates: Array | None = None


class TrainingProblem(NamedTuple):
    """Filled in by the level training."""


class TrainingTrace(NamedTuple):
    """Filled in by the level training."""
