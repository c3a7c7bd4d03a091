"""Rules of the softmax family and of the cross-entropy, fused."""

from __future__ import annotations

import numpy as np

from ..backends.arrays import is_elsewhere, namespace, to_device, to_host
from ..backends.memory import empty
from ..errors import InputError, ShapeError
from . import compute
from .elementwise import exp, mul, sub
from .reduce import kept_shape, sum
from .shape import reshape, transpose
from .tensor import Axes, Op, Operand, Tensor, apply, as_tensor

Needs = tuple[bool, ...]


def _shifted(x: np.ndarray, axis: Axes) -> np.ndarray:
    peak = compute.largest(x, axis, keepdims=True)
    return np.subtract(x, peak, out=empty(x.shape, x.dtype)) if isinstance(x, np.ndarray) else x - peak


def _softmax_forward(x: np.ndarray, axis: Axes) -> np.ndarray:
    out = _shifted(x, axis)
    out = compute.exp(out, out=out)
    return compute.divide(out, compute.total(out, axis, keepdims=True), out=out)


def _softmax_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes) -> tuple[Tensor]:
    weighted = mul(grad, out)
    return (sub(weighted, mul(out, sum(weighted, axis, keepdims=True))),)


SOFTMAX = Op("softmax", _softmax_forward, _softmax_vjp)


def softmax(x: Operand, axis: Axes) -> Tensor:
    """Return exp(x) / Σ exp(x) along `axis`, without overflow."""
    return apply(SOFTMAX, x, axis=axis)


def _log_softmax_forward(x: np.ndarray, axis: Axes) -> np.ndarray:
    out = _shifted(x, axis)
    total = compute.total(compute.exp(out), axis, keepdims=True)
    return compute.subtract(out, namespace(x).log(total), out=out)


def _log_softmax_vjp(grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes) -> tuple[Tensor]:
    return (sub(grad, mul(exp(out), sum(grad, axis, keepdims=True))),)


LOG_SOFTMAX = Op("log_softmax", _log_softmax_forward, _log_softmax_vjp)


def log_softmax(x: Operand, axis: Axes) -> Tensor:
    """Return x - log Σ exp(x) along `axis`, without overflow."""
    return apply(LOG_SOFTMAX, x, axis=axis)


def _logsumexp_forward(x: np.ndarray, axis: Axes, keepdims: bool) -> np.ndarray:
    xp = namespace(x)
    peak = xp.max(x, axis=axis, keepdims=True)
    # Where all are -inf (or one is +inf) the difference would be NaN; the result is that infinity.
    peak = xp.where(xp.isfinite(peak), peak, xp.zeros_like(peak))
    with np.errstate(divide="ignore"):
        total = xp.log(compute.total(compute.exp(x - peak), axis, keepdims=True)) + peak
    return total if keepdims else compute.reshape(total, compute.total(x, axis).shape)


def _logsumexp_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, axis: Axes, keepdims: bool
) -> tuple[Tensor]:
    (x,) = inputs
    kept = kept_shape(x.shape, axis)
    return (mul(exp(sub(x, reshape(out, kept))), reshape(grad, kept)),)


LOGSUMEXP = Op("logsumexp", _logsumexp_forward, _logsumexp_vjp)


def logsumexp(x: Operand, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return log Σ exp(x) over `axis`, without overflow."""
    return apply(LOGSUMEXP, x, axis=axis, keepdims=keepdims)


def _cross_entropy_forward(x: np.ndarray, labels: np.ndarray, smoothing: float) -> np.ndarray:
    shifted = _shifted(x, 0)
    xp = namespace(x)
    target = shifted[labels, xp.arange(labels.size)]
    if smoothing:
        target = (1 - smoothing) * target + smoothing * xp.mean(shifted, axis=0)
    shifted = compute.exp(shifted, out=shifted)
    return compute.total(xp.log(compute.total(shifted, 0)) - target) / labels.size


def _cross_entropy_vjp(
    grad: Tensor, out: Tensor, inputs: tuple[Tensor], needs: Needs, labels: np.ndarray, smoothing: float
) -> tuple[Tensor]:
    return (apply(CROSS_ENTROPY_GRAD, grad, inputs[0], labels=labels, smoothing=smoothing),)


CROSS_ENTROPY = Op("cross_entropy", _cross_entropy_forward, _cross_entropy_vjp)


def _cross_entropy_grad_forward(
    grad: np.ndarray, x: np.ndarray, labels: np.ndarray, smoothing: float
) -> np.ndarray:
    out = _softmax_forward(x, 0)
    if smoothing:
        out -= smoothing / x.shape[0]
    out[labels, namespace(x).arange(labels.size)] -= 1 - smoothing
    return compute.multiply(out, grad / labels.size, out=out)


def _cross_entropy_grad_vjp(
    grad: Tensor,
    out: Tensor,
    inputs: tuple[Tensor, Tensor],
    needs: Needs,
    labels: np.ndarray,
    smoothing: float,
) -> tuple[Tensor | None, Tensor | None]:
    scale, x = inputs
    to_scale = to_logits = None
    if needs[0]:
        to_scale = sum(mul(grad, apply(CROSS_ENTROPY_GRAD, 1.0, x, labels=labels, smoothing=smoothing)))
    if needs[1]:
        probability = softmax(x, 0)
        weighted = mul(mul(grad, probability), mul(scale, 1 / labels.size))
        to_logits = sub(weighted, mul(probability, sum(weighted, 0, keepdims=True)))
    return to_scale, to_logits


#: Of the incoming scalar and the logits: scalar · (softmax - target) / batch.
CROSS_ENTROPY_GRAD = Op("cross_entropy_grad", _cross_entropy_grad_forward, _cross_entropy_grad_vjp)


def _check_labels(labels: np.ndarray, classes: int, wanted: tuple[int, ...]) -> None:
    if labels.dtype.kind not in "iu":
        raise InputError(f"labels must be integers, got {labels.dtype}: pass class numbers, not one-hot rows")
    if labels.shape != wanted:
        raise ShapeError(
            f"labels have shape {labels.shape}, the logits without their class axis {wanted}: give one label "
            "for each sample (the batch is the last axis, logits are (classes, batch))"
        )
    if not labels.size:
        raise ShapeError("the cross-entropy of an empty batch is undefined: pass at least one sample")
    known = to_host(labels)
    low, high = int(known.min()), int(known.max())
    if low < 0 or high >= classes:
        raise InputError(f"labels must lie in [0, {classes}), got {low} to {high}: check the number of classes")


def cross_entropy(logits: Operand, labels: np.ndarray, label_smoothing: float = 0.0, axis: int = 0) -> Tensor:
    """Return the mean over the batch of the cross-entropy between softmax(logits) and the labels.

    Parameters
    ----------
    logits : (classes, batch), or any shape with the classes along `axis`.
    labels : (batch,) integers in [0, classes); the logits' shape without `axis`. Not copied, but for labels of the
        host beside logits of a device: these are checked here and handed over.
    label_smoothing : s in [0, 1): the target is 1 - s + s/classes at the label and s/classes elsewhere.

    Returns
    -------
    0-d tensor.

    Raises
    ------
    InputError : labels that are not integers or out of range, a smoothing outside [0, 1).
    ShapeError : labels of another shape, an axis that does not exist, an empty batch.
    """
    if not 0 <= label_smoothing < 1:
        raise InputError(f"label_smoothing must lie in [0, 1), got {label_smoothing}")
    x = as_tensor(logits)
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"the class axis {axis} does not exist in logits of shape {x.shape}")
    axis %= x.ndim
    labels = labels if is_elsewhere(labels) else np.asarray(labels)
    _check_labels(labels, x.shape[axis], x.shape[:axis] + x.shape[axis + 1 :])
    labels = to_device(labels, namespace(x.data))
    if axis:
        x = transpose(x, (axis, *(other for other in range(x.ndim) if other != axis)))
    if x.ndim != 2:
        x = reshape(x, (x.shape[0], labels.size))
        labels = compute.reshape(labels, (-1,))
    return apply(CROSS_ENTROPY, x, labels=labels, smoothing=float(label_smoothing))
