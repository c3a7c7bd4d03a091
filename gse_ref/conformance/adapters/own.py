"""The project's own backends, through the public adapter, without a short cut.

One file for each level gives the operations; here they are put together.
"""

from __future__ import annotations

from .own_kernels import OwnKernels


class Own(OwnKernels):
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


class Cpu(Own):
    """The Numba kernels."""

    def __init__(self) -> None:
        super().__init__("cpu")


class Shadow(Own):
    """The Numba kernels, checked by the definition on every call."""

    linear = False

    def __init__(self) -> None:
        super().__init__("shadow")
