"""Batch normalisation over positions and samples, with residual and ReLU in the same pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import Op, Tensor, apply, is_grad_enabled, power, relu
from ..autodiff.elementwise import WHERE_POSITIVE
from ..backends import active
from ..backends.arrays import namespace
from ..errors import InputError, ShapeError
from .module import Module
from .parameter import Parameter
from .probe import is_probing

Grads = tuple[Tensor | None, ...]
#: What a channel is normalised over: positions and samples.
_AXES = (1, 2, 3)


def _per_channel(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1, 1)


def _forward(*arrays: np.ndarray, y: np.ndarray, **_: Any) -> np.ndarray:
    return y


def _fused_gradients(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], **s: Any
) -> Grads:
    x, gamma, beta = (tensor.data for tensor in inputs[:3])
    masked = s["relu"] and any(needs[3:])
    options = s["mean"], s["variance"], s["epsilon"], s["relu"], masked, beta if len(inputs) == 3 else None
    dx, dgamma, dbeta, t = active().batch_norm_backward(x, out.data, grad.data, gamma, *options)
    residual = grad if t is None else Tensor(t)
    return (Tensor(dx), Tensor(dgamma), Tensor(dbeta), *([residual] * len(inputs[3:])))


def _vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], **s: Any) -> Grads:
    if not is_grad_enabled():
        return _fused_gradients(grad, out, inputs, needs, **s)
    x, gamma = inputs[:2]
    t = apply(WHERE_POSITIVE, grad, y=out.data) if s["relu"] else grad
    centred = x - x.mean(_AXES, keepdims=True)
    scale = power((centred * centred).mean(_AXES, keepdims=True) + s["epsilon"], -0.5)
    hat = centred * scale
    product = t * hat
    dx = _per_channel(gamma) * scale * (t - t.mean(_AXES, keepdims=True) - hat * product.mean(_AXES, keepdims=True))
    return (dx, product.sum(_AXES), t.sum(_AXES), *([t] * len(inputs[3:])))


#: Inputs x, γ, β and perhaps a residual; the kernel has run before, since it gives the moments too.
BATCH_NORM = Op("batch_norm", _forward, _vjp)


class BatchNorm2d(Module):
    """y = γ · (x - mean) / √(variance + ε) + β by channel, on x (channels, height, width, batch).

    In training the moments are those of the batch, and the running ones follow them, except in a probe pass; in
    evaluation they are the running ones. Conventions are PyTorch's.

    Parameters
    ----------
    channels : at least 1.
    momentum : share of the batch in the running moments, in [0, 1].
    epsilon : positive, added to the variance.
    relu : whether to end with max(y, 0) in the same pass.
    dtype : float32 or float64.

    Attributes
    ----------
    weight, bias : γ and β, (channels,), without weight decay
    running_mean, running_variance : (channels,) of `dtype`, buffers; the variance is the unbiased one

    Raises
    ------
    InputError : a number out of range.

    References
    ----------
    Ioffe & Szegedy 2015, arXiv 1502.03167.
    """

    def __init__(
        self,
        channels: int,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        relu: bool = False,
        dtype: np.dtype | type = np.float32,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise InputError(f"batch normalisation needs at least 1 channel, got {channels}")
        if not 0 <= momentum <= 1 or not 0 < epsilon < np.inf:
            wanted = "a momentum in [0, 1] and a positive epsilon"
            raise InputError(f"batch normalisation needs {wanted}, got {momentum} and {epsilon}")
        self.momentum, self.epsilon, self.relu = momentum, epsilon, relu
        self.weight = Parameter(np.ones(channels, dtype), decay=False)
        self.bias = Parameter(np.zeros(channels, dtype), decay=False)
        self.running_mean = np.zeros(channels, dtype)
        self.running_variance = np.ones(channels, dtype)

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        return self.forward(x, residual)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return the normalised `x`, plus `residual` of its shape, if any, before the ReLU.

        Raises
        ------
        ShapeError : an x of other channels, a residual of another shape, one value per channel in training.
        InputError : another dtype than the layer's.
        """
        self._require(x, residual)
        return self._by_batch(x, residual) if self.training else self._by_running(x, residual)

    def _require(self, x: Tensor, residual: Tensor | None) -> None:
        channels = self.weight.size
        if x.ndim != 4 or x.shape[0] != channels or not x.size:
            wanted = f"({channels}, height, width, batch), none of them 0"
            raise ShapeError(
                f"batch normalisation wants x of shape {wanted}, got {x.shape}; the batch is the last axis"
            )
        if residual is not None and residual.shape != x.shape:
            raise ShapeError(f"the residual must have the shape of x, {x.shape}, got {residual.shape}")
        for name, operand in (("x", x), ("the residual", residual)):
            if operand is not None and operand.dtype != self.weight.dtype:
                raise InputError(
                    f"{name} is {operand.dtype}, the layer {self.weight.dtype}: bring both to one dtype"
                )

    def _by_batch(self, x: Tensor, residual: Tensor | None) -> Tensor:
        size = x.size // x.shape[0]
        if size == 1:
            raise ShapeError(
                f"one value per channel has no variance to train with: x has shape {x.shape}; use larger "
                "batches, or eval() to normalise by the running moments"
            )
        more = None if residual is None else residual.data
        arrays = (x.data, self.weight.data, self.bias.data)
        y, mean, variance = active().batch_norm(*arrays, self.epsilon, more, self.relu)
        if not is_probing():
            self.running_mean = self._follow(self.running_mean, mean)
            self.running_variance = self._follow(self.running_variance, variance * (size / (size - 1)))
        static = {"y": y, "mean": mean, "variance": variance, "epsilon": self.epsilon, "relu": self.relu}
        inputs = (x, self.weight, self.bias) if residual is None else (x, self.weight, self.bias, residual)
        return apply(BATCH_NORM, *inputs, **static)

    def _follow(self, running: np.ndarray, moment: np.ndarray) -> np.ndarray:
        return ((1 - self.momentum) * running + self.momentum * moment).astype(running.dtype)

    def _by_running(self, x: Tensor, residual: Tensor | None) -> Tensor:
        operands = [t for t in (x, self.weight, self.bias, residual) if t is not None]
        mean, variance = (moment.astype(np.float64) for moment in (self.running_mean, self.running_variance))
        if not (is_grad_enabled() and any(t.requires_grad for t in operands)):
            more = None if residual is None else residual.data
            arrays = (x.data, self.weight.data, self.bias.data, mean, variance)
            return Tensor(active().normalise(*arrays, self.epsilon, more, self.relu))
        shape, kind = (-1, 1, 1, 1), x.dtype
        deviation = namespace(variance).sqrt(variance + self.epsilon)
        hat = (x - mean.astype(kind).reshape(shape)) * (1 / deviation).astype(kind).reshape(shape)
        y = hat * _per_channel(self.weight) + _per_channel(self.bias)
        y = y if residual is None else y + residual
        return relu(y) if self.relu else y
