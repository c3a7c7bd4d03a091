"""Training on dense masks, in float64 NumPy: what a run of sparse training computes, written from the definition.

Weights, masks, gradients and momenta are dense matrices; nothing of the package's kernels, sparse core, autodiff,
optimizer or exploration is used. Written from ALGORITHM sections 3 to 7. Every array may have leading axes: runs
beside one another on the same batches and masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

#: Of batch normalisation, PyTorch's: added to the variance; share of a batch in the running moments.
EPSILON, SHARE = 1e-5, 0.1
#: Side of the window of a convolution, whose padding keeps the size of the image.
KERNEL = 3


@dataclass
class DenseRun:
    """An MLP in training: weights, masks, biases and momenta of each layer, all dense.

    The masks say what takes part in the products; `learning` what receives gradients, the same masks unless a
    method sets others; `decays` are factors of the weight decay of each weight.
    """

    weights: list[Array]
    masks: list[Array]
    biases: list[Array]
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        self.learning = self.masks
        self.decays = [np.ones_like(w) for w in self.weights]
        self.gradients = [np.zeros_like(w) for w in self.weights]
        self.velocity = [np.zeros_like(w) for w in self.weights]
        self.bias_velocity = [np.zeros_like(b) for b in self.biases]

    def total(self, value: Array, magnitude: Array, length: int) -> Array:
        """Return what a sum of `length` terms, of absolute values that sum to `magnitude`, has come out as."""
        return value

    def positive(self, y: Array) -> Array:
        """Return which inputs of a ReLU pass, bool; 0 does not."""
        return y > 0

    def product(self, a: Array, b: Array) -> Array:
        """Return the matrix product."""
        return self.total(a @ b, np.abs(a) @ np.abs(b), a.shape[-1])

    def passes(self, x: Array, labels: Array, running: bool = True) -> tuple[list[Array], list[Array], Array]:
        """Return the input and the output gradient of each layer, and the loss.

        running : whether running statistics follow the batch, where there are any.
        """
        inputs, positive = [x], []
        for layer, bias in enumerate(self.biases):
            y = self.affine(layer, inputs[-1], bias)
            if layer < len(self.biases) - 1:
                positive.append(self.positive(y))
                y = y * positive[-1]
            inputs.append(y)
        loss, delta = self.cross_entropy(inputs.pop(), labels)
        deltas = [delta]
        for layer in range(len(self.weights) - 1, 0, -1):
            deltas.insert(0, self.back(layer, deltas[0]) * positive[layer - 1])
        return inputs, deltas, loss

    def affine(self, layer: int, x: Array, bias: Array) -> Array:
        """Return θx + b."""
        w = self.weights[layer] * self.masks[layer]
        magnitude = np.abs(w) @ np.abs(x) + np.abs(bias)[..., None]
        return self.total(w @ x + bias[..., None], magnitude, w.shape[-1] + 1)

    def back(self, layer: int, delta: Array) -> Array:
        """Return θᵀδ."""
        return self.product(np.swapaxes(self.weights[layer] * self.masks[layer], -1, -2), delta)

    def cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        """Return the mean loss and its gradient."""
        classes, batch = logits.shape[-2:]
        shifted = logits - logits.max(-2, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(-2, keepdims=True))
        p, target = np.exp(log_p), np.zeros((classes, batch))
        target[labels, np.arange(batch)] = 1
        sizes = np.abs(shifted) - log_p + 1
        loss = self.total(-(target * log_p).sum((-1, -2)), (target * sizes).sum((-1, -2)), batch + classes)
        return loss / batch, self.total(p - target, p * sizes + target, classes) / batch

    def sgd(self, x: Array, labels: Array) -> Array:
        """Take one SGD step with momentum; decay on weights that learn, not on biases. Return the loss."""
        inputs, deltas, loss = self.passes(x, labels)
        for layer, (x_l, d_l) in enumerate(zip(inputs, deltas, strict=True)):
            self.gradients[layer] = self.product(d_l, np.swapaxes(x_l, -1, -2))
            decay = self.weight_decay * self.decays[layer]
            state = self.weights[layer], self.velocity[layer]
            step = self.descend(*state, self.gradients[layer], decay, self.learning[layer])
            self.weights[layer], self.velocity[layer] = step
        for layer, (bias, d_l) in enumerate(zip(self.biases, deltas[-len(self.biases) :], strict=True)):
            gradient = self.total(d_l.sum(-1), np.abs(d_l).sum(-1), d_l.shape[-1])
            self.biases[layer], self.bias_velocity[layer] = self.descend(bias, self.bias_velocity[layer], gradient)
        return loss

    def descend(
        self, w: Array, v: Array, gradient: Array, decay: Array | float = 0.0, learns: Array | float = 1.0
    ) -> tuple[Array, Array]:
        """Return w and v after v ← momentum · v + (gradient + decay · w), w ← w - lr · v.

        learns : 0 for weights without gradient and decay.
        """
        sizes = self.momentum * np.abs(v) + (np.abs(gradient) + decay * np.abs(w)) * learns
        v = self.total(self.momentum * v + (gradient + decay * w) * learns, sizes, 3)
        return self.total(w - self.lr * v, np.abs(w) + self.lr * np.abs(v), 2), v

    def apply(self, grown: Sequence[set[int]], pruned: Sequence[set[int]]) -> None:
        """Change the masks; grown weights and momenta are 0, pruned ones are gone."""
        for layer, mask in enumerate(self.masks):
            for ids, value in ((pruned[layer], 0.0), (grown[layer], 1.0)):
                for edge in ids:
                    i, j = divmod(edge, mask.shape[1])
                    mask[i, j] = value
                    self.weights[layer][..., i, j] = self.velocity[layer][..., i, j] = 0.0


def unfold(x: Array) -> Array:
    """Return (…, channels · KERNEL², height · width · batch): column by column what each window of images reads."""
    *lead, channels, height, width, batch = x.shape
    edge = KERNEL // 2
    padded = np.zeros((*lead, channels, height + 2 * edge, width + 2 * edge, batch))
    padded[..., edge : edge + height, edge : edge + width, :] = x
    taps = [
        padded[..., u : u + height, v : v + width, :].reshape(*lead, channels, height * width * batch)
        for u in range(KERNEL)
        for v in range(KERNEL)
    ]
    return np.stack(taps, axis=-2).reshape(*lead, channels * KERNEL**2, height * width * batch)


@dataclass(kw_only=True)
class DenseConvRun(DenseRun):
    """A convolution, batch normalisation, ReLU, the mean over positions, and a linear layer, in training.

    Two sparse layers, one bias; a position of a sample counts as one more sample.
    """

    gamma: Array
    beta: Array
    running_mean: Array
    running_variance: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gamma_velocity, self.beta_velocity = np.zeros_like(self.gamma), np.zeros_like(self.beta)

    def normalise(self, x: Array, running: bool) -> tuple[Array, Array, Array]:
        """Return x̂ and y = γx̂ + β of x (…, channels, samples), and 1/√(variance + ε)."""
        size = x.shape[-1]
        mean = self.total(x.mean(-1), np.abs(x).mean(-1), size)
        second = (x * x).mean(-1)
        variance = self.total(((x - mean[..., None]) ** 2).mean(-1), second, size)
        scale = ((variance + EPSILON) ** -0.5)[..., None]
        sizes = (np.abs(x) + np.abs(mean)[..., None]) * scale
        hat = self.total((x - mean[..., None]) * scale, sizes, 4)
        gamma, beta = self.gamma[..., None], self.beta[..., None]
        y = self.total(gamma * hat + beta, np.abs(gamma * hat) + np.abs(beta), 2)
        if running:
            self.running_mean = self.follow(self.running_mean, mean)
            self.running_variance = self.follow(self.running_variance, variance * (size / (size - 1)))
        return hat, y, scale

    def follow(self, running: Array, moment: Array) -> Array:
        """Return a running moment after a batch."""
        sizes = (1 - SHARE) * np.abs(running) + SHARE * np.abs(moment)
        return self.total((1 - SHARE) * running + SHARE * moment, sizes, 2)

    def passes(self, x: Array, labels: Array, running: bool = True) -> tuple[list[Array], list[Array], Array]:
        """Return input and output gradient of each layer, positions among the samples, and the loss."""
        height, width, batch = x.shape[-3:]
        patches = unfold(x)
        w = self.weights[0] * self.masks[0]
        hat, y, scale = self.normalise(self.product(w, patches), running)
        positive = self.positive(y)
        images = (y * positive).reshape(*y.shape[:-1], height * width, batch)
        pooled = self.total(images.mean(-2), images.mean(-2), height * width)
        loss, delta = self.cross_entropy(self.affine(1, pooled, self.biases[0]), labels)
        share = self.back(1, delta)[..., None, :] / (height * width)
        t = np.broadcast_to(share, images.shape).reshape(y.shape) * positive
        return [patches, pooled], [self.denormalise(t, hat, scale), delta], loss

    def denormalise(self, t: Array, hat: Array, scale: Array) -> Array:
        """Return the gradient of the input of the normalisation from that of its output."""
        size, product = t.shape[-1], t * hat
        self.gamma_gradient = self.total(product.sum(-1), np.abs(product).sum(-1), size)
        self.beta_gradient = self.total(t.sum(-1), np.abs(t).sum(-1), size)
        centred = t - t.mean(-1, keepdims=True) - hat * product.mean(-1, keepdims=True)
        sizes = np.abs(t) + np.abs(t).mean(-1, keepdims=True)
        sizes = sizes + np.abs(hat) * np.abs(product).mean(-1, keepdims=True)
        factor = self.gamma[..., None] * scale
        return self.total(factor * centred, np.abs(factor) * sizes, size)

    def sgd(self, x: Array, labels: Array) -> Array:
        """Take one SGD step; γ and β learn without decay."""
        loss = super().sgd(x, labels)
        state = self.gamma, self.gamma_velocity, self.gamma_gradient
        self.gamma, self.gamma_velocity = self.descend(*state)
        state = self.beta, self.beta_velocity, self.beta_gradient
        self.beta, self.beta_velocity = self.descend(*state)
        return loss
