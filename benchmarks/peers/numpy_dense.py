"""NumPy: the three dense products into arrays that are already there."""

from __future__ import annotations

import numpy as np

from gse_ref.backends import aligned, empty

from .protocol import Prepared, Problem, Results


def prepare(problem: Problem) -> Prepared:
    """Put θ into a dense matrix."""
    theta, x, dy = aligned(problem.dense()), problem.x, problem.dy
    y, dx, dw = (empty(shape, theta.dtype) for shape in (dy.shape, x.shape, theta.shape))

    def step() -> Results:
        return np.matmul(theta, x, out=y), np.matmul(theta.T, dy, out=dx), np.matmul(dy, x.T, out=dw)

    def results(raw: Results) -> Results:
        return raw[0], raw[1], raw[2][problem.rows, problem.indices]

    return Prepared(step, results)
