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

    mass[i] = |Σ_b x[i, b] · signs[b]|, float64, signs (batch,) of ±1: the GraEst distribution (AMS sketch).
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
