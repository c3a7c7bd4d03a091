"""Level sampling: the distributions over input and output units (ALGORITHM section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...backends import Geometry, bound, get
from .. import strategies
from ..check import Check
from ..judge import Disagreement, array, sums, wrong
from ..strategies import Probed
from ..subject import Declaration, Subject
from .refusal import refused

NAIVE = get("naive")
SECTION = "section 5.1"
KINDS = ("uniform", "grabo", "graest")
#: Integers whose sums stay below this are exact in float32, in any order.
EXACT = 2.0**22
#: A 3 x 3 image under a 2 x 2 window, padded: corners are read once, the middle four times.
PADDED = Geometry(2, 1, 1)

Case = tuple[str, Probed]


class Side(NamedTuple):
    """One side of a layer.

    name : of its distribution. mass : (units,) float64, unnormalised. sizes : Σ|terms| of each, float64. terms :
    how many. exact : whether the mass carries no rounding, in whatever order it was summed.
    """

    name: str
    mass: np.ndarray
    sizes: np.ndarray
    terms: int
    exact: bool


def _exact(values: np.ndarray, sizes: np.ndarray) -> bool:
    return bool((values == np.round(values)).all() and sizes.sum() < EXACT)


def _sides(kind: str, seen: Probed) -> tuple[Side, Side]:
    """Return both sides by the definition."""
    x, delta, signs, geometry = seen
    flat, terms = delta.reshape(len(delta), -1), signs.size
    outputs = NAIVE.abs_sums(flat)
    inputs = NAIVE.abs_sums(x) if geometry is None else NAIVE.patch_abs_sums(x, geometry)
    masses = {"uniform": (np.ones(len(inputs)), np.ones(len(outputs))), "grabo": (inputs, outputs)}
    if kind == "uniform":
        inputs, outputs, terms = *masses[kind], 1
    if kind == "graest":
        patches = NAIVE.signed_sums(x, signs) if geometry is None else NAIVE.patch_signed_sums(x, signs, geometry)
        masses[kind] = patches, NAIVE.signed_sums(flat, signs.reshape(-1))
    f, g = masses[kind]
    return (
        Side("f", f, inputs, terms, kind == "uniform" or _exact(x, inputs)),
        Side("g", g, outputs, terms, kind == "uniform" or _exact(delta, outputs)),
    )


def _require(found: Any, side: Side, dtype: np.dtype) -> None:
    """Demand a distribution: laws first, then each probability, where the masses determine it.

    The error of f_j = m_j / M is at most that of m_j, over M, and f_j times that of M, over M: a sum of K = samples
    + units terms of magnitude (Σ_b|terms of j| + f_j · Σ|all terms|) / M. Where signs cancel so far that M itself
    is not determined within a quarter, only the laws are judged.
    """
    units = len(side.mass)
    found = array(found, side.name, (units,), "f")
    if found.dtype not in (dtype, np.float64):
        what = f"{side.name} is {found.dtype}: return float64, or {dtype} as x"
        raise Disagreement(what, found, kind="malformed")
    if not (found >= 0).all():
        wrong(f"{side.name} is negative or NaN somewhere", found, _normalised(side.mass))
    total, slack = float(found.sum(dtype=np.float64)), float(bound(dtype, units + 2, np.ones(())))
    if not abs(total - 1) <= slack:
        wrong(f"{side.name} sums to {total!r}, not to 1 within {slack:.3g}", found, _normalised(side.mass))
    if side.exact:
        mass = side.mass if side.mass.any() else np.ones(units)
        side = side._replace(mass=mass, sizes=mass, terms=1)
    mass_sum, size_sum, length = float(side.mass.sum()), float(side.sizes.sum()), side.terms + units
    if mass_sum == 0 or not (side.exact or 4 * bound(dtype, length, np.array(size_sum)) < mass_sum):
        return
    expected = side.mass / mass_sum
    magnitude = side.sizes / mass_sum + expected * (size_sum / mass_sum)
    sums(found.astype(dtype), expected.astype(dtype), magnitude, length, side.name)


def _normalised(mass: np.ndarray) -> np.ndarray:
    total = mass.sum()
    return mass / total if total > 0 else np.full(len(mass), 1 / len(mass))


def _operation(kind: str, seen: Probed) -> tuple[Any, ...]:
    if seen.geometry is None:
        return "distributions", kind, seen.x, seen.delta, seen.signs
    return "conv_distributions", kind, seen.x, seen.delta, seen.signs, seen.geometry


def _distributions(subject: Subject, case: Case) -> None:
    kind, seen = case
    result = subject.call(*_operation(kind, seen))
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Disagreement("not a pair of arrays, f and g", result, kind="malformed")
    for found, side in zip(result, _sides(kind, seen), strict=True):
        _require(found, side, seen.x.dtype)


def _not_finite(subject: Subject, case: Case) -> None:
    kind, seen = case
    place = "x" if not np.isfinite(seen.x).all() else "delta"
    refused(subject, f"{place} is not finite, and so the mass of {kind} is not", *_operation(kind, seen))


def _cases(seen: Callable[..., st.SearchStrategy[Probed]]) -> Callable[[Declaration], st.SearchStrategy[Case]]:
    return lambda states: st.tuples(st.sampled_from(KINDS), seen(states.dtypes))


def _layer(dtype: np.dtype) -> Probed:
    """Return a layer of 3 inputs, 2 outputs and 4 samples whose distributions all differ."""
    x = np.array([[1, -2, 0, 3], [0, 1, 1, 0], [-1, 0, 0, 2]], dtype)
    return Probed(x, np.array([[2, 0, -1, 1], [1, 1, 1, -2]], dtype), np.array([1.0, -1.0, -1.0, 1.0]))


def _image(dtype: np.dtype) -> Probed:
    """Return a convolution of 1 channel, 2 outputs, 16 positions and 2 samples: no two positions are alike."""
    x = (np.arange(18).reshape(1, 3, 3, 2) % 7 - 2).astype(dtype)
    delta = (np.arange(64).reshape(2, 4, 4, 2) % 5 - 1).astype(dtype)
    return Probed(x, delta, np.where(np.arange(32).reshape(4, 4, 2) * 5 % 11 < 6, 1.0, -1.0), PADDED)


def _batch_one(dtype: np.dtype) -> Probed:
    return Probed(np.array([[-2]], dtype), np.array([[3], [0]], dtype), np.array([-1.0]))


def _cancelled(seen: Probed, of_delta: bool) -> Probed:
    """Return it with signed sums of 0 on one side, absolute ones not."""
    if of_delta:
        return seen._replace(delta=_alternating(seen.delta, seen.signs))
    return seen._replace(x=_alternating(seen.x, seen.signs))


def _alternating(values: np.ndarray, signs: np.ndarray) -> np.ndarray:
    turns = np.resize([1.0, -1.0], signs.size) * signs.reshape(-1)
    return np.broadcast_to(turns.reshape(signs.shape), values.shape).astype(values.dtype)


def _ordinary(make: Callable[[np.dtype], Probed]) -> Callable[[Declaration], Iterable[Case]]:
    return lambda states: [(kind, make(dtype)) for kind, dtype in product(KINDS, states.dtypes)]


def _without_mass(make: Callable[[np.dtype], Probed]) -> Callable[[Declaration], Iterable[Case]]:
    """Return layers one side of which, or both, have no mass."""

    def corners(states: Declaration) -> Iterator[Case]:
        for kind, dtype in product(KINDS[1:], states.dtypes):
            seen = make(dtype)
            yield kind, seen._replace(x=np.zeros_like(seen.x))
            yield kind, seen._replace(delta=np.zeros_like(seen.delta))
            yield kind, seen._replace(x=-np.zeros_like(seen.x), delta=np.zeros_like(seen.delta))
            if kind == "graest":
                yield kind, _cancelled(seen, of_delta=True)
                if seen.geometry is None:
                    yield kind, _cancelled(seen, of_delta=False)

    return corners


def _spoilt(make: Callable[[np.dtype], Probed]) -> Callable[[Declaration], Iterable[Case]]:
    """Return layers with one number that is not finite."""

    def corners(states: Declaration) -> Iterator[Case]:
        kinds, bad = KINDS[1:], (np.nan, np.inf, -np.inf)
        for kind, dtype, value, name in product(kinds, states.dtypes, bad, ("x", "delta")):
            seen = make(dtype)
            getattr(seen, name).reshape(-1)[-2] = value
            yield kind, seen

    return corners


def _sampling(name: str, summary: str, body: Callable[[Subject, Any], None], **more: Any) -> Check:
    operation = "conv_distributions" if name.startswith("conv") else "distributions"
    return Check(name, "sampling", summary, SECTION, (operation,), body, **more)


_LINEAR = "f ∝ 1, |x|·1 or |x s|, g likewise by δ, with one sign a sample for both; each sums to 1"
_CONV = "as distributions, with one column and one sign for each (sample, position), absent taps counting 0"
_EMPTY = "a side whose mass is 0 is drawn uniformly"
_BAD = "a mass that is not finite is an error"

CHECKS = (
    _sampling(
        "distributions",
        _LINEAR,
        _distributions,
        cases=_cases(strategies.probed),
        corners=lambda states: [*_ordinary(_layer)(states), *_ordinary(_batch_one)(states)],
    ),
    _sampling("distributions_of_no_mass", _EMPTY, _distributions, corners=_without_mass(_layer)),
    _sampling("distributions_not_finite", _BAD, _not_finite, corners=_spoilt(_layer)),
    _sampling(
        "conv_distributions",
        _CONV,
        _distributions,
        cases=_cases(strategies.conv_probed),
        corners=_ordinary(_image),
        examples=40,
    ),
    _sampling("conv_distributions_of_no_mass", _EMPTY, _distributions, corners=_without_mass(_image)),
    _sampling("conv_distributions_not_finite", _BAD, _not_finite, corners=_spoilt(_image)),
)
