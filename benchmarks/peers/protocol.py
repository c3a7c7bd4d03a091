"""What an adapter of a linear layer is given and gives back, and how every peer is judged before it is timed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gse_ref.backends import TransposePlan, bound, get

#: y (n_out, batch), dx (n_in, batch), dvalues (nnz,) in CSR order.
Results = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """One training step of a linear layer: y = θx, then dx and the gradient on the pattern from dy; float32.

    Attributes
    ----------
    indptr (n_out + 1,) int64, indices (nnz,) int32, values (nnz,): θ in CSR.
    plan : its transpose plan.
    x : (n_in, batch); dy : (n_out, batch).
    shape : (n_out, n_in).
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    plan: TransposePlan
    x: np.ndarray
    dy: np.ndarray
    shape: tuple[int, int]

    @property
    def rows(self) -> np.ndarray:
        """Output unit of each slot, (nnz,) int64."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def dense(self) -> np.ndarray:
        """Return θ as a dense (n_out, n_in) matrix."""
        theta = np.zeros(self.shape, self.values.dtype)
        theta[self.rows, self.indices] = self.values
        return theta


class Prepared(NamedTuple):
    """A peer with the problem in its own layout.

    Attributes
    ----------
    step : makes one training step on the data as the peer likes them and returns whatever it computed.
    results : turns that into the results of the protocol, such as `Results`; not timed.
    note : what a reader should know about this use of the peer.
    """

    step: Callable[[], Any]
    results: Callable[[Any], tuple[np.ndarray, ...]]
    note: str = ""


class Adapter(NamedTuple):
    """Module and its function ``prepare(problem) -> Prepared`` that may raise ImportError or `NotApplicable`."""

    module: str
    install: str
    prepare: str = "prepare"


class NotApplicable(Exception):
    """The peer cannot do this work; the message says why."""


#: Name → adapter. A new peer is one file and one row.
LINEAR: dict[str, Adapter] = {
    "torch Linear": Adapter("benchmarks.peers.torch_dense", "pip install torch"),
    "NumPy dense": Adapter("benchmarks.peers.numpy_dense", "pip install numpy"),
    "torch.sparse.mm": Adapter("benchmarks.peers.torch_sparse", "pip install torch"),
    "SciPy CSR": Adapter("benchmarks.peers.scipy_csr", "pip install scipy"),
    "SparseLab": Adapter("benchmarks.peers.sparselab_linear", "pip install sparselab torch"),
    "SparseProp": Adapter("benchmarks.peers.sparseprop_linear", "see docs/performance.md"),
    "sparse_dot_mkl": Adapter("benchmarks.peers.mkl_csr", "pip install sparse_dot_mkl mkl"),
}


def ours(problem: Problem) -> Results:
    """Compute the step with the cpu backend, exactly as the differentiable operations call it."""
    backend = get("cpu")
    y = backend.spmm(problem.indptr, problem.indices, problem.values, problem.x)
    return (y, *backend.spmm_backward(problem.plan, problem.values, problem.x, problem.dy))


def difference(
    names: Sequence[str],
    actual: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    allowed: Sequence[np.ndarray | float],
) -> str | None:
    """Return the first result that has another shape or is off by more than is allowed, or None."""
    for name, a, e, limit in zip(names, actual, expected, allowed, strict=True):
        if a.shape != e.shape:
            return f"{name} has shape {a.shape} instead of {e.shape}"
        error = np.abs(a.astype(np.float64) - e)
        if not (error <= limit).all():
            with np.errstate(divide="ignore", invalid="ignore"):
                worst = np.nanmax(error / limit)
            return f"{name} is off by up to {worst:.3g} times the rounding that is allowed"
    return None


def fault(problem: Problem, results: Results) -> str | None:
    """Return what is wrong with a peer's results compared with ours, or None: two roundings apart at most."""
    backend, batch = get("cpu"), problem.x.shape[1]
    values, x, dy = (np.abs(array) for array in (problem.values, problem.x, problem.dy))
    magnitudes = (
        backend.spmm(problem.indptr, problem.indices, values, x),
        *backend.spmm_backward(problem.plan, values, x, dy),
    )
    lengths = (np.diff(problem.indptr).max(), np.diff(problem.plan.indptr).max(), batch)
    allowed = [2 * bound(np.float32, int(k), magnitude) for k, magnitude in zip(lengths, magnitudes, strict=True)]
    return difference(("y", "dx", "the weight gradient"), results, ours(problem), allowed)


def admit(
    name: str, adapter: Adapter, problem: Any, fault: Callable[[Any, Any], str | None]
) -> Prepared | dict[str, str]:
    """Prepare the peer `name` and judge it by `fault`; return it, or a line that says why it cannot be timed."""
    try:
        prepared = getattr(importlib.import_module(adapter.module), adapter.prepare)(problem)
        wrong = fault(problem, prepared.results(prepared.step()))
    except ImportError as error:
        return {"peer": name, "missing": adapter.install, "error": str(error)}
    except NotApplicable as error:
        return {"peer": name, "not_applicable": str(error)}
    return {"peer": name, "wrong": wrong} if wrong else prepared


def enter(name: str, problem: Problem) -> Prepared | dict[str, str]:
    """Prepare and judge the peer `name` of a linear layer; see `admit`."""
    return admit(name, LINEAR[name], problem, fault)
