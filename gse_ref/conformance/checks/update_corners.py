"""Level update: states in which an update goes wrong most easily, small enough to be read; always tried first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ...backends import Geometry
from ...rng import stream
from ..dense_update import ceiling
from ..life import ChangeBatch, Checkpoint, Exchange, Resume, Train, Update
from ..problems import ExploredLayer, UpdateProblem, Weights
from ..strategies import Program
from ..strategies.update import numbers, probe
from ..subject import Declaration

#: Weights by column, row by row.
Rows = tuple[dict[int, float], ...]
#: Few weights, with ties, zeros of both signs, and an empty row.
_FIRST: Rows = ({0: 1.0, 3: -0.5}, {2: -0.0}, {}, {0: 0.5, 1: -1.0, 4: 1.0, 5: -2.0})
#: The smallest of these tie with those of `_FIRST` that are in the middle.
_SECOND: Rows = ({1: -1.0, 4: 1.0}, {0: 4.0, 3: -3.0}, {2: 4.0})
#: Ties of zeros, of which some stay.
_ZEROS: Rows = ({0: -0.0, 2: 0.0, 3: -0.0}, {1: -0.0})
#: Columns are taps (c, u, v) of two channels and a kernel of 2.
_FILTERS: Rows = ({0: -1.0, 5: 0.5}, {}, {3: 0.5, 6: 3.0})
GEOMETRY, SIZE, BATCH = Geometry(2, 1, 1), (2, 3), 3


def _weights(rows: Rows, n_in: int, dtype: np.dtype) -> Weights:
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.array([column for row in rows for column in row])
    return Weights(indptr, indices, np.array([v for row in rows for v in row.values()], dtype), (len(rows), n_in))


def layer_of(
    rows: Rows,
    n_in: int,
    dtype: np.dtype,
    factor: float = 1.0,
    kind: str = "few",
    geometry: Geometry | None = None,
) -> ExploredLayer:
    """Return a layer with these weights, a probe of a kind of `strategies.update.PROBES`, momenta 1, 2, 3, ..."""
    weights, generator = _weights(rows, n_in, dtype), stream(3 * n_in, "check")
    inputs: tuple[int, ...] = (n_in, BATCH)
    samples: tuple[int, ...] = (BATCH,)
    if geometry is not None:
        inputs = (n_in // geometry.kernel**2, *SIZE, BATCH)
        samples = (*map(geometry.positions, SIZE), BATCH)
    return ExploredLayer(
        weights,
        np.arange(1, len(weights.values) + 1).astype(dtype),
        probe(generator, kind, inputs, dtype),
        probe(generator, kind, (len(rows), *samples), dtype),
        geometry,
        numbers(generator, "any", ceiling(factor, len(weights.indices)), samples),
    )


def updates_of(method: str, dtype: np.dtype) -> Iterator[UpdateProblem]:
    """Yield updates by one method: ties within and across layers, both scopes, a convolution, zeros, half a draw.

    In the last two the inactive connections are as many as the draws, and α and γ times N are integers of decimals
    but not of floats.
    """
    for kind in ("few", "ones"):
        first, second = layer_of(_FIRST, 6, dtype, kind=kind), layer_of(_SECOND, 5, dtype, kind=kind)
        for scope in ("layer", "global"):
            yield UpdateProblem((first, second), method, 0.3, scope, 1.0, 3)
    yield UpdateProblem((layer_of(_FILTERS, 8, dtype, geometry=GEOMETRY),), method, 0.5, "layer", 1.0, 4)
    yield UpdateProblem((layer_of(_FIRST, 6, dtype, 2.4),), method, 0.5, "layer", 2.4, 5)
    yield UpdateProblem((layer_of(_FIRST, 6, dtype, 0.5),), method, 1.0, "layer", 0.5, 8)
    yield UpdateProblem((layer_of(_ZEROS, 5, dtype),), method, 0.3, "layer", 1.0, 6)
    block = tuple({column: 1.0 + 5 * row + column for column in range(5)} for row in range(5))
    yield UpdateProblem((layer_of(block, 11, dtype, 1.12),), method, 0.28, "layer", 1.12, 7)


def corners(states: Declaration) -> Iterable[UpdateProblem]:
    """Yield `updates_of` every method of the adapter, in the first of its dtypes."""
    return (problem for method in states.methods for problem in updates_of(method, states.dtypes[0]))


def lives(states: Declaration) -> Iterable[Program]:
    """Yield a life by each method: two updates with training between, another batch, and back to a checkpoint."""
    dtype = states.dtypes[0]
    layers = layer_of(_FIRST, 6, dtype), layer_of(_SECOND, 5, dtype)
    for method in states.methods:
        for scope in ("layer", "global"):
            update = Update(method, scope, 0.3, 1.0, 7)
            steps = (update, Train(1.0), update._replace(seed=8), ChangeBatch(BATCH, 1), update, Checkpoint())
            more = (Train(-0.5), update, Exchange(0, 300, 300, 2), update, Resume(), Train(0.25), update)
            yield Program(layers, steps + more)
            still = update._replace(fraction=0.0)
            yield Program(layers, (still, Train(1.0), still, update))
