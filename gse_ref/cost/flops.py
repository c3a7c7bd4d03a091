"""FLOPs of each method, for a step and a sample, in RigL's convention (Evci et al. 2020, appendix on FLOPs).

f_S and f_D are the forward FLOPs of a sample, sparse and dense. The backward pass is two products of the same cost:
with the gradient of the outputs, for the inputs and for the weights. Sampling, sorting, norms and the optimizer are
not counted. Costs of methods that update the topology are means over a cycle of T ordinary steps and the update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..errors import unknown
from .layers import Layer, Work
from .setting import FALLS, Setting

#: Densities of the lottery's rounds before the last (ALGORITHM section 6: sparsity 0, 0.5, 0.75, 0.9, 0.95, 0.98).
LOTTERY_DENSITIES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)
#: Rounds of SynFlow before training.
SYNFLOW_ROUNDS = 100

Formula = Callable[[Work, Setting], float]


class MethodFormula(NamedTuple):
    """FLOPs of one method.

    Attributes
    ----------
    text : the formula for a step, for people.
    most : FLOPs for a step and a sample.
    least : the same at least, where `most` is a bound; None where it is exact.
    start : FLOPs for each sample of the batch (SynFlow: the one input) that is looked at before training.
    """

    text: str
    most: Formula
    least: Formula | None = None
    start: Formula | None = None


class MethodFlops(NamedTuple):
    """FLOPs for a step and a sample, between `least` and `most` (mostly equal), and `start` once for a sample."""

    least: float
    most: float
    start: float


def _cycle(work: Work, setting: Setting, gradient: float) -> float:
    """T steps of 3 f_S and one update of 2 f_S and a gradient of the weights that costs `gradient`."""
    return (3 * work.sparse * setting.every + 2 * work.sparse + gradient) / (setting.every + 1)


def _dense(work: Work, setting: Setting) -> float:
    return 3 * work.dense


def _static(work: Work, setting: Setting) -> float:
    """SET too: its growth needs no gradient [RigL]."""
    return 3 * work.sparse


def _guided(work: Work, setting: Setting) -> float:
    """The gradient of the active connections and of γ candidates for each [GSE]; no layer has more than all."""
    return _cycle(work, setting, work.times(1 + setting.subset_factor))


def _rigl(work: Work, setting: Setting) -> float:
    return _cycle(work, setting, work.dense)


def _sketched(work: Work, setting: Setting) -> float:
    """The blocks visited, but never less than the gradient of the active connections."""
    visited = 1.0 if setting.visited is None else setting.visited
    return _cycle(work, setting, max(work.sparse, visited * work.dense))


def _sketched_at_least(work: Work, setting: Setting) -> float:
    """Where the share is not known: as few pairs as GSE looks at."""
    return _guided(work, setting) if setting.visited is None else _sketched(work, setting)


def _snfs(work: Work, setting: Setting) -> float:
    """The dense momentum needs the dense gradient in every step [RigL]."""
    return 2 * work.sparse + work.dense


def _topkast(work: Work, setting: Setting) -> float:
    """Forward and gradient of the inputs over the forward set, gradient of the weights over the backward set.

    The loss is a function of the forward set alone, so θᵀδ takes f_S. The backward set is 1 + γ times the forward
    set, as in the comparison of [GSE].
    """
    return 2 * work.sparse + work.times(1 + setting.subset_factor)


def _gradual(work: Work, setting: Setting) -> float:
    """Mean over the fall of the density, RigL's E[f] for pruning [GMP]."""
    return 3 * (work.sparse + (work.dense - work.sparse) * setting.ramp * FALLS[setting.fall])


def _lottery(work: Work, setting: Setting) -> float:
    """All rounds, each a whole training, over the steps of one [LTH]."""
    rounds = [density for density in LOTTERY_DENSITIES if density > work.density] + [work.density]
    return 3 * sum(work.at(density) for density in rounds)


def _gradient_of_dense(work: Work, setting: Setting) -> float:
    """One gradient of the dense network [SNIP]."""
    return 3 * work.dense


def _hessian_product(work: Work, setting: Setting) -> float:
    """The gradient, 3 f_D, and the gradient of its product with a vector, 6 f_D [GraSP].

    Each of the three products Y = θX, θᵀδ and δXᵀ has two operands, and each gradient of one is a product.
    """
    return 9 * work.dense


def _synflow(work: Work, setting: Setting) -> float:
    """A gradient at the density before each round, d^(r/100) after round r [SynFlow]."""
    return 3 * sum(work.at(work.density ** (r / SYNFLOW_ROUNDS)) for r in range(SYNFLOW_ROUNDS))


_GSE = MethodFormula("(3 f_S T + 2 f_S + (1 + γ) f_S) / (T + 1)", _guided)

METHOD_FLOPS: dict[str, MethodFormula] = {
    "gse": _GSE,
    "gse-grabo": _GSE,
    "gse-graest": _GSE,
    "set": MethodFormula("3 f_S", _static),
    "rigl": MethodFormula("(3 f_S T + 2 f_S + f_D) / (T + 1)", _rigl),
    "rigl-sketch": MethodFormula("(3 f_S T + 2 f_S + visited f_D) / (T + 1)", _sketched, _sketched_at_least),
    "static": MethodFormula("3 f_S", _static),
    "dense": MethodFormula("3 f_D", _dense),
    "snfs": MethodFormula("2 f_S + f_D", _snfs),
    "topkast": MethodFormula("2 f_S + (1 + γ) f_S", _topkast),
    "topkast-sparse": MethodFormula("2 f_S + (1 + γ) f_S", _topkast),
    "gradual": MethodFormula("3 mean f(density)", _gradual),
    "lottery": MethodFormula("3 Σ f(density) over rounds", _lottery),
    "snip": MethodFormula("3 f_S", _static, start=_gradient_of_dense),
    "grasp": MethodFormula("3 f_S", _static, start=_hessian_product),
    "synflow": MethodFormula("3 f_S", _static, start=_synflow),
}


def method_flops(method: str, work: Work, setting: Setting) -> MethodFlops:
    """Return the FLOPs of one method.

    Raises
    ------
    InputError : the method is not in `METHOD_FLOPS`; the message lists them.
    """
    if method not in METHOD_FLOPS:
        raise unknown("method", method, METHOD_FLOPS)
    formula = METHOD_FLOPS[method]
    most = formula.most(work, setting)
    least = most if formula.least is None else formula.least(work, setting)
    return MethodFlops(least, most, 0.0 if formula.start is None else formula.start(work, setting))


class Saving(NamedTuple):
    """GSE beside RigL.

    Attributes
    ----------
    gse, rigl : FLOPs for a step and a sample.
    """

    gse: float
    rigl: float

    @property
    def share(self) -> float:
        """How much less GSE takes, as a share of RigL's FLOPs."""
        return 1 - self.gse / self.rigl

    @property
    def ratio(self) -> float:
        """How many times as much RigL takes."""
        return self.rigl / self.gse


def saving(layers: Sequence[Layer], setting: Setting) -> Saving:
    """Return the FLOPs of GSE and RigL on these layers."""
    work = Work(layers)
    return Saving(method_flops("gse", work, setting).most, method_flops("rigl", work, setting).most)
