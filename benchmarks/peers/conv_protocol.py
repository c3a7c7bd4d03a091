"""What an adapter of a convolution is given and gives back, and how it is judged before it is timed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gse_ref.backends import Geometry, TransposePlan, bound, get

from .protocol import Adapter, Prepared, admit, difference

#: y (c_out, height, width, batch), dx as x, dvalues (nnz,) in CSR order.
Results = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ConvProblem:
    """One training step of a convolution: y, then dx and the gradient on the pattern from dy; float32.

    Attributes
    ----------
    indptr (c_out + 1,) int64, indices (nnz,) int32, values (nnz,): θ in CSR, column (c · kernel + u) · kernel + v.
    plan : its transpose plan.
    x : (c_in, height, width, batch); dy : as y. Both hold whole numbers so small that sums of their products are
        exact in any order: over positions and samples a bound of rounding would exceed the sums themselves.
    geometry : kernel, stride and padding.
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    plan: TransposePlan
    x: np.ndarray
    dy: np.ndarray
    geometry: Geometry

    @property
    def rows(self) -> np.ndarray:
        """Output channel of each slot, (nnz,) int64."""
        return np.repeat(np.arange(len(self.dy)), np.diff(self.indptr))

    @property
    def taps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Input channel, row and column of the window of each slot, (nnz,) each."""
        side = self.geometry.kernel
        return np.unravel_index(self.indices, (len(self.x), side, side))

    def dense(self) -> np.ndarray:
        """Return θ as a dense (c_out, c_in, kernel, kernel) array."""
        side = self.geometry.kernel
        theta = np.zeros((len(self.dy), len(self.x), side, side), self.values.dtype)
        theta[self.rows, *self.taps] = self.values
        return theta


#: Name → adapter. A new peer is one file and one row.
CONV: dict[str, Adapter] = {
    "torch NCHW": Adapter("benchmarks.peers.torch_conv", "pip install torch", "nchw"),
    "torch channels_last": Adapter("benchmarks.peers.torch_conv", "pip install torch", "channels_last"),
    "SparseProp over batch": Adapter("benchmarks.peers.sparseprop_conv", "see docs/performance.md", "over_batch"),
    "SparseProp over width": Adapter("benchmarks.peers.sparseprop_conv", "see docs/performance.md", "over_width"),
}
#: Names of the ways to use one peer; floors hold for the faster.
WAYS = {
    "torch": ("torch NCHW", "torch channels_last"),
    "SparseProp": ("SparseProp over batch", "SparseProp over width"),
}


def ours(problem: ConvProblem) -> Results:
    """Compute the step with the cpu backend, exactly as the differentiable operations call it."""
    backend, geometry = get("cpu"), problem.geometry
    y = backend.conv(problem.indptr, problem.indices, problem.values, problem.x, geometry)
    return (y, *backend.conv_backward(problem.plan, problem.values, problem.x, problem.dy, geometry))


def fault(problem: ConvProblem, results: Results) -> str | None:
    """Return what is wrong with a peer's results compared with ours, or None.

    y and dx are two roundings apart at most; the gradient, a sum of whole numbers, is exact.
    """
    backend, geometry = get("cpu"), problem.geometry
    values, x, dy = (np.abs(array) for array in (problem.values, problem.x, problem.dy))
    y = backend.conv(problem.indptr, problem.indices, values, x, geometry)
    dx = backend.conv_t(problem.plan, values, dy, geometry, x.shape[1:3])
    lengths = np.diff(problem.indptr).max(), np.diff(problem.plan.indptr[:: geometry.kernel**2]).max()
    allowed = [2 * bound(np.float32, int(k), size) for k, size in zip(lengths, (y, dx), strict=True)]
    return difference(("y", "dx", "the weight gradient"), results, ours(problem), (*allowed, 0.0))


def enter(name: str, problem: ConvProblem) -> Prepared | dict[str, str]:
    """Prepare and judge the peer `name` of a convolution; see `protocol.admit`."""
    return admit(name, CONV[name], problem, fault)
