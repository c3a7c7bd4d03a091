"""The doors between flat features and images."""

from __future__ import annotations

from ..autodiff import Tensor, reshape
from ..errors import ShapeError
from .module import Module


class ToImages(Module):
    """See features (channels · height · width, batch) as images (channels, height, width, batch); images pass.

    Parameters
    ----------
    shape : (channels, height, width).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        channels, height, width = self.shape
        if x.shape[:-1] not in ((channels * height * width,), self.shape):
            raise ShapeError(
                f"x has shape {x.shape}, but the network was built for images of {channels} channels, {height}×"
                f"{width} pixels, with the batch as last axis"
            )
        return reshape(x, (*self.shape, x.shape[-1]))


class Flatten(Module):
    """See images (channels, height, width, batch) as features (channels · height · width, batch)."""

    def forward(self, x: Tensor) -> Tensor:
        return reshape(x, (x.size // x.shape[-1], x.shape[-1]))
