"""The sparse convolution layer."""

from __future__ import annotations

import numpy as np

from ..autodiff import Tensor
from ..backends import Geometry
from ..errors import InputError
from ..sparse import LayerShape
from .module import Module
from .parameter import Parameter, SparseParameter
from .silent import layer_product


class Conv2d(Module):
    """Convolution of images (channels, height, width, batch) with sparse square kernels.

    Parameters
    ----------
    c_in, c_out : channels, at least 1.
    kernel : side of the window; stride : distance of two windows.
    padding : rows and columns of zeros around the image; default (kernel - 1) // 2.
    bias : whether to add a dense bias (c_out,), never pruned.
    dtype : float32 or float64.

    The weights are CSR (c_out, c_in · kernel²), column j ↔ (channel, row, column of the window) in C order, without
    connections until `initialise` places them; with density 1 it is the dense convolution.

    Raises
    ------
    InputError : a channel count, kernel or stride below 1, a negative padding.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = False,
        dtype: np.dtype | type = np.float32,
    ) -> None:
        super().__init__()
        padding = (kernel - 1) // 2 if padding is None else padding
        if min(c_in, c_out, kernel, stride) < 1 or padding < 0:
            raise InputError(
                "a convolution needs channels, kernel and stride of at least 1 and a padding of at least 0, got "
                f"c_in={c_in}, c_out={c_out}, kernel={kernel}, stride={stride}, padding={padding}"
            )
        self.geometry = Geometry(kernel, stride, padding)
        layout = LayerShape(c_out, c_in * kernel**2, (kernel, kernel))
        self.weight = SparseParameter(layout, dtype, self.geometry)
        self.bias = Parameter(np.zeros(c_out, dtype), decay=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return layer_product(self.weight, x, self.bias)
