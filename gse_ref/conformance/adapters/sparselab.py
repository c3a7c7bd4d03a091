"""SparseLab 0.2.2: products of its padded CSR, rows rewritten, and its own SET and RigL with PyTorch's SGD.

An update runs as in a user's program: a `SparseLinear` whose momentum is in `torch.optim.SGD`, attached to the
algorithm, one forward and backward pass, `update()`. What the optimizer then holds for the slots of each connection
is the momentum.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ...errors import MissingDependencyError
from ..adapter import Adapter, Array, NotCovered
from ..problems import Edited, ExploredLayer, Pattern, UpdatedLayer, UpdateProblem, Weights

#: Elements of the largest layer: SparseLab makes dense matrices on the way.
LARGEST = 1_000_000


def _modules() -> tuple[Any, Any]:
    """Return SparseLab and PyTorch.

    Raises
    ------
    MissingDependencyError : one of them is not installed.
    """
    try:
        return import_module("sparselab"), import_module("torch")
    except ImportError as error:
        raise MissingDependencyError(f"{error}: pip install sparselab torch") from None


def _slots(theta: Any) -> Array:
    """Return where the values of each connection lie, in CSR order."""
    rows = zip(theta.row_start, theta.row_nnz, strict=True)
    parts = [np.arange(start, start + count) for start, count in rows]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


class SparseLab(Adapter):
    """SparseLab's kernels, layers and algorithms; its updates know layer scope alone."""

    name = "SparseLab"
    dtypes = ("float32",)
    methods = ("set", "rigl")

    def __init__(self) -> None:
        self.sparselab, self.torch = _modules()
        self.core = import_module("sparselab._core")

    def padded(self, weights: Weights, room: Array | None = None) -> Any:
        """Return the layer in padded CSR, each row with `room` slots, (n_out,); default: as many as it has."""
        counts = np.diff(weights.indptr)
        capacity = np.maximum(1, counts if room is None else room)
        starts = np.cumsum(capacity) - capacity
        rows = np.repeat(np.arange(len(counts)), counts)
        slots = starts[rows] + np.arange(len(weights.indices)) - weights.indptr[rows]
        values, columns = np.zeros(capacity.sum(), np.float32), np.full(capacity.sum(), -1, np.int32)
        values[slots], columns[slots] = weights.values, weights.indices
        return self.core.PaddedCSR(
            nrows=weights.shape[0],
            ncols=weights.shape[1],
            values=values.tolist(),
            col_indices=columns.tolist(),
            row_start=starts.tolist(),
            row_nnz=counts.tolist(),
            row_capacity=capacity.tolist(),
        )

    def read(self, theta: Any, shape: tuple[int, int]) -> Weights:
        """Return a padded CSR without its padding."""
        slots = _slots(theta)
        indptr = np.concatenate([[0], np.cumsum(theta.row_nnz)])
        return Weights(indptr, np.array(theta.col_indices)[slots], np.array(theta.values)[slots], shape)

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return `spmm`; the bias is added as `SparseLinear` does."""
        y = self.sparselab.spmm(self.padded(weights), self.torch.from_numpy(x)).numpy()
        return y if bias is None else y + bias[:, None]

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return the product with its transposed layout, as its backward pass does."""
        return self.core.spmm_simd(self.padded(weights).transpose(), dy)

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return what its backward pass gives for the weights."""
        zeros = np.zeros(len(pattern.indices), np.float32)
        theta = self.padded(Weights(pattern.indptr, pattern.indices, zeros, pattern.shape))
        return np.array(self.core.spmm_grad_w_simd(theta, dy, x))[_slots(theta)]

    def edit(self, weights: Weights, momentum: Array, pruned: Array, rows: Array, cols: Array) -> Edited:
        """Return rows rewritten one by one; momentum, which SparseLab does not know of, is rewritten likewise."""
        kept = np.delete(np.arange(len(weights.indices)), pruned)
        owners = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))[kept]
        room = np.maximum(np.diff(weights.indptr), np.bincount(owners, minlength=weights.shape[0]))
        room = room + np.bincount(rows, minlength=weights.shape[0])
        results = []
        for values in (weights.values, momentum):
            theta = self.padded(weights._replace(values=values), room)
            for row in range(weights.shape[0]):
                old, new = owners == row, cols[rows == row]
                columns = np.concatenate([weights.indices[kept][old], new]).astype(np.int32)
                filled = np.concatenate([values[kept][old], np.zeros(len(new), np.float32)])
                order = np.argsort(columns)
                theta.rewrite_row(row, columns[order], filled[order])
            results.append(self.read(theta, weights.shape))
        return Edited(results[0], results[1].values)

    def update(self, problem: UpdateProblem) -> Sequence[UpdatedLayer]:
        """Return every layer after `SET.update` or `RigL.update`."""
        if problem.scope != "layer":
            raise NotCovered("its algorithms update every layer on its own: layer scope alone")
        if any(layer.geometry is not None for layer in problem.layers):
            raise NotCovered("it has no convolutions")
        if problem.fraction == 0:
            raise NotCovered("it takes drop fractions above 0 alone")
        if any(layer.weights.shape[0] * layer.weights.shape[1] > LARGEST for layer in problem.layers):
            raise NotCovered(f"layers of more than {LARGEST:,} elements")
        algorithm = {"set": self.sparselab.SET, "rigl": self.sparselab.RigL}[problem.method]
        updater = algorithm(sparsity=0.0, drop_fraction=problem.fraction, seed=problem.seed)
        layers = [self._layer(layer) for layer in problem.layers]
        for layer, (module, _) in zip(problem.layers, layers, strict=True):
            module.apply(updater)
            x = self.torch.from_numpy(layer.x.T.copy()).requires_grad_()
            module(x).backward(self.torch.from_numpy(layer.delta.T.copy()))
        updater.update()
        return [self._result(*made, layer) for made, layer in zip(layers, problem.layers, strict=True)]

    def _layer(self, layer: ExploredLayer) -> tuple[Any, Any]:
        """Return a `SparseLinear` of these weights, and an optimizer that holds their momentum."""
        n_out, n_in = layer.weights.shape
        module = self.sparselab.SparseLinear(n_in, n_out, bias=False, sparsity=0.0)
        module._csr = self.padded(layer.weights)
        module._values = self.torch.nn.Parameter(self.torch.from_numpy(np.asarray(module._csr.values)))
        optimizer = self.torch.optim.SGD([module._values], lr=0.1, momentum=0.9)
        buffer = self.torch.zeros_like(module._values)
        buffer[self.torch.from_numpy(_slots(module._csr))] = self.torch.from_numpy(layer.momentum)
        optimizer.state[module._values]["momentum_buffer"] = buffer
        return module, optimizer

    def _result(self, module: Any, optimizer: Any, layer: ExploredLayer) -> UpdatedLayer:
        held = optimizer.state[module._values]["momentum_buffer"].numpy()
        return UpdatedLayer(self.read(module._csr, layer.weights.shape), held[_slots(module._csr)].copy())
