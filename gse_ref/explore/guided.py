"""Guided stochastic exploration: sample pairs, compute the gradient only there (ALGORITHM sections 5.1 to 5.4)."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..backends import Pairs, active
from ..backends.arrays import all_finite, namespace, to_device
from ..counts import ceiling
from ..errors import DivergenceError
from ..nn import Observation, SparseParameter
from ..rng import stream
from ..sparse import Topology
from .distributions import DISTRIBUTIONS, Signs, mass_or_uniform, signs_of
from .proposal import Layers, Proposal, Proposer, Request


def draw(input_mass: np.ndarray, output_mass: np.ndarray, uniforms: np.ndarray, topology: Topology) -> Pairs:
    """Draw pairs independently, j ~ input mass and i ~ output mass, and return the candidates S among them.

    Parameters
    ----------
    input_mass : (n_in,) float64, non-negative, finite, sum > 0; output_mass : (n_out,) likewise.
    uniforms : (2, m) float64 in [0, 1), one row for the inputs, one for the outputs.

    Returns
    -------
    rows, cols : int32, the distinct drawn pairs that are not active, sorted by edge id. O(n + nnz + m).
    """
    backend = active()
    cols = backend.alias_draw(backend.alias_table(input_mass), uniforms[0])
    rows = backend.alias_draw(backend.alias_table(output_mass), uniforms[1])
    return backend.candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)


def draw_uniformly(topology: Topology, subset_factor: float, generator: np.random.Generator) -> Pairs:
    """Return the candidates among ⌈γN⌉ uniform draws; all inactive connections if there are no more than that."""
    draws = ceiling(subset_factor, topology.nnz)
    if topology.size - topology.nnz <= draws:
        return active().inactive(topology.indptr, topology.indices, topology.n_in)
    xp = namespace(topology.indices)
    uniforms = to_device(generator.random((2, draws)), xp)
    return draw(xp.ones(topology.n_in), xp.ones(topology.n_out), uniforms, topology)


def score(rows: np.ndarray, cols: np.ndarray, seen: Observation, place: str) -> np.ndarray:
    """Return |Σ_b δ_ib X_jb| of the pairs.

    Raises
    ------
    DivergenceError : a score is not finite; `place` says where.
    """
    scores = abs(seen.gradient_pairs(rows, cols))
    if not all_finite(scores):
        raise DivergenceError(f"the gradient on the candidates of {place} is not finite: training has diverged")
    return scores


def _signs(request: Request, number: int, name: str) -> Signs:
    """Return what draws the signs of a layer, or gives those that came with the request."""
    if name in request.numbers:
        return lambda samples: request.numbers[name].signs
    return partial(signs_of, stream(request.seed, "signs", number, request.step))


def _uniforms(request: Request, number: int, name: str, draws: int) -> np.ndarray:
    """Return the (2, draws) uniforms of a layer, drawn or as they came with the request."""
    if name in request.numbers:
        return request.numbers[name].uniforms[:, :draws]
    return stream(request.seed, "draw", number, request.step).random((2, draws))


def _explore(seen: Observation, distribution: str, number: int, name: str, request: Request) -> Proposal:
    topology, backend, place = seen.parameter.topology, active(), f"layer {name} at step {request.step}"
    draws = ceiling(request.subset_factor, topology.nnz)
    fallbacks: list[str] = []
    if topology.size - topology.nnz <= draws:
        rows, cols = backend.inactive(topology.indptr, topology.indices, topology.n_in)
    else:
        masses = []
        signs = _signs(request, number, name)
        for side, found in zip(("input", "output"), DISTRIBUTIONS[distribution](seen, signs), strict=True):
            mass, empty = mass_or_uniform(found, f"{place}, {side} side")
            masses.append(mass)
            fallbacks += [side] if empty else []
        uniforms = to_device(_uniforms(request, number, name, draws), namespace(masses[0]))
        rows, cols = draw(masses[0], masses[1], uniforms, topology)
    return Proposal(rows, cols, score(rows, cols, seen, place), len(rows), tuple(fallbacks))


def guided(distribution: str) -> Proposer:
    """Return the GSE proposer that draws by `distribution`, a key of `DISTRIBUTIONS`.

    Everything is taken from X and δ while the probe shows them, so only the candidates outlive the pass.
    """

    def propose(layers: Layers, request: Request) -> list[Proposal]:
        numbers = {id(parameter): (i, name) for i, (name, parameter) in enumerate(layers.items())}
        proposals: dict[int, Proposal] = {}

        def observe(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
            number, name = numbers[id(parameter)]
            proposals[number] = _explore(Observation(parameter, x, delta), distribution, number, name, request)

        request.run_probe(observe)
        return [proposals[number] for number in range(len(layers))]

    return propose
