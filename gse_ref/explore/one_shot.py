"""Pruning before training: SNIP, GraSP and SynFlow score a dense network once (ALGORITHM section 6)."""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Sequence

import numpy as np

from ..autodiff import Tensor, cross_entropy, grad
from ..backends.arrays import all_finite, namespace
from ..errors import DivergenceError, InputError
from ..nn import Module, SparseParameter, untouched
from .criteria import saliencies
from .keep import counts, keep_best
from .proposal import Layers, Problem, Request
from .shrink import target_of
from .update import TopologyUpdate, require_finite, thinned

#: Divides the logits in GraSP's loss (Wang et al. 2020, their code).
TEMPERATURE = 200.0
#: Rounds of SynFlow (Tanaka et al. 2020).
ROUNDS = 100


def _problem_of(request: Request) -> Problem:
    if request.problem is None:
        raise InputError("this method looks at the whole network: give Request(problem=...)")
    return request.problem


def _finite(scores: list[np.ndarray], layers: Layers, step: int) -> list[np.ndarray]:
    for name, score in zip(layers, scores, strict=True):
        if not all_finite(score):
            raise DivergenceError(f"the score of layer {name} at step {step} is not finite: training has diverged")
    return scores


def _keep(layers: Layers, scores: list[np.ndarray], request: Request) -> TopologyUpdate:
    wanted = counts(layers, target_of(request), request.scope)
    kept = keep_best(_finite(scores, layers, request.step), wanted, request.min_nnz)
    return thinned(layers, dict(zip(layers, kept, strict=True)), request)


def _times(parameters: Sequence[SparseParameter], gradients: Sequence[Tensor | None]) -> list[np.ndarray]:
    """Return θ · gradient of every connection, 0 in a layer on which the result does not depend."""
    pairs = [(parameter.data, gradient) for parameter, gradient in zip(parameters, gradients, strict=True)]
    return [namespace(w).zeros_like(w) if gradient is None else w * gradient.data for w, gradient in pairs]


def snip(layers: Layers, request: Request) -> TopologyUpdate:
    """Keep the connections of highest |g·θ|, g the gradient on one batch (Lee et al. 2019)."""
    require_finite(layers, request.step)
    return _keep(layers, saliencies(layers, request), request)


def grasp_scores(layers: Layers, problem: Problem) -> list[np.ndarray]:
    """Return θ·(Hg) of every connection, g and H gradient and Hessian of the loss at temperature 200.

    The exact Hessian–vector product: the gradient of Σ g·stop(g) through the graph of g. Running statistics of
    normalisation stay as they are, though normalisation uses those of the batch.
    """
    x, labels = problem.batch()
    parameters = list(layers.values())
    with untouched(problem.model):
        loss = cross_entropy(problem.model(Tensor(x)) * (1.0 / TEMPERATURE), labels)
        gradients = grad(loss, parameters, create_graph=True)
        terms = [(gradient * gradient.detach()).sum() for gradient in gradients if gradient is not None]
        curved = grad(functools.reduce(operator.add, terms), parameters)
    return _times(parameters, curved)


def grasp(layers: Layers, request: Request) -> TopologyUpdate:
    """Keep the connections of highest θ·(Hg) (Wang et al. 2020, with the sign of their code).

    Their score is −θ·Hg, of which the highest are removed: what is kept preserves the flow of gradients.
    """
    require_finite(layers, request.step)
    return _keep(layers, grasp_scores(layers, _problem_of(request)), request)


def _flowing(model: Module) -> Module:
    """Return a copy of the model with |parameters| in float64, in evaluation mode; topologies are shared."""
    twin = copy.deepcopy(model).eval()
    for parameter in twin.named_parameters().values():
        parameter.data = abs(parameter.data.astype(np.float64))
    return twin


def synflow_scores(model: Module, ones: np.ndarray) -> list[np.ndarray]:
    """Return |∂R/∂θ · θ| of every connection, R the sum of the outputs for one input of ones.

    Parameters
    ----------
    model : its parameters are not negative, so R is the flow through all paths.
    ones : (n_in, 1) or (channels, height, width, 1), of the model's dtype.
    """
    parameters = list(model.sparse_parameters().values())
    return [abs(score) for score in _times(parameters, grad(model(Tensor(ones)).sum(), parameters))]


def synflow(layers: Layers, request: Request) -> TopologyUpdate:
    """Keep what carries the flow, in 100 rounds of density D^(r/100), in float64 (Tanaka et al. 2020).

    As in their code, biases take part in the flow by their absolute values, and normalisation uses running moments.
    """
    require_finite(layers, request.step)
    target, problem = target_of(request), _problem_of(request)
    x, _ = problem.batch()
    xp, twin = namespace(x), _flowing(problem.model)
    ones = xp.ones((*x.shape[:-1], 1))
    slots = [xp.arange(parameter.topology.nnz) for parameter in layers.values()]
    for number in range(1, ROUNDS + 1):
        goal = target._replace(density=target.final ** (number / ROUNDS))
        scores = _finite(synflow_scores(twin, ones), layers, request.step)
        kept = keep_best(scores, counts(layers, goal, request.scope), request.min_nnz)
        slots = [before[stay] for before, stay in zip(slots, kept, strict=True)]
        for parameter, stay in zip(twin.sparse_parameters().values(), kept, strict=True):
            parameter.place(parameter.topology.chosen(stay), parameter.data[stay])
    return thinned(layers, dict(zip(layers, slots, strict=True)), request)
