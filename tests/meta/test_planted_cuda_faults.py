"""Broken CUDA kernels, each one edit of a source's text: the contract check of its function must find it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from gse_ref.backends import Backend, cuda
from gse_ref.backends import gpu as gpu_backend
from gse_ref.backends.device import Blocks, grid_of
from tests.contract.checks import CHECKS, wide_cases
from tests.contract.emulated import emulated
from tests.host_cuda.build import needs_compiler
from tests.host_cuda.device import HostDevice
from tests.meta.cuda_image_faults import IMAGE_FAULTS
from tests.meta.planted import judge

pytestmark = needs_compiler


class Fault(NamedTuple):
    """`right` occurs in the file's text, headers included, and becomes `wrong`; threads run in `order`."""

    function: str
    file: str
    bug: str
    right: str
    wrong: str
    order: int = 0


#: What the array library does.
BY_LIBRARY = {"gradient_rows", "relu_backward"}
WIDE = wide_cases()
BARRIER = "__syncthreads();"
AFTER = f"{BARRIER}\n  return total;", "return total;"
TOO_EARLY = "no barrier before the partial sums are overwritten"
FAULTS = [
    Fault("abs_sums", "masses", "no barrier before the partial sums are read", BARRIER + "\n  T total", "T total"),
    Fault("batch_norm", "normalisation", TOO_EARLY, *AFTER),
    Fault("batch_norm_backward", "normalisation", TOO_EARLY, *AFTER, order=1),
    Fault("conv_backward", "patches", TOO_EARLY, *AFTER, order=1),
    Fault("gather", "gather", "no barrier between writing and reading the tile", BARRIER, ""),
    Fault("abs_sums", "masses", "the last warp's partial sum is left out", "/ 32; ++warp", "/ 32 - 1; ++warp"),
    Fault("spmm_t", "products", "a run too many", "(batch + blockDim.x - 1) /", "(batch + blockDim.x) /"),
    Fault("spmm", "products", "off by one at the edge of the batch", "b >= batch", "b > batch"),
    Fault("spmm", "products", "off by one in the slots", "k < last; ++k) total", "k < last - 1; ++k) total"),
    Fault(
        "spmm", "products", "rows of x a block apart", "x[indices[k] * batch + b]", "x[indices[k] * blockDim.x + b]"
    ),
    Fault("spmm", "products", "the bias of the next row", "bias[row]", "bias[row + 1]"),
    Fault("spmm_t", "products", "values in CSR order", "values[slots ? slots[k] : k]", "values[k]"),
    Fault("spmm_backward", "products", "gradient in transposed order", "dvalues[slots[k]]", "dvalues[k]"),
    Fault("sddmm", "gradients", "lanes stride by half a warp", "b < batch; b += 32", "b < batch; b += 16"),
    Fault("sddmm", "gradients", "half of the warp is not summed", "int distance = 16;", "int distance = 8;"),
    Fault("sddmm_pairs", "gradients", "rows and columns swapped", "dy + rows[k]", "dy + cols[k]"),
    Fault(
        "sddmm_pairs", "gradients", "one pair too many", "k >= size) return;\n  T dot", "k > size) return;\n  T dot"
    ),
    Fault("gather", "gather", "wrong stride of the samples", "order[k] * n_features", "order[k] * batch"),
    Fault(
        "gather", "gather", "pitch of the tile read without its padding", "tile[lane * pitch", "tile[lane * side"
    ),
    Fault(
        "signed_sums", "masses", "no absolute value", "mass[blockIdx.x] = fabs(total)", "mass[blockIdx.x] = total"
    ),
    Fault("alias_table", "alias", "what falls below 1 stays large", "++large;\n      stack[small++] = b;", ""),
    Fault("alias_draw", "alias", "stays at equality", "coin < threshold", "coin <= threshold"),
    Fault("candidates", "candidates", "repetitions stay", "k == 0 || ids[k] != ids[k - 1]", "true"),
    Fault("candidates", "candidates", "active pairs stay", "first && !is_active", "first || !is_active"),
    Fault(
        "candidates", "candidates", "edge ids of 32 bits", "ids[k] = rows[k] * n_in", "ids[k] = rows[k] * int(n_in)"
    ),
    Fault("inactive", "candidates", "place not moved by the active ones", "cols[id - before]", "cols[id]"),
    Fault("top_k", "selection", "zeros of two kinds", "? -(long long)(bits", "? -1 - (long long)(bits"),
    Fault("top_k", "selection", "negative scores backward", "? -(long long)(bits", "? (long long)(bits"),
    Fault("top_k", "selection", "all that tie", "&& tied[i] < wanted);", ");"),
    Fault(
        "merge",
        "edit",
        "grown pairs do not move survivors",
        "rank[k] + pairs_before(",
        "rank[k] + 0 * pairs_before(",
    ),
    Fault("merge", "edit", "pruned slots without a mark", "target[k] = -1;", ""),
    Fault("merge", "edit", "the last start is missing", "i <= n_out) new", "i < n_out) new"),
    Fault("carry", "edit", "one slot late", "moved[target[k]] = values[k]", "moved[target[k]] = values[k + 1]"),
    Fault(
        "transpose_index",
        "edit",
        "the inverse is not inverted",
        "places[slot] = int(place)",
        "places[place] = int(slot)",
    ),
    Fault("transpose_index", "edit", "keys of 32 bits", "indices[k] * nnz + k", "unsigned(indices[k] * nnz + k)"),
    Fault(
        "transpose_index",
        "edit",
        "rows off by one",
        "row_of(indptr, n_out, slot)",
        "row_of(indptr, n_out, slot + 1)",
    ),
    *(Fault(*edit) for edit in IMAGE_FAULTS),
]


def judge_widely(function: str, backend: Backend) -> None:
    """Run the check of a function on what is drawn, then on edge ids of more than 32 bits."""
    judge(CHECKS[function], backend)
    for case in WIDE.get(function, ()):
        CHECKS[function].body(backend, case)


def check_finds(fault: Fault) -> None:
    text = cuda.source(fault.file)
    assert fault.right in text, "the place of the fault has gone: plant it anew"
    backend = emulated(fault.order, {fault.file: text.replace(fault.right, fault.wrong)})
    with pytest.raises(AssertionError):
        judge_widely(fault.function, backend)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.function}: {fault.bug}")
def test_the_check_finds_the_fault(fault: Fault) -> None:
    check_finds(fault)


class OneBlockLess(HostDevice):
    """Launches everything on a grid that is off by one."""

    def launch(
        self, entry: str, blocks: Blocks, threads: int, args: tuple[Any, ...], shared_bytes: int = 0
    ) -> None:
        x, y, z = grid_of(blocks)
        super().launch(entry, (max(0, x - 1), y, z), threads, args, shared_bytes)


@pytest.mark.parametrize("function", sorted(set(gpu_backend.OPERATIONS) - BY_LIBRARY))
def test_a_grid_that_is_off_by_one(function: str) -> None:
    with pytest.raises((AssertionError, ValueError)):  # a count that was never written may be no size of an array
        judge(CHECKS[function], emulated(device=OneBlockLess()))


def test_every_function_with_kernels_of_its_own_has_a_fault() -> None:
    assert {fault.function for fault in FAULTS} == set(gpu_backend.OPERATIONS) - BY_LIBRARY
