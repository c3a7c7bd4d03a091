"""What an adapter of batch normalisation is given and gives back, and how it is judged before it is timed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gse_ref.backends import bound, get, norm_bounds

from .protocol import Adapter, Prepared, admit, difference

NAMES = ("y", "dx", "the gradient of γ", "the gradient of β", "the gradient of the residual")
#: y, dx, dgamma (channels,), dbeta (channels,) and, with a residual, its gradient.
Results = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class NormProblem:
    """y = max(batch_norm(x) + residual, 0) and its gradients from dy; float32.

    Attributes
    ----------
    x, dy : (channels, height, width, batch); residual : as x, or None.
    gamma, beta : (channels,).
    epsilon : added to the variance.
    """

    x: np.ndarray
    dy: np.ndarray
    residual: np.ndarray | None
    gamma: np.ndarray
    beta: np.ndarray
    epsilon: float = 1e-5

    def away_from_zero(self) -> NormProblem:
        """Return the problem without gradient where y is so near 0 that rounding decides about the ReLU.

        Peers whose moments are plain sums of K float32 are off by about √K roundings.
        """
        shown = (self.x, self.gamma, self.beta)
        y, mean, variance = get("cpu").batch_norm(*shown, self.epsilon, self.residual, False)
        size = norm_bounds.normalised(*shown, mean, variance, self.epsilon, self.residual)
        near = np.abs(y) <= bound(np.float32, math.isqrt(norm_bounds.length(self.x)), size)
        dy = self.dy.copy()
        dy[near] = 0
        return replace(self, dy=dy)

    @property
    def bytes_moved(self) -> int:
        """Bytes that must move once: x in and y out; x, y, dy in and dx out; a residual in, its gradient out."""
        return self.x.nbytes * (6 if self.residual is None else 8)


#: Name → adapter. A new peer is one file and one row.
NORM: dict[str, Adapter] = {
    "torch NCHW": Adapter("benchmarks.peers.torch_norm", "pip install torch", "nchw"),
    "torch channels_last": Adapter("benchmarks.peers.torch_norm", "pip install torch", "channels_last"),
}


def ours(problem: NormProblem) -> Results:
    """Compute the step with the cpu backend, exactly as the differentiable operation calls it."""
    backend, shown = get("cpu"), (problem.x, problem.gamma, problem.beta, problem.epsilon)
    y, mean, variance = backend.batch_norm(*shown, problem.residual, True)
    masked = problem.residual is not None
    options = mean, variance, problem.epsilon, True, masked, None if masked else problem.beta
    dx, dgamma, dbeta, t = backend.batch_norm_backward(problem.x, y, problem.dy, problem.gamma, *options)
    return (y, dx, dgamma, dbeta) if t is None else (y, dx, dgamma, dbeta, t)


def fault(problem: NormProblem, results: Results) -> str | None:
    """Return what is wrong with a peer's results compared with ours, or None: two roundings apart at most."""
    x, gamma, epsilon, expected = problem.x, problem.gamma, problem.epsilon, ours(problem)
    axes, length = (1, 2, 3), norm_bounds.length(x)
    mean, variance = x.mean(axes, dtype=np.float64), x.var(axes, dtype=np.float64)
    sizes = (
        norm_bounds.normalised(x, gamma, problem.beta, mean, variance, epsilon, problem.residual),
        *norm_bounds.gradients(x, expected[0], problem.dy, gamma, mean, variance, epsilon, True),
    )
    allowed = [2 * bound(np.float32, length, size) for size in sizes]
    # The gradient of the residual is dy or 0: exact.
    return difference(NAMES[: len(expected)], results, expected, (*allowed, 0.0)[: len(expected)])


def enter(name: str, trial: NormProblem, problem: NormProblem) -> Prepared | dict[str, str]:
    """Judge the peer `name`, first on `trial`, whose sums are short, so that the bound is tight; see `admit`."""
    tried = admit(name, NORM[name], trial, fault)
    return tried if isinstance(tried, dict) else admit(name, NORM[name], problem, fault)
