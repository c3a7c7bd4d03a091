"""sparse_dot_mkl: MKL's CSR products, batch last."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scipy.sparse import csr_matrix

from .gathered import pattern_gradient
from .protocol import Prepared, Problem, Results


def _point_to_mkl() -> None:
    """Name the library that ``pip install mkl`` puts beside the interpreter, where its loader does not look."""
    found = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    if found:
        os.environ.setdefault("MKL_RT", str(found[-1]))


_point_to_mkl()
from sparse_dot_mkl import dot_product_mkl  # noqa: E402  (reads MKL_RT when it is loaded)


def prepare(problem: Problem) -> Prepared:
    """Put θ and its transpose into CSR matrices."""
    theta = csr_matrix(
        (problem.values, problem.indices.astype("int32"), problem.indptr.astype("int32")), problem.shape
    )
    transposed = theta.T.tocsr()
    rows, indices, x, dy = problem.rows.astype("int32"), theta.indices, problem.x, problem.dy

    def step() -> Results:
        y, dx = dot_product_mkl(theta, x), dot_product_mkl(transposed, dy)
        return y, dx, pattern_gradient(rows, indices, dy, x)

    return Prepared(step, lambda raw: raw, "transpose made beforehand; weight gradient by gathered rows in NumPy")
