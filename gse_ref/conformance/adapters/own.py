"""The project's own backends, through the public adapter, without a short cut.

One file for each level gives the operations; here they are put together.
"""

from __future__ import annotations

from ..adapter import NotCovered
from .own_kernels import OwnKernels
from .own_sampling import OwnSampling
from .own_selection import OwnSelection
from .own_training import OwnTraining
from .own_update import OwnUpdate


class Own(OwnKernels, OwnSampling, OwnSelection, OwnUpdate, OwnTraining):
    """Any backend of this project.

    Parameters
    ----------
    backend : its name.
    """

    linear = True
    networks = ("mlp", "conv")

    def __init__(self, backend: str) -> None:
        super().__init__(backend)
        self.name = f"gse_ref {backend}"


class Naive(Own):
    """The definition; its loops keep no promise of time."""

    linear = False

    def __init__(self) -> None:
        super().__init__("naive")

    def set_threads(self, count: int) -> None:
        """Not covered: its loops run on one thread."""
        raise NotCovered("the definition runs on one thread")


class Cpu(Own):
    """The Numba kernels."""

    def __init__(self) -> None:
        super().__init__("cpu")


class Gpu(Own):
    """The CUDA kernels, on arrays copied to the device and back; needs CuPy and a device."""

    linear = False

    def __init__(self) -> None:
        super().__init__("gpu")


class Shadow(Own):
    """The Numba kernels, checked by the definition on every call."""

    linear = False

    def __init__(self) -> None:
        super().__init__("shadow")

    def set_threads(self, count: int) -> None:
        """Not covered: too much work to be checked by the definition."""
        raise NotCovered("the definition runs on one thread")
