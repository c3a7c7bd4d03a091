"""What an implementation under test is, and what it can do: functions on NumPy arrays, each of them optional.

Subclass `Adapter` and override what your implementation has; any object with these names will do as well. Arrays
are C-ordered and yours to read, not to change; what you return may have any integer width, floats of the dtype you
were given. `batch` is the last axis of what you get and give, or the first if you say ``layout = "batch_first"``:
images are then (batch, channels, height, width). docs/algorithm.md is the judge of every dispute.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends import Geometry
from .problems import (
    Edited,
    Layer,
    Pattern,
    Selected,
    TrainingProblem,
    TrainingTrace,
    UpdatedLayer,
    UpdateProblem,
    Weights,
)

Array = np.ndarray


class NotCovered(Exception):
    """Raise it for an input that the implementation does not handle: reported as not covered, never as passed."""


class Adapter:
    """An implementation under test: declarations, then operations.

    Attributes
    ----------
    name : what the report calls it; default: the name of the class.
    layout : "batch_last" or "batch_first", of every dense array with a batch axis.
    dtypes : what the values may be, of "float32" and "float64".
    index_dtype : "int32" or "int64", of every array of integers that is handed over.
    deterministic : whether the same input gives the same result bit for bit; checked.
    linear : whether an update and a step are claimed to cost O(n + nnz); only then is that judged.
    methods : what `update` and `train` know, of "gse", "gse-grabo", "gse-graest", "set" and "rigl".
    networks : what `train` knows, of "mlp" and "conv".
    """

    name: str = ""
    layout: str = "batch_last"
    dtypes: tuple[str, ...] = ("float32", "float64")
    index_dtype: str = "int32"
    deterministic: bool = True
    linear: bool = False
    methods: tuple[str, ...] = ("gse", "gse-grabo", "gse-graest", "set", "rigl")
    networks: tuple[str, ...] = ("mlp",)

    # level kernels

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return y = θx + b, (n_out, batch); x (n_in, batch), bias (n_out,) or None."""
        raise NotCovered

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return ∂loss/∂x = θᵀ dy, (n_in, batch); dy (n_out, batch)."""
        raise NotCovered

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return Σ_b dy[i, b] · x[j, b] of every connection (i, j), (nnz,) in CSR order."""
        raise NotCovered

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return Σ_b dy[rows[k], b] · x[cols[k], b] of any pairs, in their order; pairs may repeat."""
        raise NotCovered

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution (n_out, height', width', batch) of x (channels, height, width, batch).

        Column (c · kernel + u) · kernel + v of θ is the tap (u, v) of channel c; no flip (ALGORITHM section 2).
        """
        raise NotCovered

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return ∂loss/∂x, (channels, height, width, batch) with (height, width) = size."""
        raise NotCovered

    def conv_gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return ∂loss/∂θ of every connection, (nnz,) in CSR order: sums over positions and samples."""
        raise NotCovered

    def conv_gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return ∂loss/∂θ of any pairs (output channel, column), in their order."""
        raise NotCovered

    # level sampling

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return f (n_in,) and g (n_out,), each summing to 1: where to draw inputs and outputs (section 5.1).

        kind : "uniform", "grabo" or "graest". x (n_in, batch), delta (n_out, batch); signs (batch,) of ±1, float64,
        for "graest" alone. A distribution whose mass is 0 is uniform.
        """
        raise NotCovered

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return f (channels · kernel²,) and g (n_out,) of a convolution; signs (height', width', batch)."""
        raise NotCovered

    def draw(self, probabilities: Array, uniforms: Array) -> Array:
        """Return one slot a uniform, (m,), by Walker's alias method in the order `Backend.alias_table` fixes.

        probabilities (n,) float64, non-negative, sum > 0; uniforms (m,) float64 in [0, 1); slot = ⌊u · n⌋, coin =
        u · n - slot. Judged by equality. An implementation with randomness or a table of its own offers `sample`.
        """
        raise NotCovered

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return `count` slots drawn independently with these probabilities by your own randomness."""
        raise NotCovered

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return the distinct pairs among these that are not active, rows and cols, sorted by edge id."""
        raise NotCovered

    def inactive(self, pattern: Pattern) -> tuple[Array, Array]:
        """Return all pairs that are not active, rows and cols, sorted by edge id."""
        raise NotCovered

    # level selection

    def budget(self, kind: str, layers: Sequence[tuple[int, int, int]], density: float) -> Sequence[int]:
        """Return the connections of each layer, of sum round(density · Σ n_out · n_in) (section 3).

        kind : "uniform", "erdos_renyi", "erdos_renyi_kernel" or "scaled". layers : (n_out, channels, kernel) of
        each; kernel 1 for a linear layer; n_in = channels · kernel².
        """
        raise NotCovered

    def prune_fraction(self, schedule: str, initial: float, step: int, end: int) -> float:
        """Return α_t at SGD step `step` (from 1); schedule "cosine", "constant" or "linear" (section 4)."""
        raise NotCovered

    def update_due(self, step: int, interval: int, end: int) -> bool:
        """Return whether an update precedes SGD step `step` (from 1): step mod interval = 0 and step ≤ end."""
        raise NotCovered

    def top_k(self, scores: Array, k: int) -> Array:
        """Return the positions of the k highest scores, increasing; ties go to the lower position."""
        raise NotCovered

    def select(self, layers: Sequence[Layer], counts: Sequence[int], scope: str) -> Sequence[Selected]:
        """Return what each layer grows and prunes (sections 5.5, 5.6), ties by layer, then by edge id.

        counts : ⌈α_t N_l⌉ of each layer. scope : "layer" or "global".
        """
        raise NotCovered

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return the layer without the slots `pruned` (increasing) and with the pairs (rows, cols), by edge id.

        Grown weights and their momentum are 0, survivors keep both bit for bit, explicit zeros stay (section 5.7).
        """
        raise NotCovered

    # level update

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after one whole update (section 5), by one of your `methods`."""
        raise NotCovered

    # level training

    def train(self, problem: TrainingProblem) -> TrainingTrace:
        """Return what happened in `problem.steps` steps from the given state, on the given batches."""
        raise NotCovered

    # where there is more than one thread

    def set_threads(self, count: int) -> None:
        """Use so many threads from here on: results must not depend on it."""
        raise NotCovered


#: Every operation, in the order of the report.
OPERATIONS: tuple[str, ...] = tuple(
    name for name, member in vars(Adapter).items() if callable(member) and not name.startswith("_")
)
