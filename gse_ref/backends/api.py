"""The specification of a backend: what each function takes, gives, and how ties and errors are settled.

Conventions: `n_out` rows, `n_in` columns, `batch` last. ``indptr`` (n_out + 1,) int64, ``indices`` (nnz,) int32
strictly increasing within each row, ``values`` (nnz,) float32 or float64 in CSR order. Pairs (rows, cols) are two
int32 arrays of one length. Dense operands are C-ordered (units, batch) of the dtype of ``values``. Nothing is
changed in place, every result is new. Arguments are trusted: public constructors validate, backends do not.
Integers are exact; a float of reduction length K is within c · eps · K · Σ|a_k b_k| (`tolerance.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
Pairs = tuple[Array, Array]
#: One number for all features, or a float64 array of one for each.
Scaling = Any


class TransposePlan(NamedTuple):
    """The pattern read by columns, as a counting sort leaves it.

    indptr : (n_in + 1,) int64
    rows : (nnz,) int32, output unit of each entry, strictly increasing within each column
    slots : (nnz,) int32, the CSR slot of each entry: ``values[slots]`` is in transposed order
    places : (nnz,) int32, the inverse: ``moved[places]`` takes transposed order back to CSR order
    """

    indptr: Array
    rows: Array
    slots: Array
    places: Array


class AliasTable(NamedTuple):
    """Walker's table of a distribution over n slots.

    threshold : (n,) float64 in [0, 1], probability of staying at the slot
    alias : (n,) int32, where a draw goes otherwise
    """

    threshold: Array
    alias: Array


class Geometry(NamedTuple):
    """Where the windows of a square kernel lie on an image: those of a convolution or of a pool.

    kernel : side of the window; stride : distance of two windows; padding : rows and columns around the image that
    count as zero in a convolution and as absent in a pool.
    """

    kernel: int
    stride: int = 1
    padding: int = 0

    def positions(self, size: int) -> int:
        """Return how many windows lie along a side of `size` pixels."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


@dataclass(frozen=True, slots=True)
class Backend:
    """One implementation of every operation that touches a sparse pattern."""

    name: str

    spmm: Callable[..., Array]
    """spmm(indptr, indices, values, x, bias=None) -> y

    y[i] = bias[i] + Σ_k values[k] · x[indices[k]] over the slots k of row i. x (n_in, batch); bias (n_out,) or
    None; y (n_out, batch). ALGORITHM section 2. O(nnz · batch).
    """

    spmm_t: Callable[[TransposePlan, Array, Array], Array]
    """spmm_t(plan, values, dy) -> dx

    dx[j] = Σ_i θ_ij · dy[i]. dy (n_out, batch), dx (n_in, batch). O((n_in + nnz) · batch).
    """

    spmm_backward: Callable[[TransposePlan, Array, Array, Array], tuple[Array, Array]]
    """spmm_backward(plan, values, x, dy) -> dx, dvalues

    `spmm_t` and `sddmm` on the pattern in one pass; dvalues (nnz,) in CSR order.
    """

    sddmm: Callable[[Array, Array, Array, Array], Array]
    """sddmm(indptr, indices, dy, x) -> dvalues

    dvalues[k] = Σ_b dy[i, b] · x[indices[k], b] for each slot k of row i: the gradient on the pattern.
    """

    sddmm_pairs: Callable[[Array, Array, Array, Array], Array]
    """sddmm_pairs(rows, cols, dy, x) -> scores

    scores[k] = Σ_b dy[rows[k], b] · x[cols[k], b] on any pairs, in their order: the gradient on the candidates.
    """

    gradient_rows: Callable[[Array, Array], Array]
    """gradient_rows(dy, x) -> dense

    dense[i, j] = Σ_b dy[i, b] · x[j, b]: a block of rows of the dense gradient, for RigL alone.
    """

    relu_backward: Callable[[Array, Array], Array]
    """relu_backward(y, dy) -> dx

    dx = dy where y > 0, else +0; all of one shape, any number of axes. Bit for bit.
    """

    gather: Callable[[Array, Array, Scaling, Scaling, np.dtype], Array]
    """gather(features, order, scale, shift, dtype) -> x

    x[j, k] = features[order[k], j] · scale[j] + shift[j], computed in float64 and rounded once to `dtype`, bit for
    bit. features (samples, n_features) uint8, float32 or float64, batch first; order (batch,) int64; x
    (n_features, batch).
    """

    abs_sums: Callable[[Array], Array]
    """abs_sums(x) -> mass

    mass[i] = Σ_b |x[i, b]|, float64: the GraBo distribution, unnormalised. ALGORITHM section 5.1.
    """

    signed_sums: Callable[[Array, Array], Array]
    """signed_sums(x, signs) -> mass

    mass[i] = |Σ_b x[i, b] · signs[b]|, float64, signs (batch,) float64 of ±1: the GraEst distribution (AMS sketch).
    """

    alias_table: Callable[[Array], AliasTable]
    """alias_table(mass) -> AliasTable

    mass (n,) float64, non-negative, finite, sum > 0. Vose 1991 in a fixed order, so that tables are equal bit for
    bit: the sum is taken in index order; slots scaled to mean 1 (mass / sum · n) go, in index order, onto a stack
    of the small (< 1) or of the large; then the top small slot is filled by the top large one, which moves over
    when it falls below 1; whatever is left keeps itself (threshold 1). O(n).
    """

    alias_draw: Callable[[AliasTable, Array], Array]
    """alias_draw(table, uniforms) -> slots

    uniforms (m,) float64 in [0, 1); slot = ⌊u · n⌋, coin = u · n - slot; the slot if coin < threshold[slot],
    else its alias; (m,) int32. O(m).
    """

    candidates: Callable[[Array, Array, Array, Array, int], Pairs]
    """candidates(rows, cols, indptr, indices, n_in) -> rows, cols

    The distinct pairs that are not active, sorted by edge id. O(n_out + n_in + nnz + m).
    """

    inactive: Callable[[Array, Array, int], Pairs]
    """inactive(indptr, indices, n_in) -> rows, cols

    All pairs that are not active, sorted by edge id. O(n_out · n_in): for layers that are nearly full.
    """

    top_k: Callable[[Array, int], Array]
    """top_k(scores, k) -> positions

    Positions of the k highest scores, increasing, (k,) int64; ties go to the lower position. No NaN. O(size).
    """

    merge: Callable[[Array, Array, Array, Array, Array], tuple[Array, Array, Array]]
    """merge(indptr, indices, pruned, grown_rows, grown_cols) -> indptr, indices, target

    Remove the slots `pruned` (increasing) and insert the pairs (sorted by edge id, none active). target (nnz,)
    int32: new slot of each old slot, -1 where pruned. O(n_out + nnz + grown).
    """

    carry: Callable[[Array, Array, int], Array]
    """carry(values, target, size) -> moved

    moved[target[k]] = values[k] where target[k] ≥ 0, all else 0; bit for bit.
    """

    transpose_index: Callable[[Array, Array, int], TransposePlan]
    """transpose_index(indptr, indices, n_in) -> TransposePlan, by counting sort. O(n_out + n_in + nnz)."""

    conv: Callable[..., Array]
    """conv(indptr, indices, values, x, geometry, bias=None) -> y

    y[o, i, j] = bias[o] + Σ θ[o, (c, u, v)] · x[c, i·stride + u - padding, j·stride + v - padding], column
    (c · kernel + u) · kernel + v, over the taps that lie inside the image; what lies outside is not read.
    x (channels, height, width, batch), y (n_out, height', width', batch), bias (n_out,) or None.
    ALGORITHM section 2. O(nnz · height' · width' · batch); no unfolded copy of x exists.
    """

    conv_t: Callable[[TransposePlan, Array, Array, Geometry, tuple[int, int]], Array]
    """conv_t(plan, values, dy, geometry, size) -> dx

    The transpose of `conv`: dx (channels, height, width, batch) with (height, width) = size; dy as y of `conv`.
    """

    conv_backward: Callable[[TransposePlan, Array, Array, Array, Geometry], tuple[Array, Array]]
    """conv_backward(plan, values, x, dy, geometry) -> dx, dvalues

    `conv_t`, and `conv_pairs` on the pattern, in one pass; dvalues (nnz,) in CSR order.
    """

    conv_pairs: Callable[[Array, Array, Array, Array, Geometry], Array]
    """conv_pairs(rows, cols, dy, x, geometry) -> scores

    scores[k] = Σ dy[o, i, j, b] · x[c, i·stride + u - padding, j·stride + v - padding, b] over the samples b and
    the positions (i, j) whose tap lies inside the image, for the pairs (o, (c, u, v)) of rows, cols in their order.
    """

    conv_rows: Callable[[Array, Array, Geometry], Array]
    """conv_rows(dy, x, geometry) -> dense

    dense[o, (c, u, v)], as `conv_pairs` on all pairs: a block of rows of the dense gradient, for RigL alone.
    """

    patch_abs_sums: Callable[[Array, Geometry], Array]
    """patch_abs_sums(x, geometry) -> mass

    mass[(c, u, v)] = Σ |x[c, i·stride + u - padding, j·stride + v - padding, b]|, float64, over samples and
    positions whose tap lies inside the image: the GraBo distribution of a convolution. O(x.size).
    """

    patch_signed_sums: Callable[[Array, Array, Geometry], Array]
    """patch_signed_sums(x, signs, geometry) -> mass

    mass[(c, u, v)] = |Σ x[c, i·stride + u - padding, j·stride + v - padding, b] · signs[i, j, b]|, float64; signs
    (height', width', batch) float64 of ±1: the GraEst distribution of a convolution. O(kernel² · x.size).
    """

    batch_norm: Callable[[Array, Array, Array, float, Array | None, bool], tuple[Array, Array, Array]]
    """batch_norm(x, gamma, beta, epsilon, residual, relu) -> y, mean, variance

    mean[c], variance[c] (biased), float64, of channel c over positions and samples; y as `normalise` gives it by
    them. x (channels, height, width, batch), gamma and beta (channels,) of its dtype.
    """

    normalise: Callable[[Array, Array, Array, Array, Array, float, Array | None, bool], Array]
    """normalise(x, gamma, beta, mean, variance, epsilon, residual, relu) -> y

    y = gamma · (x - mean) / √(variance + epsilon) + beta + residual by channel, then max(y, 0) if `relu`; NaN stays
    NaN. residual as x, or None. mean and variance (channels,) float64.
    """

    batch_norm_backward: Callable[..., tuple[Array, Array, Array, Array | None]]
    """batch_norm_backward(x, y, dy, gamma, mean, variance, epsilon, relu, masked[, beta]) -> dx, dgamma, dbeta, t

    With t = dy where y > 0, else 0, if `relu`, else t = dy; x̂ = (x - mean) / √(variance + epsilon); means over
    positions and samples of a channel: dx = gamma / √(variance + epsilon) · (t - mean(t) - x̂ · mean(t · x̂)),
    dgamma = Σ t · x̂, dbeta = Σ t, of the dtype of x. The gradient of the residual, t, is returned if `masked`, else
    None. y and `masked` only matter with `relu`. beta may be given where y, mean and variance are what `batch_norm`
    of the same backend made of x without a residual: it may then find the signs of y again instead of reading y.
    """

    max_pool: Callable[[Array, Geometry], tuple[Array, Array]]
    """max_pool(x, geometry) -> y, taps

    y[c, i, j, b] is the largest x in the window at (i·stride - padding, j·stride - padding) as far as it lies
    in the image (padding < kernel), NaN if there is one; taps, uint8, says which: u · kernel + v of the first NaN,
    else of the first maximum in the order of rows. kernel ≤ 15.
    """

    unpool: Callable[[Array, Array, Geometry, tuple[int, int]], Array]
    """unpool(dy, taps, geometry, size) -> dx

    dx[c, i·stride + u - padding, j·stride + v - padding, b] = Σ dy[c, i, j, b] over the windows that picked that
    pixel, in the order of windows; 0 where none did. dx (channels, *size, batch).
    """

    pick: Callable[[Array, Array, Geometry], Array]
    """pick(x, taps, geometry) -> y

    The transpose of `unpool`: y[c, i, j, b] = x at the pixel that `taps` names for that window. Bit for bit.
    """
