"""Arguments of every parallel function of the backend: normal numbers, whose sums tell in which order they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gse_ref.backends import Geometry, get
from gse_ref.conformance.strategies import of_mask

BACKEND = get("cpu")

Arguments = dict[str, tuple[Any, ...]]


def operation(name: str) -> Callable[..., Any]:
    """Return the function of the backend that arguments of this name are for."""
    return getattr(BACKEND, name.split()[0])


def arrays_of(value: Any) -> list[np.ndarray]:
    """Return the arrays of an argument or a result, which may be a tuple of them."""
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def small_layers(generator: np.random.Generator, dtype: type, most: int = 40) -> Arguments:
    """Return arguments of layers of one or two units or channels and fewer than `most` samples.

    Every parallel function is among them; images have one pixel or four, windows of convolutions one.
    """
    n_out, n_in, batch, side = (int(n) for n in generator.integers((1, 1, 1, 1), (3, 3, most, 3)))
    kept = generator.random((n_out, n_in)) < 0.8
    return {
        **products(generator, dtype, kept, batch),
        **convolutions(generator, dtype, kept, (n_in, side, side, batch), Geometry(1)),
        **normalisations(generator, dtype, (n_in, side, side, batch)),
        **others(generator, dtype, (n_in, side, side, batch)),
    }


def larger_layers(generator: np.random.Generator, dtype: type) -> Arguments:
    """Return arguments that take the ways of larger layers.

    Operands packed by columns, windows that step and stick out, channels of several chunks and, by numbers whose
    squares overflow in float32, moments as they are defined.
    """
    shape, geometry = (2, 4, 4, int(generator.integers(1, 5)) * 16), Geometry(3, int(generator.integers(1, 3)), 1)
    huge = (np.float32(1e30) * generator.standard_normal((2, 3, 3, 40))).astype(dtype)
    gamma, beta = generator.standard_normal((2, 2)).astype(dtype)
    return {
        **products(generator, dtype, generator.random((20, 20)) < 0.9, 200),
        **convolutions(generator, dtype, generator.random((3, 18)) < 0.5, shape, geometry),
        **normalisations(generator, dtype, (2, 1, 3, 1600)),
        "batch_norm of huge numbers": (huge, gamma, beta, 1e-5, None, False),
    }


def _normal(generator: np.random.Generator, dtype: type, *shape: int) -> np.ndarray:
    return generator.standard_normal(shape).astype(dtype)


def products(generator: np.random.Generator, dtype: type, kept: np.ndarray, batch: int) -> Arguments:
    """Return arguments of linear layers of the connections in the mask `kept`."""
    topology, (n_out, n_in) = of_mask(kept), kept.shape
    plan = BACKEND.transpose_index(topology.indptr, topology.indices, n_in)
    values, bias = (_normal(generator, dtype, n) for n in (topology.nnz, n_out))
    x, dy = (_normal(generator, dtype, n, batch) for n in (n_in, n_out))
    csr = topology.indptr, topology.indices
    return {
        "spmm": (*csr, values, x, bias),
        "spmm_t": (plan, values, dy),
        "spmm_backward": (plan, values, x, dy),
        "sddmm": (*csr, dy, x),
        "sddmm_pairs": (topology.rows, topology.indices, dy, x),
        "abs_sums": (x,),
        "signed_sums": (x, np.where(generator.random(batch) < 0.5, 1.0, -1.0)),
    }


def convolutions(
    generator: np.random.Generator, dtype: type, kept: np.ndarray, shape: tuple[int, ...], geometry: Geometry
) -> Arguments:
    """Return arguments of convolutions of images of this shape."""
    topology, size = of_mask(kept), shape[1:3]
    plan = BACKEND.transpose_index(topology.indptr, topology.indices, kept.shape[1])
    values, bias = (_normal(generator, dtype, n) for n in (topology.nnz, len(kept)))
    windows = (*map(geometry.positions, size), shape[3])
    x, dy = _normal(generator, dtype, *shape), _normal(generator, dtype, len(kept), *windows)
    return {
        "conv": (topology.indptr, topology.indices, values, x, geometry, bias),
        "conv_t": (plan, values, dy, geometry, size),
        "conv_backward": (plan, values, x, dy, geometry),
        "conv_pairs": (topology.rows, topology.indices, dy, x, geometry),
        "patch_abs_sums": (x, geometry),
        "patch_signed_sums": (x, np.where(generator.random(windows) < 0.5, 1.0, -1.0), geometry),
    }


def normalisations(generator: np.random.Generator, dtype: type, shape: tuple[int, ...]) -> Arguments:
    """Return arguments of normalisations of images of this shape."""
    x, y, dy, residual = (_normal(generator, dtype, *shape) for _ in range(4))
    gamma, beta = (_normal(generator, dtype, shape[0]) for _ in range(2))
    moments = np.zeros(shape[0]), np.ones(shape[0])
    backward = x, y, dy, gamma, *moments, 1e-5
    return {
        "normalise": (x, gamma, beta, *moments, 1e-5, residual, True),
        "batch_norm": (x, gamma, beta, 1e-5, residual, True),
        "batch_norm_backward": (*backward, False, False),
        "batch_norm_backward of a ReLU": (*backward, True, False),
        "batch_norm_backward of a ReLU and a residual": (*backward, True, True),
        "batch_norm_backward of a ReLU, without y": (*backward, True, False, beta),
    }


def others(generator: np.random.Generator, dtype: type, shape: tuple[int, ...]) -> Arguments:
    """Return arguments of pools of images of this shape, of gathers, draws and the mask of a ReLU."""
    geometry, size = Geometry(2, 1, 1), shape[1:3]
    x, dy = _normal(generator, dtype, *shape), _normal(generator, dtype, *shape)
    y, taps = BACKEND.max_pool(x, geometry)
    rows, order = _normal(generator, dtype, 40, 9), generator.permutation(40)
    scale, shift = generator.standard_normal((2, 9))
    mass = generator.random(50)
    return {
        "max_pool": (x, geometry),
        "unpool": (_normal(generator, dtype, *y.shape), taps, geometry, size),
        "pick": (x, taps, geometry),
        "gather": (rows, order, scale, shift, np.dtype(dtype)),
        "gather of bytes": (generator.integers(0, 256, (40, 9)).astype(np.uint8), order, 0.3, 0.7, np.dtype(dtype)),
        "relu_backward": (x, dy),
        "alias_table": (mass,),
        "alias_draw": (BACKEND.alias_table(mass), generator.random(70)),
    }
