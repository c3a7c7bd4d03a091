"""The adapters that come along, by the name that the command line knows them by."""

from __future__ import annotations

from typing import NamedTuple


class Shipped(NamedTuple):
    """An adapter of this package.

    place : module:attribute inside gse_ref.conformance.adapters; imported when it is asked for.
    summary : one line, what it is and what it needs.
    """

    place: str
    summary: str


SHIPPED: dict[str, Shipped] = {
    "naive": Shipped("own:Naive", "the definition: literal loops"),
    "cpu": Shipped("own:Cpu", "the Numba kernels of this package"),
    "gpu": Shipped("own:Gpu", "the CUDA kernels of this package; needs CuPy and a device"),
    "shadow": Shipped("own:Shadow", "the Numba kernels, checked by the definition on every call"),
    "scipy": Shipped("scipy_sparse:SciPy", "what scipy.sparse offers"),
    "torch-sparse": Shipped("torch_sparse:TorchSparse", "what torch.sparse offers; needs torch"),
    "sparselab": Shipped("sparselab:SparseLab", "SparseLab; needs sparselab and torch"),
    "sparseprop": Shipped("sparseprop:SparsePropLinear", "SparseProp's layers; needs torch too"),
    "sparseprop-kernels": Shipped("sparseprop:SparsePropKernels", "the kernels under SparseProp's layers"),
    "torch-dense": Shipped("torch_dense:TorchDense", "dense masks in PyTorch, a second opinion; needs torch"),
}
