"""SciPy's CSR products, batch last."""

from __future__ import annotations

from scipy.sparse import csr_array

from .gathered import pattern_gradient
from .protocol import Prepared, Problem, Results


def prepare(problem: Problem) -> Prepared:
    """Put θ and its transpose into CSR arrays with 32-bit indices."""
    indices, indptr = problem.indices.astype("int32"), problem.indptr.astype("int32")
    theta = csr_array((problem.values, indices, indptr), shape=problem.shape)
    transposed = theta.T.tocsr()
    rows, x, dy = problem.rows.astype("int32"), problem.x, problem.dy

    def step() -> Results:
        return theta @ x, transposed @ dy, pattern_gradient(rows, indices, dy, x)

    return Prepared(step, lambda raw: raw, "transpose made beforehand; weight gradient by gathered rows in NumPy")
