"""Faults in the products of a linear layer, for level kernels to find."""

from __future__ import annotations

import numpy as np

from ..adapter import Array
from ..adapters.own import Cpu, Naive
from ..problems import Pattern, Weights
from .fault import Fault


def _kept(weights: Weights, keep: Array) -> Weights:
    """Return the weights of the slots `keep` alone, a mask."""
    indptr = np.concatenate([[0], np.cumsum(keep)])[weights.indptr]
    return Weights(indptr, weights.indices[keep], weights.values[keep], weights.shape)


class BiasOnEmptyRowsLost(Naive):
    """Rows without connections are skipped, their bias with them."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b, 0 in empty rows."""
        y = super().forward(weights, x, bias)
        y[np.diff(weights.indptr) == 0] = 0
        return y


class BiasOfEachConnection(Naive):
    """The bias is added inside the loop over the connections of a row."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + fan-in · b."""
        each = None if bias is None else bias * np.maximum(1, np.diff(weights.indptr)).astype(bias.dtype)
        return super().forward(weights, x, each)


class LastEmptyRowDropped(Naive):
    """The number of outputs is taken from the last row that has a connection."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b up to the last row with a connection."""
        filled = np.flatnonzero(np.diff(weights.indptr))
        return super().forward(weights, x, bias)[: filled[-1] + 1 if len(filled) else None]


class ExplicitZerosSkipped(Naive):
    """Stored zeros are eliminated before the product."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b over weights that are not 0."""
        return super().forward(_kept(weights, weights.values != 0), x, bias)


class NanBecomesZero(Naive):
    """The result is cleaned with nan_to_num."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b, 0 for NaN."""
        return np.nan_to_num(super().forward(weights, x, bias), nan=0.0, posinf=np.inf, neginf=-np.inf)


class MaskMultiplied(Naive):
    """θ is a dense matrix with zeros, and zero times infinity is NaN in rows that are not connected."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return the dense product."""
        n_out, n_in = weights.shape
        full = np.arange(n_out + 1) * n_in, np.tile(np.arange(n_in, dtype=np.int32), n_out)
        dense = np.zeros(weights.shape, weights.values.dtype)
        dense[np.repeat(np.arange(n_out), np.diff(weights.indptr)), weights.indices] = weights.values
        return super().forward(Weights(*full, dense.reshape(-1), weights.shape), x, bias)


class ColumnsIn16Bits(Naive):
    """Columns are kept in int16 to save memory."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b by columns modulo 2^16."""
        return super().forward(weights._replace(indices=weights.indices.astype(np.int16)), x, bias)


class ColumnsAsFloats(Naive):
    """Columns pass through a float32 tensor, which rounds integers beyond 2^24."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b by rounded columns."""
        columns = weights.indices.astype(np.float32).astype(np.int64)
        return super().forward(weights._replace(indices=columns), x, bias)


class EdgeIdsIn32Bits(Naive):
    """Pairs travel as edge ids of 32 bits."""

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return the gradient of the pairs whose edge ids these are modulo 2^32."""
        edges = (rows.astype(np.uint32) * np.uint32(len(x)) + cols.astype(np.uint32)).astype(np.int64)
        return super().gradient_on_pairs(*np.divmod(edges, len(x)), dy, x)


class SumsInSinglePrecision(Naive):
    """float64 goes through a kernel that accumulates in float32."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b, rounded to float32."""
        return super().forward(weights, x, bias).astype(np.float32).astype(x.dtype)


class OperandsInHalfPrecision(Naive):
    """dy goes through bfloat16, as on tensor cores."""

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return θᵀ of dy without its last 16 bits."""
        cut = (dy.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return super().transposed(weights, cut.astype(dy.dtype))


class WiderResult(Naive):
    """The result keeps the dtype of the accumulator."""

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b in float64."""
        return super().forward(weights, x, bias).astype(np.float64)


class ScaledInPlace(Naive):
    """dy is divided by the batch size where it lies, for what comes next."""

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return θᵀ dy and leave the mean behind."""
        dx = super().transposed(weights, dy)
        dy /= dy.dtype.type(dy.shape[1])
        return dx


class InTransposedOrder(Naive):
    """The backward pass walks the columns and leaves the gradient in their order."""

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the gradient in CSC order."""
        return super().gradient_on_pattern(pattern, dy, x)[np.argsort(pattern.indices, kind="stable")]


class MeanOverTheBatch(Naive):
    """δ is taken for that of each sample, and its products averaged once more."""

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the mean of dy · x over the batch."""
        return super().gradient_on_pattern(pattern, dy, x) / x.dtype.type(x.shape[1])


class TailOfTheBatchDropped(Naive):
    """The vector loop takes 16 samples at a time, and nothing takes the rest."""

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the sums over a multiple of 16 samples, or over all if there are fewer."""
        batch = x.shape[1] // 16 * 16 or x.shape[1]
        return super().gradient_on_pattern(pattern, dy[:, :batch], x[:, :batch])


class PaddingCounted(Naive):
    """The batch is filled up to a multiple of 16 with copies of its last sample, which the sums count."""

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return the sums over the filled batch."""
        more = -x.shape[1] % 16
        filled = (np.pad(array, ((0, 0), (0, more)), mode="edge") for array in (dy, x))
        return super().gradient_on_pairs(rows, cols, *filled)


class PairsSorted(Naive):
    """Pairs are sorted for locality, and the scores are left in that order."""

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return the gradient by edge id."""
        order = np.lexsort((cols, rows))
        return super().gradient_on_pairs(rows[order], cols[order], dy, x)


class MagnitudesOfPairs(Naive):
    """Candidates are ranked by magnitude, so the kernel takes it at once."""

    def gradient_on_pairs(self, rows: Array, cols: Array, dy: Array, x: Array) -> Array:
        """Return |dy xᵀ| on the pairs."""
        return np.abs(super().gradient_on_pairs(rows, cols, dy, x))


class BufferOfTheGradient(Naive):
    """The gradient is always written to the same buffer."""

    _buffers: dict[tuple[int, np.dtype], Array]

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the buffer."""
        self._buffers = getattr(self, "_buffers", {})
        buffer = self._buffers.setdefault((len(pattern.indices), x.dtype), np.empty(len(pattern.indices), x.dtype))
        buffer[...] = super().gradient_on_pattern(pattern, dy, x)
        return buffer


class GradientOverTheValues(Naive):
    """The gradient shares the memory of the weights that the forward pass was given."""

    _values: Array

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b and keep the weights for the backward pass."""
        self._values = weights.values
        return super().forward(weights, x, bias)

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the gradient, and leave it in the weights too."""
        gradient = super().gradient_on_pattern(pattern, dy, x)
        kept = getattr(self, "_values", gradient)
        if kept.shape == gradient.shape:
            kept[...] = gradient
        return gradient


class AtomicAdditions(Cpu):
    """Connections are added as they come, in another order at each call."""

    _calls = 0

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the sums over the batch in another order."""
        self._calls += 1
        order = np.argsort(np.sin(np.arange(x.shape[1]) * self._calls))
        return super().gradient_on_pattern(pattern, dy[:, order], x[:, order])


class PartialSumsOfThreads(Cpu):
    """Every thread sums its share of the batch, and the shares are added up."""

    _threads = 1

    def set_threads(self, count: int) -> None:
        """Remember the number of shares."""
        self._threads = count

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the sum of the shares."""
        shares = (np.array_split(array, self._threads, axis=1) for array in (dy, x))
        product = super().gradient_on_pattern
        return np.sum(
            [product(pattern, *map(np.ascontiguousarray, pair)) for pair in zip(*shares, strict=True)], axis=0
        )


FAULTS = (
    Fault("bias-of-empty-rows-lost", "empty rows keep 0 instead of their bias", "forward", BiasOnEmptyRowsLost),
    Fault("bias-of-each-connection", "the bias added once a connection", "forward", BiasOfEachConnection),
    Fault("last-empty-row-dropped", "as many outputs as the last connection says", "forward", LastEmptyRowDropped),
    Fault("sums-in-single-precision", "float64 summed in float32", "forward", SumsInSinglePrecision),
    Fault("wider-result", "float64 given back for float32", "forward", WiderResult),
    Fault("explicit-zeros-skipped", "stored zeros left out of the product", "explicit_zeros", ExplicitZerosSkipped),
    Fault("nan-becomes-zero", "NaN replaced by 0", "forward_not_finite", NanBecomesZero),
    Fault("mask-multiplied", "NaN in rows that do not read it: 0 · ∞", "forward_not_finite", MaskMultiplied),
    Fault("columns-in-16-bits", "columns modulo 2^16", "forward_wide", ColumnsIn16Bits),
    Fault("columns-as-floats", "columns rounded to float32", "forward_many_inputs", ColumnsAsFloats),
    Fault("operands-in-half-precision", "dy cut to bfloat16", "transposed", OperandsInHalfPrecision),
    Fault("scaled-in-place", "dy divided in place", "transposed", ScaledInPlace),
    Fault("in-transposed-order", "the gradient in CSC order", "gradient_on_pattern", InTransposedOrder),
    Fault("mean-over-the-batch", "the mean instead of the sum", "gradient_on_pattern", MeanOverTheBatch),
    Fault(
        "tail-of-the-batch-dropped", "samples after the last 16 lost", "gradient_on_pattern", TailOfTheBatchDropped
    ),
    Fault("batch-padding-counted", "a padded batch summed with its padding", "gradient_on_pairs", PaddingCounted),
    Fault("pairs-sorted", "scores by edge id, not in the order of the pairs", "gradient_on_pairs", PairsSorted),
    Fault("magnitudes-of-pairs", "absolute values instead of signed ones", "gradient_on_pairs", MagnitudesOfPairs),
    Fault("edge-ids-in-32-bits", "edge ids modulo 2^32", "gradient_on_pairs_wide", EdgeIdsIn32Bits),
    Fault("buffer-of-the-gradient", "every gradient in the same buffer", "results_stay", BufferOfTheGradient),
    Fault("gradient-over-the-values", "values and gradient share memory", "results_stay", GradientOverTheValues),
    Fault("atomic-additions", "sums in another order at each call", "same_bits_again", AtomicAdditions),
    Fault(
        "partial-sums-of-threads",
        "sums whose order depends on the number of threads",
        "same_bits_on_any_threads",
        PartialSumsOfThreads,
    ),
)
