"""A second opinion: sparse training on dense masks in PyTorch, written from ALGORITHM alone.

It shares nothing with this package's kernels, autodiff, optimizer or exploration, and keeps none of their promises
of cost: every layer is a dense matrix and a dense mask.
"""

from __future__ import annotations

from ...errors import MissingDependencyError

try:
    import torch  # noqa: F401
except ImportError:
    raise MissingDependencyError("the dense-mask adapter needs PyTorch: pip install torch") from None

from .torch_products import TorchProducts
from .torch_sampling import TorchSampling
from .torch_selection import TorchSelection
from .torch_training import TorchTraining
from .torch_update import TorchUpdate


class TorchDense(TorchProducts, TorchSampling, TorchSelection, TorchUpdate, TorchTraining):
    """Dense masks in PyTorch."""

    name = "dense masks in PyTorch"
    linear = False
