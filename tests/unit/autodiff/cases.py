"""One table of cases for every differentiable operation; a new operation is one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

import gse_ref.autodiff as ad

Arrays = tuple[np.ndarray, ...]


def spread(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Return distinct values in shuffled order, none near 0 for an even range: far from every kink."""
    size = int(np.prod(shape))
    values = low + (high - low) * (np.arange(size) + 0.37) / max(size, 1)
    return np.random.default_rng(size).permutation(values).reshape(shape)


def positive(*shape: int) -> np.ndarray:
    return spread(*shape, low=0.5, high=2.5)


@dataclass(frozen=True)
class Case:
    """An operation on tensors, the same in plain NumPy, and where to evaluate it."""

    name: str
    function: Callable[..., ad.Tensor]
    oracle: Callable[..., np.ndarray]
    arrays: Arrays


LABELS = np.array([2, 0, 1, 1, 2, 0])
KEEP = spread(3, 4) > 0
ROWS = np.array([0, 2, 2, 0, 1, 2])
COLUMNS = np.array([1, 1, 1, 3, 0, -3])


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


def _cross_entropy(x: np.ndarray, labels: np.ndarray, smoothing: float) -> np.ndarray:
    """Literal: classes first, one sample after the other."""
    classes = x.shape[0]
    flat, total = x.reshape(classes, -1), 0.0
    for sample, label in enumerate(labels.reshape(-1)):
        target = np.full(classes, smoothing / classes)
        target[label] += 1 - smoothing
        total -= float(np.sum(target * np.log(_softmax(flat[:, sample], 0))))
    return np.asarray(total / labels.size, x.dtype)


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3)))


CASES = (
    Case("add", ad.add, np.add, (spread(3, 4), positive(3, 4))),
    Case("add broadcast both", ad.add, np.add, (spread(3, 1), spread(2, 1, 4))),
    Case("add scalar", lambda x: x + 1.5, lambda x: x + 1.5, (spread(3, 4),)),
    Case("radd array", lambda x: np.arange(4) + x, lambda x: np.arange(4, dtype=x.dtype) + x, (spread(3, 4),)),
    Case("add itself", lambda x: x + x, lambda x: x + x, (spread(5),)),
    Case("sub broadcast", ad.sub, np.subtract, (spread(4), spread(3, 4))),
    Case("rsub scalar", lambda x: 1 - x, lambda x: 1 - x, (spread(3, 4),)),
    Case("mul broadcast", ad.mul, np.multiply, (spread(2, 3, 1), spread(3, 4))),
    Case("mul 0-d", ad.mul, np.multiply, (spread(), spread(3, 4))),
    Case("rmul scalar", lambda x: 2 * x, lambda x: 2 * x, (spread(3, 4),)),
    Case("div broadcast", ad.div, np.divide, (spread(3, 4), positive(4))),
    Case("rdiv scalar", lambda x: 2 / x, lambda x: 2 / x, (positive(3, 4),)),
    Case("div by scalar", lambda x: x / 3, lambda x: x / 3, (spread(3, 4),)),
    Case("neg", lambda x: -x, np.negative, (spread(3, 4),)),
    Case("power 3", lambda x: x**3, lambda x: x**3, (spread(3, 4),)),
    Case("power 2", lambda x: x**2, lambda x: x**2, (spread(3, 4),)),
    Case("power 1", lambda x: x**1, lambda x: x, (spread(3, 4),)),
    Case("power 0", lambda x: x**0 + x, lambda x: 1 + x, (spread(3, 4),)),
    Case("power -1.5", lambda x: x**-1.5, lambda x: x**-1.5, (positive(3, 4),)),
    Case("exp", ad.exp, np.exp, (spread(3, 4),)),
    Case("log", ad.log, np.log, (positive(3, 4),)),
    Case("sqrt", ad.sqrt, np.sqrt, (positive(3, 4),)),
    Case("tanh", ad.tanh, np.tanh, (spread(3, 4),)),
    Case("sigmoid", ad.sigmoid, lambda x: 1 / (1 + np.exp(-x)), (spread(3, 4),)),
    Case("relu", ad.relu, lambda x: np.where(x > 0, x, 0), (spread(3, 4),)),
    Case("gelu", ad.gelu, lambda x: 0.5 * x * (1 + special.erf(x / np.sqrt(2))), (spread(3, 4),)),
    Case("gelu tanh", lambda x: ad.gelu(x, approximate=True), _gelu_tanh, (spread(3, 4),)),
    Case("abs", abs, np.abs, (spread(3, 4),)),
    Case("maximum", ad.maximum, np.maximum, (spread(3, 4), spread(4) + 0.01)),
    Case("maximum scalar", lambda x: ad.maximum(x, 0.5), lambda x: np.maximum(x, 0.5), (spread(3, 4),)),
    Case("where", lambda x, y: ad.where(KEEP, x, y), lambda x, y: np.where(KEEP, x, y), (spread(4), spread(3, 1))),
    Case("sum all", lambda x: x.sum(), np.sum, (spread(3, 4),)),
    Case("sum axis", lambda x: x.sum(axis=-1), lambda x: x.sum(axis=-1), (spread(3, 4),)),
    Case("sum axes", lambda x: x.sum((0, 2)), lambda x: x.sum((0, 2)), (spread(3, 2, 4),)),
    Case("sum keepdims", lambda x: x.sum(1, True), lambda x: x.sum(1, keepdims=True), (spread(3, 4),)),
    Case("sum 0-d", lambda x: x.sum(), np.sum, (spread(),)),
    Case("mean all", lambda x: x.mean(), np.mean, (spread(3, 4),)),
    Case("mean axes", lambda x: x.mean((0, -1)), lambda x: x.mean((0, -1)), (spread(3, 2, 4),)),
    Case("mean keepdims", lambda x: x.mean(0, True), lambda x: x.mean(0, keepdims=True), (spread(3, 4),)),
    Case("var all", lambda x: x.var(), np.var, (spread(3, 4),)),
    Case("var ddof", lambda x: x.var(1, ddof=1), lambda x: x.var(1, ddof=1), (spread(3, 4),)),
    Case(
        "var axes keepdims",
        lambda x: x.var((0, 2), keepdims=True),
        lambda x: x.var((0, 2), keepdims=True),
        (spread(3, 2, 4),),
    ),
    Case("max all", lambda x: x.max(), np.max, (spread(3, 4),)),
    Case("max axis", lambda x: x.max(0), lambda x: x.max(0), (spread(3, 4),)),
    Case(
        "max axes keepdims",
        lambda x: x.max((0, 1), True),
        lambda x: x.max((0, 1), keepdims=True),
        (spread(3, 2, 4),),
    ),
    Case("matmul", lambda a, b: a @ b, np.matmul, (spread(3, 4), spread(4, 5))),
    Case("matmul vectors", ad.matmul, np.matmul, (spread(4), positive(4))),
    Case("matmul row", ad.matmul, np.matmul, (spread(4), spread(4, 5))),
    Case("matmul column", ad.matmul, np.matmul, (spread(3, 4), spread(4))),
    Case("matmul batch", ad.matmul, np.matmul, (spread(2, 3, 4), spread(2, 4, 5))),
    Case("matmul batch broadcast", ad.matmul, np.matmul, (spread(2, 1, 3, 4), spread(5, 4, 2))),
    Case("matmul batch by matrix", ad.matmul, np.matmul, (spread(2, 3, 4), spread(4, 5))),
    Case("matmul batch by vector", ad.matmul, np.matmul, (spread(2, 3, 4), spread(4))),
    Case("matmul vector by batch", ad.matmul, np.matmul, (spread(4), spread(2, 4, 3))),
    Case("rmatmul array", lambda x: np.eye(3) @ x, lambda x: x, (spread(3, 4),)),
    Case("reshape", lambda x: x.reshape(2, -1), lambda x: x.reshape(2, -1), (spread(3, 4),)),
    Case("reshape tuple", lambda x: x.reshape((4, 3)), lambda x: x.reshape(4, 3), (spread(3, 4),)),
    Case("transpose", lambda x: x.T, np.transpose, (spread(3, 4),)),
    Case(
        "transpose axes",
        lambda x: x.transpose((1, -1, 0)),
        lambda x: x.transpose(1, 2, 0),
        (spread(2, 3, 4),),
    ),
    Case(
        "broadcast_to",
        lambda x: ad.broadcast_to(x, (2, 3, 4)),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
        (spread(3, 1),),
    ),
    Case("broadcast_to same", lambda x: ad.broadcast_to(x, (3, 4)) * 2, lambda x: 2 * x, (spread(3, 4),)),
    Case("sum_to", lambda x: ad.sum_to(x, (3, 1)), lambda x: x.sum((0, 2)).reshape(3, 1), (spread(2, 3, 4),)),
    Case("pad", lambda x: ad.pad(x, ((1, 0), (2, 3))), lambda x: np.pad(x, ((1, 0), (2, 3))), (spread(3, 4),)),
    Case(
        "concatenate",
        lambda *x: ad.concatenate(x, axis=-1),
        lambda *x: np.concatenate(x, axis=-1),
        (spread(3, 4), spread(3, 2), spread(3, 1)),
    ),
    Case("index slices", lambda x: x[1:, ::-2], lambda x: x[1:, ::-2], (spread(3, 4),)),
    Case("index integer", lambda x: x[-1, 2], lambda x: x[-1, 2], (spread(3, 4),)),
    Case("index None", lambda x: x[..., None, 1], lambda x: x[..., None, 1], (spread(3, 4),)),
    Case("index repeated rows", lambda x: x[ROWS], lambda x: x[ROWS], (spread(3, 4),)),
    Case("index list", lambda x: x[[0, 0, 2]], lambda x: x[[0, 0, 2]], (spread(3, 4),)),
    Case("index pairs", lambda x: x[ROWS, COLUMNS], lambda x: x[ROWS, COLUMNS], (spread(3, 4),)),
    Case("index mixed", lambda x: x[1:, COLUMNS], lambda x: x[1:, COLUMNS], (spread(3, 4),)),
    Case("index bool", lambda x: x[KEEP], lambda x: x[KEEP], (spread(3, 4),)),
    Case("softmax", lambda x: ad.softmax(x, 0), lambda x: _softmax(x, 0), (spread(3, 4),)),
    Case("softmax last", lambda x: ad.softmax(x, -1), lambda x: _softmax(x, -1), (spread(3, 4),)),
    Case("log_softmax", lambda x: ad.log_softmax(x, 1), lambda x: np.log(_softmax(x, 1)), (spread(3, 4),)),
    Case("logsumexp", ad.logsumexp, lambda x: np.log(np.exp(x).sum()), (spread(3, 4),)),
    Case(
        "logsumexp keepdims",
        lambda x: ad.logsumexp(x, (0, 2), keepdims=True),
        lambda x: np.log(np.exp(x).sum((0, 2), keepdims=True)),
        (spread(3, 2, 4),),
    ),
    Case("logsumexp axis", lambda x: ad.logsumexp(x, 0), lambda x: np.log(np.exp(x).sum(0)), (spread(3, 4),)),
    Case(
        "cross_entropy",
        lambda x: ad.cross_entropy(x, LABELS),
        lambda x: _cross_entropy(x, LABELS, 0.0),
        (spread(3, 6),),
    ),
    Case(
        "cross_entropy smoothed",
        lambda x: ad.cross_entropy(x, LABELS, label_smoothing=0.1),
        lambda x: _cross_entropy(x, LABELS, 0.1),
        (spread(3, 6),),
    ),
    Case(
        "cross_entropy classes last",
        lambda x: ad.cross_entropy(x, LABELS, label_smoothing=0.2, axis=-1),
        lambda x: _cross_entropy(x.T, LABELS, 0.2),
        (spread(6, 3),),
    ),
    Case(
        "cross_entropy pixels",
        lambda x: ad.cross_entropy(x, LABELS.reshape(2, 3), axis=1),
        lambda x: _cross_entropy(np.moveaxis(x, 1, 0), LABELS, 0.0),
        (spread(2, 3, 3),),
    ),
    Case(
        "cross_entropy one sample",
        lambda x: ad.cross_entropy(x, np.int64(2)),
        lambda x: _cross_entropy(x, np.array(2), 0.0),
        (spread(3),),
    ),
    Case(
        "two layers",
        lambda w, v, x: ad.cross_entropy(v @ ad.relu(w @ x), LABELS),
        lambda w, v, x: _cross_entropy(v @ np.maximum(w @ x, 0), LABELS, 0.0),
        (spread(4, 2), spread(3, 4), spread(2, 6)),
    ),
)
