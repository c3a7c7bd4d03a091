"""SparseProp 0.1.14: its kernels as they are, and its `SparseLinear` module, which makes θ from a dense matrix.

The backward pass of a convolution without connections ends the process with a segmentation fault: run it isolated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from ...backends import Geometry
from ..adapter import Adapter, Array, NotCovered
from ..problems import Pattern, Weights
from .optional import imported

_INSTALL = "pip install torch, then pip install --no-build-isolation sparseprop"
torch = imported("torch", "SparseProp", _INSTALL)
kernels = imported("sparseprop", "SparseProp", _INSTALL).backend
SparseLinear = imported("sparseprop.modules.linear", "SparseProp", _INSTALL).SparseLinear

#: Elements above which a dense array is refused: SparseProp's index of a convolution, and the θ of its modules.
MOST = 1 << 25


def _tensor(array: Array, dtype: str | None = None) -> Any:
    return torch.from_numpy(array if dtype is None else array.astype(dtype))


def _pattern(layer: Weights | Pattern) -> tuple[Any, Any]:
    return _tensor(layer.indptr, "int32"), _tensor(layer.indices, "int32")


def _conv_index(layer: Weights | Pattern, kernel: int) -> tuple[Any, ...]:
    """Return the first slot of each output channel, those of its input channels, and both taps of every slot."""
    n_out, channels = layer.shape[0], layer.shape[1] // kernel**2
    if n_out * (channels + 1) > MOST:
        raise NotCovered("its index has an entry for each pair of channels, too many here")
    rows = np.repeat(np.arange(n_out), np.diff(layer.indptr))
    counts = np.zeros((n_out, channels + 1), np.int64)
    np.add.at(counts, (rows, layer.indices // kernel**2 + 1), 1)
    starts = np.cumsum(counts, axis=1)
    if starts.max() > np.iinfo(np.int16).max:
        raise NotCovered("more connections of one output channel than its 16-bit index holds")
    taps = (layer.indices // kernel % kernel, layer.indices % kernel)
    each = (_tensor(starts.reshape(-1), "int16"), *(_tensor(tap, "uint8") for tap in taps))
    return _tensor(layer.indptr, "int32"), *each


def _conv(way: str, stride: int) -> str:
    """Return the name of a kernel."""
    if stride not in (1, 2):
        raise NotCovered("it has strides 1 and 2")
    return f"conv2d_vectorized_{way}_stride_{stride}"


class SparsePropKernels(Adapter):
    """The kernels under `SparseLinear` and `SparseConv2d`, batch last, float32; they add to their outputs.

    On one thread, unless `set_threads` says otherwise: in the backward pass all threads meet after every output.
    """

    name = "SparseProp kernels"
    dtypes = ("float32",)

    def __init__(self) -> None:
        self.threads, self.pools = 1, ThreadpoolController()

    def set_threads(self, count: int) -> None:
        """Use so many threads of OpenMP."""
        self.threads = count

    def _run(self, kernel: str, *operands: Any) -> None:
        with self.pools.limit(limits=self.threads, user_api="openmp"):
            getattr(kernels, f"sparse_{kernel}")(*operands)

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        y = torch.zeros(weights.shape[0], x.shape[1])
        if bias is not None:
            y += _tensor(bias)[:, None]
        self._run("linear_vectorized_forward", _tensor(x), *_pattern(weights), _tensor(weights.values), y)
        return y.numpy()

    def _backward(self, layer: Weights | Pattern, values: Array, dy: Array, x: Array) -> tuple[Array, Array]:
        dx, dvalues = torch.zeros(layer.shape[1], dy.shape[1]), torch.zeros(len(values))
        operands = _tensor(x), *_pattern(layer), _tensor(values), _tensor(dy)
        self._run("linear_vectorized_backward", *operands, dx, dvalues)
        return dx.numpy(), dvalues.numpy()

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return half of its backward pass."""
        return self._backward(weights, weights.values, dy, np.zeros((weights.shape[1], dy.shape[1]), dy.dtype))[0]

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the other half."""
        return self._backward(pattern, np.zeros(len(pattern.indices), x.dtype), dy, x)[1]

    def conv_forward(self, weights: Weights, x: Array, geometry: Geometry, bias: Array | None) -> Array:
        """Return the convolution, of stride 1 or 2."""
        kernel, stride, padding = geometry
        operands = _tensor(x), *_conv_index(weights, kernel), _tensor(weights.values)
        y = torch.zeros(weights.shape[0], *map(geometry.positions, x.shape[1:3]), x.shape[3])
        if bias is not None:
            y += _tensor(bias)[:, None, None, None]
        self._run(_conv("forward", stride), *operands, y, kernel, padding)
        return y.numpy()

    def _conv_backward(
        self, layer: Weights | Pattern, values: Array, dy: Array, x: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        kernel, stride, padding = geometry
        dx, dvalues = torch.zeros(*x.shape), torch.zeros(len(values))
        operands = _tensor(x), *_conv_index(layer, kernel), _tensor(values), _tensor(dy)
        self._run(_conv("backward", stride), *operands, dx, dvalues, kernel, padding)
        return dx.numpy(), dvalues.numpy()

    def conv_transposed(self, weights: Weights, dy: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
        """Return half of its backward pass."""
        x = np.zeros((weights.shape[1] // geometry.kernel**2, *size, dy.shape[3]), dy.dtype)
        return self._conv_backward(weights, weights.values, dy, x, geometry)[0]

    def conv_gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array, geometry: Geometry) -> Array:
        """Return the other half."""
        return self._conv_backward(pattern, np.zeros(len(pattern.indices), x.dtype), dy, x, geometry)[1]


class SparsePropLinear(Adapter):
    """`SparseLinear` as a user makes it, from a dense weight, batch first."""

    name = "SparseProp SparseLinear"
    layout = "batch_first"
    dtypes = ("float32",)

    def _module(self, layer: Weights | Pattern, values: Array, bias: Array | None = None) -> Any:
        if layer.shape[0] * layer.shape[1] > MOST:
            raise NotCovered("it is made from a dense weight, too large here")
        dense = np.zeros(layer.shape, np.float32)
        dense[np.repeat(np.arange(layer.shape[0]), np.diff(layer.indptr)), layer.indices] = values
        return SparseLinear(_tensor(dense), None if bias is None else torch.nn.Parameter(_tensor(bias)))

    def forward(self, weights: Weights, x: Array, bias: Array | None) -> Array:
        """Return θx + b."""
        return self._module(weights, weights.values, bias)(_tensor(x)).detach().numpy()

    def transposed(self, weights: Weights, dy: Array) -> Array:
        """Return the gradient of the input, by autograd."""
        x = torch.zeros(len(dy), weights.shape[1], requires_grad=True)
        self._module(weights, weights.values)(x).backward(_tensor(dy))
        return x.grad.numpy()

    def gradient_on_pattern(self, pattern: Pattern, dy: Array, x: Array) -> Array:
        """Return the gradient of the weights, by autograd."""
        module = self._module(pattern, np.ones(len(pattern.indices), np.float32))
        module(_tensor(x)).backward(_tensor(dy))
        return module.weight.grad.numpy()
