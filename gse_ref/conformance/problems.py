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
    implementation that draws by itself. Fractions are decimals, and meant so: ⌈0.1 · 30⌉ is 3.
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


class Batch(NamedTuple):
    """Samples and their classes.

    x : (n_in, batch), or images (channels, height, width, batch) for the network "conv". labels : (batch,) int.
    """

    x: Array
    labels: Array


class TrainedLayer(NamedTuple):
    """A sparse layer in training.

    weights : its connections. momentum : (nnz,) of them, in CSR order. bias, bias_momentum : (n_out,), never pruned
    and without weight decay; None for a convolution.
    """

    weights: Weights
    momentum: Array
    bias: Array | None
    bias_momentum: Array | None


class Normalisation(NamedTuple):
    """The batch normalisation of the network "conv"; every array (channels,).

    gamma, beta : without weight decay; gamma_momentum, beta_momentum : theirs. running_mean, running_variance :
    moved by a tenth of the way to the moments of each training batch, the unbiased variance. Conventions are
    PyTorch's.
    """

    gamma: Array
    beta: Array
    gamma_momentum: Array
    beta_momentum: Array
    running_mean: Array
    running_variance: Array


class TrainingState(NamedTuple):
    """Everything that training changes.

    layers : in the order that numbers them. normalisation : of the network "conv", else None.
    """

    layers: tuple[TrainedLayer, ...]
    normalisation: Normalisation | None


class Probe(NamedTuple):
    """What a topology update before SGD step `step` looks at and draws with.

    batch : for its own forward and backward pass, which changes nothing. draws : of each layer, enough for the
    largest number of connections that it can come to; a layer of N connections uses the first ⌈γN⌉ of `inputs` and
    of `outputs`, none if it has no more inactive connections than that. The `signs` of a convolution are (height,
    width, batch). There are no draws for "set" and "rigl".
    """

    step: int
    batch: Batch
    draws: tuple[Draws, ...]


class TrainingProblem(NamedTuple):
    """A training run of `len(batches)` SGD steps; step `done + 1` is the first and takes `batches[0]`.

    network : "mlp", linear layers with biases and ReLU between them, or "conv", a 3x3 convolution (stride 1,
    padding 1, no bias), batch normalisation (ε = 1e-5), ReLU, mean over positions, a linear layer with bias. The
    loss is the mean cross-entropy of the softmax of the last layer.
    state : where it starts; all floats of one dtype.
    batches : one for each step.
    probes : one for each step that is a multiple of `interval`, beyond `end` too.
    rate, momentum, weight_decay : v ← momentum · v + (∂loss/∂w + weight_decay · w), w ← w - rate · v; weight decay
    for the weights of connections alone.
    method, scope, subset_factor : of the updates, as in `UpdateProblem`; the fraction pruned is α_t of the schedule
    "cosine" with α = fraction.
    interval, end : T and T_end. An update precedes step t if t is a multiple of T and at most T_end; step t then
    runs as usual.
    seed : for an implementation that draws by itself, for "set".
    done : steps taken before, 0 unless the run goes on from where another stopped.
    """

    network: str
    state: TrainingState
    batches: tuple[Batch, ...]
    probes: tuple[Probe, ...]
    rate: float
    momentum: float
    weight_decay: float
    method: str
    scope: str
    fraction: float
    subset_factor: float
    interval: int
    end: int
    seed: int
    done: int


class Rewired(NamedTuple):
    """The topology of each layer after the update before SGD step `step`."""

    step: int
    patterns: tuple[Pattern, ...]


class TrainingTrace(NamedTuple):
    """What happened in a training run.

    losses : (steps,) floats, of the batch of each step, before its weights change. updates : one for each topology
    update, in order. state : after the last step.
    """

    losses: Array
    updates: tuple[Rewired, ...]
    state: TrainingState
