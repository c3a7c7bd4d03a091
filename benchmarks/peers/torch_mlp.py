"""A dense network in torch whose weights are masked: what most work on sparse training measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional


class MaskedMLP:
    """Linear–ReLU–…–Linear with masked dense weights, batch first, trained by SGD from uint8 images.

    Parameters
    ----------
    weights : dense (n_out, n_in) matrices, zero where the mask is.
    biases : (n_out,) each.
    images : (samples, features) uint8; labels (samples,) int64; a batch is images · scale + shift.
    rate, momentum, decay : of SGD; decay on weights alone.
    lean : mask only the gradients and the new weights, and let torch fuse SGD. Otherwise the weights are also
        masked in the forward pass, as is usual; the product's own rule then masks the gradients.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        images: np.ndarray,
        labels: np.ndarray,
        scale: float,
        shift: float,
        rate: float,
        momentum: float,
        decay: float,
        lean: bool,
    ) -> None:
        self.weights = [torch.from_numpy(np.array(w)).requires_grad_() for w in weights]
        self.biases = [torch.from_numpy(np.array(b)).requires_grad_() for b in biases]
        self.masks = [(weight.detach() != 0).float() for weight in self.weights]
        self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels)
        self.scale, self.shift, self.lean = scale, shift, lean
        groups = [{"params": self.weights, "weight_decay": decay}, {"params": self.biases, "weight_decay": 0.0}]
        self.optimizer = torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=lean or None)

    def loss(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy of x (batch, features)."""
        last = len(self.weights) - 1
        for number, (weight, mask, bias) in enumerate(zip(self.weights, self.masks, self.biases, strict=True)):
            x = functional.linear(x, weight if self.lean else weight * mask, bias)
            x = x if number == last else functional.relu(x)
        return functional.cross_entropy(x, labels)

    def step(self, order: torch.Tensor) -> float:
        """Train on the samples of `order` (batch,) int64; return the loss."""
        x = self.images[order].to(torch.float32).mul_(self.scale).add_(self.shift)
        self.optimizer.zero_grad()
        loss = self.loss(x, self.labels[order])
        loss.backward()
        with torch.no_grad():
            if self.lean:
                for weight, mask in zip(self.weights, self.masks, strict=True):
                    weight.grad.mul_(mask)
            self.optimizer.step()
            for weight, mask in zip(self.weights, self.masks, strict=True):
                weight.mul_(mask)
        return loss.item()

    def steps(self, batch: int) -> Callable[[], float]:
        """Return a function that takes one step on the next batch of an endless row of shuffled epochs."""

        def orders() -> Iterator[torch.Tensor]:
            while True:
                yield from torch.randperm(len(self.images)).split(batch)[: len(self.images) // batch]

        endless = orders()
        return lambda: self.step(next(endless))
