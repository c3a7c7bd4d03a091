"""The linear layer, sparse or dense."""

from __future__ import annotations

import numpy as np

from ..autodiff import Tensor, matmul
from ..errors import InputError
from ..sparse import LayerShape
from .module import Module
from .parameter import Parameter, SparseParameter
from .silent import layer_product


class Linear(Module):
    """y = θx + b on x (n_in, batch).

    Parameters
    ----------
    n_in, n_out : widths, at least 1.
    sparse : weights in CSR, without connections until `initialise` places them; else a dense (n_out, n_in) matrix.
    bias : whether to add a dense bias (n_out,), never pruned.
    dtype : float32 or float64.

    Raises
    ------
    InputError : a width below 1.
    """

    def __init__(
        self, n_in: int, n_out: int, sparse: bool = True, bias: bool = True, dtype: np.dtype | type = np.float32
    ) -> None:
        super().__init__()
        if n_in < 1 or n_out < 1:
            raise InputError(f"a linear layer needs widths of at least 1, got n_in={n_in}, n_out={n_out}")
        layout = LayerShape(n_out, n_in)
        self.weight = SparseParameter(layout, dtype) if sparse else Parameter(np.zeros((n_out, n_in), dtype))
        self.bias = Parameter(np.zeros(n_out, dtype), decay=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.weight, SparseParameter):
            return layer_product(self.weight, x, self.bias)
        y = matmul(self.weight, x)
        return y if self.bias is None else y + self.bias.reshape(-1, 1)
