"""Which CUDA kernel lies in which file, and what it computes."""

from __future__ import annotations

from typing import NamedTuple


class Kernel(NamedTuple):
    """One kernel.

    file : name of its source file, without ``.cu``
    summary : what it computes
    types : what each of its entry points adds to its name: numpy names of the dtypes it is compiled for
    exact : whether it rounds as `naive` does, so that no multiplication may be contracted with an addition
    """

    file: str
    summary: str
    types: tuple[str, ...] = ()
    exact: bool = False


FLOATS = ("float32", "float64")
#: Dtype of the stored samples and of the batch.
PAIRS = tuple(f"{stored}_{batch}" for stored in ("uint8", *FLOATS) for batch in FLOATS)

KERNELS: dict[str, Kernel] = {
    "spmm": Kernel("products", "y[i] = bias[i] + Σ values[k] · x[indices[k]]", FLOATS),
    "spmm_t": Kernel("products", "dx[j] = Σ_i θ_ij · dy[i]", FLOATS),
    "spmm_backward": Kernel("products", "dx as spmm_t, and the gradient of the values by columns", FLOATS),
    "sddmm": Kernel("gradients", "dvalues[k] = Σ_b dy[i, b] · x[indices[k], b]", FLOATS),
    "sddmm_pairs": Kernel("gradients", "scores[k] = Σ_b dy[rows[k], b] · x[cols[k], b]", FLOATS),
    "gather": Kernel("gather", "x[j, k] = features[order[k], j] · scale[j] + shift[j]", PAIRS, exact=True),
    "abs_sums": Kernel("masses", "mass[i] = Σ_b |x[i, b]|", FLOATS),
    "signed_sums": Kernel("masses", "mass[i] = |Σ_b x[i, b] · signs[b]|", FLOATS),
    "alias_table": Kernel("alias", "Vose's construction, by one thread", exact=True),
    "alias_draw": Kernel("alias", "the slot of each uniform, or its alias", exact=True),
    "edge_ids": Kernel("candidates", "row · n_in + column of each drawn pair"),
    "mark_new": Kernel("candidates", "marks the first of equal edge ids that is not active"),
    "write_marked": Kernel("candidates", "the pairs of the marked edge ids"),
    "inactive": Kernel("candidates", "every pair that is not active"),
    "ordered_keys": Kernel("selection", "an integer that orders as the score does", FLOATS),
    "compare_keys": Kernel("selection", "marks what is above the k-th highest score, and what equals it"),
    "write_selected": Kernel("selection", "positions of the k highest scores, ties to the lower position"),
    "mark_pruned": Kernel("edit", "unmarks the slots that are pruned"),
    "place_survivors": Kernel("edit", "the new slot of each old one, -1 where pruned, and its column"),
    "place_grown": Kernel("edit", "the column of each grown pair at its new slot"),
    "merged_starts": Kernel("edit", "indptr of the merged pattern"),
    "carry": Kernel("edit", "moved[target[k]] = values[k]", FLOATS),
    "column_keys": Kernel("edit", "column · nnz + slot of each slot"),
    "transposed_entries": Kernel("edit", "row and slot of each place of the transposed order, and the inverse"),
    "transposed_starts": Kernel("edit", "indptr of the transposed pattern"),
    "conv": Kernel("convolutions", "y[o, i, j] = bias[o] + Σ θ[o, (c, u, v)] · x over the taps inside", FLOATS),
    "conv_t": Kernel("convolutions", "the transpose of conv, by pixels", FLOATS),
    "conv_pairs": Kernel("patches", "scores[k] = Σ dy[rows[k], i, j, b] · x at tap cols[k]", FLOATS),
    "conv_gradient": Kernel("patches", "conv_pairs on the pattern, by columns", FLOATS),
    "patch_abs_sums": Kernel("patches", "mass[(c, u, v)] = Σ |x| over positions and samples", FLOATS),
    "patch_signed_sums": Kernel("patches", "mass[(c, u, v)] = |Σ x · signs|", FLOATS),
    "moments": Kernel("normalisation", "mean and variance of each channel", FLOATS),
    "normalise": Kernel("normalisation", "γ · (x - mean) / √(variance + ε) + β + residual, ReLU", FLOATS),
    "norm_sums": Kernel("normalisation", "Σ t and Σ t · x̂ of each channel: the gradients of β and γ", FLOATS),
    "norm_gradient": Kernel("normalisation", "the gradients of x and of the residual", FLOATS),
    "max_pool": Kernel("pools", "the largest pixel of each window and its tap", FLOATS),
    "unpool": Kernel("pools", "the gradient of each pixel, from the windows that picked it", FLOATS),
    "pick": Kernel("pools", "the pixel that a tap names for each window", FLOATS),
}


def files() -> list[str]:
    """Return the names of the source files, without ``.cu``."""
    return list(dict.fromkeys(kernel.file for kernel in KERNELS.values()))


def entries(file: str) -> list[str]:
    """Return the entry points of a source file, e.g. ``spmm_float32``."""
    rows = [(name, kernel) for name, kernel in KERNELS.items() if kernel.file == file]
    return [f"{name}_{t}" if t else name for name, kernel in rows for t in kernel.types or ("",)]
