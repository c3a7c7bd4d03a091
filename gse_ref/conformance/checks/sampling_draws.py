"""Level sampling: slots drawn from a distribution, and candidates (ALGORITHM sections 5.2, 5.3).

Draws by an implementation's own randomness are judged by the exact law of their counts: a count of m independent
draws with probability p is binomial, and every count must lie between the quantiles that leave `FALSE_ALARM` in all
tails of all counts of a check together (Bonferroni). So a right implementation fails one run of a check in 10^8 at
most, whatever the seed; how often is not a matter of approximation, the binomial tails are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc, chdtr

from ...backends import get
from ...rng import stream
from ...sparse import Topology
from .. import strategies
from ..check import Check
from ..judge import Disagreement, integers, same_integers, wrong
from ..problems import Pattern
from ..strategies import Drawn
from ..subject import Declaration, Subject
from .wide import WIDE, of_pairs

NAIVE = get("naive")
#: Chance that a right implementation fails one of the checks of draws, in one run.
FALSE_ALARM = 1e-8
#: Draws of one call.
DRAWS = 20_000

Draw = tuple[np.ndarray, np.ndarray]

#: What is drawn from: a last slot that is hardly ever meant, one that mostly is, slots that never are.
LAWS = {
    "last slot rare": np.array([0.5, 0.3, 0.199, 0.001]),
    "last slot likely": np.array([0.01, 0.04, 0.05, 0.9]),
    "some never": np.array([3.0, 0.0, 1.0, 1.0, 0.25, 6.0, 0.0, 2.0]) / 13.25,
    "equal": np.full(50, 0.02),
    "seven": np.arange(1, 8) / 28,
    "one slot": np.array([1.0]),
}


def _draw(subject: Subject, case: Draw) -> None:
    probabilities, uniforms = case
    expected = NAIVE.alias_draw(NAIVE.alias_table(probabilities), uniforms)
    same_integers(subject.call("draw", probabilities, uniforms), expected, "slots")


def _draw_corners(states: Declaration) -> Iterator[Draw]:
    edges = np.array([0.0, 0.25, np.nextafter(0.25, 0), 0.5, 0.75, strategies.LAST_UNIFORM])
    yield np.array([1.0]), edges
    yield np.array([0.25, 0.75]), edges
    yield np.array([0.0, 0.0, 1.0, 0.0]), edges
    yield (
        np.array([0.5, 0.3, 0.2]),
        np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, strategies.LAST_UNIFORM]),
    )
    generator = stream(0, "check")
    for law in (*LAWS.values(), generator.random(1000)):
        yield law, generator.random(300)


def _slots(subject: Subject, law: np.ndarray, count: int, number: int) -> np.ndarray:
    """Return what the implementation draws with the seed of this number."""
    seed = int(stream(subject.seed, "check", number).integers(2**31))
    slots = integers(subject.call("sample", law, count, seed), "slots", (count,))
    if count and not (slots.min() >= 0 and slots.max() < len(law)):
        wrong(f"slots lie in [{slots.min()}, {slots.max()}], not in [0, {len(law)})", slots)
    return slots


def _likely(counts: np.ndarray, law: np.ndarray, draws: int, tails: int, what: str) -> None:
    """Demand that every count lies where it does but once in tails / `FALSE_ALARM` times, for each of its tails."""
    low, high = bdtr(counts, draws, law), np.where(counts > 0, bdtrc(counts - 1.0, draws, law), 1.0)
    rare = np.minimum(low, high) < FALSE_ALARM / tails
    if rare.any():
        at = int(np.argmax(rare))
        said = f"{what.format(at)} came {counts[at]} times in {draws} draws of chance {law[at]:.6g}"
        why = f"by chance once in {1 / max(min(low[at], high[at]), 1e-300):.3g}"
        wrong(f"{said}: expected about {draws * law[at]:.6g}, so far off {why}", counts, draws * law)


def _sample(subject: Subject, case: int) -> None:
    name, law = list(LAWS.items())[case]
    tails = 2 * sum(map(len, LAWS.values()))
    slots = _slots(subject, law, DRAWS, case)
    _likely(np.bincount(slots, minlength=len(law)), law, DRAWS, tails, f"with {name}, slot {{}}")
    _slots(subject, law, 0, case)


#: Pairs of slots are counted in cells; few slots, so that each cell is drawn often.
PAIRED = (np.full(4, 0.25), np.array([0.5, 0.3, 0.2]))


def _pairs(first: np.ndarray, second: np.ndarray, law: np.ndarray, what: str) -> None:
    """Demand that two sequences of draws are independent: every pair of slots as often as by chance."""
    n, tails = len(law), 2 * 3 * sum(len(law) ** 2 for law in PAIRED)
    counts = np.bincount(first * n + second, minlength=n * n)
    _likely(counts, np.outer(law, law).reshape(-1), len(first), tails, f"{what}, pair {{}} of {n} x {n} slots")


def _independent(subject: Subject, case: int) -> None:
    law = PAIRED[case]
    slots, other = (_slots(subject, law, DRAWS, 100 + number) for number in (case, 10 + case))
    _pairs(slots[::2], slots[1::2], law, "neighbouring draws")
    _pairs(slots[: DRAWS // 2], slots[DRAWS // 2 :], law, "draws half the number apart")
    _pairs(slots, other, law, "draws with two seeds")
    if subject.states.deterministic:
        seed = int(stream(subject.seed, "check", 100 + case).integers(2**31))
        same_integers(subject.call("sample", law, DRAWS, seed), slots, "slots drawn with the same seed again")


def _too_even(subject: Subject, case: int) -> None:
    """The χ² statistic of 50 counts of 400 must not lie below its quantile of `FALSE_ALARM` / 10.

    Counts this large follow the χ² law closely; the factor of ten is for what they do not.
    """
    law = LAWS["equal"]
    counts = np.bincount(_slots(subject, law, DRAWS, 200), minlength=len(law))
    statistic = float(((counts - DRAWS * law) ** 2 / (DRAWS * law)).sum())
    chance = float(chdtr(len(law) - 1, statistic))
    if chance < FALSE_ALARM / 10:
        what = f"χ² = {statistic:.3g} of {len(law)} slots would be so small once in {1 / max(chance, 1e-300):.3g}"
        wrong(f"the counts are more even than those of independent draws: {what}", counts, DRAWS * law)


def _edges(result: Any, pattern: Pattern) -> np.ndarray:
    """Return the edge ids of pairs, if they are pairs of this layer."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Disagreement("not a pair of arrays, rows and columns", result, kind="malformed")
    rows, cols = (integers(part, name) for part, name in zip(result, ("rows", "columns"), strict=True))
    if rows.ndim != 1 or rows.shape != cols.shape:
        raise Disagreement(f"rows {rows.shape} and columns {cols.shape} are no pairs", result, kind="malformed")
    for part, name, side in ((rows, "rows", pattern.shape[0]), (cols, "columns", pattern.shape[1])):
        if len(part) and not (part.min() >= 0 and part.max() < side):
            wrong(f"{name} lie in [{part.min()}, {part.max()}], not in [0, {side})", part)
    return rows * pattern.shape[1] + cols


def _same_pairs(result: Any, expected: np.ndarray, topology: Topology, pattern: Pattern) -> None:
    """Demand these edge ids, and say which law is broken if they are others."""
    ids = _edges(result, pattern)
    if (np.diff(ids) == 0).any() or len(np.unique(ids)) < len(ids):
        wrong("a pair is listed twice, by edge id", ids, expected)
    if (np.diff(ids) < 0).any():
        wrong("the pairs are not sorted by edge id", ids, expected)
    if np.isin(ids, topology.edge_ids).any():
        wrong("an active connection is among them, by edge id", ids, expected)
    same_integers(ids, expected, "edge ids")


def _ids(pairs: tuple[np.ndarray, np.ndarray], n_in: int) -> np.ndarray:
    return pairs[0].astype(np.int64) * n_in + pairs[1]


def _pattern(topology: Topology) -> Pattern:
    return Pattern(topology.indptr, topology.indices, topology.shape)


def _candidates(subject: Subject, case: Drawn) -> None:
    topology, rows, cols = case
    expected = NAIVE.candidates(rows, cols, topology.indptr, topology.indices, topology.n_in)
    pattern = _pattern(topology)
    found = subject.call("candidates", pattern, rows, cols)
    _same_pairs(found, _ids(expected, topology.n_in), topology, pattern)


def _inactive(subject: Subject, topology: Topology) -> None:
    """Judged against a mask, which is what the definition says, and fast on wide layers."""
    free = np.ones(topology.size, bool)
    free[topology.edge_ids] = False
    pattern = _pattern(topology)
    _same_pairs(subject.call("inactive", pattern), np.flatnonzero(free), topology, pattern)


def _drawn(topology: Topology, pairs: list[tuple[int, int]]) -> Drawn:
    rows, cols = np.array(pairs, np.int32).reshape(-1, 2).T.copy()
    return Drawn(topology, rows, cols)


def _candidate_corners(states: Declaration) -> Iterator[Drawn]:
    small = of_pairs([(0, 1), (1, 0)], (2, 3))
    yield _drawn(small, [])
    yield _drawn(small, [(1, 2), (0, 0), (1, 2), (0, 1), (1, 0), (0, 2)])
    yield _drawn(of_pairs([(i, j) for i in range(2) for j in range(2)], (2, 2)), [(0, 1), (1, 1)])
    for shape in WIDE:
        bottom, right = shape[0] - 1, shape[1] - 1
        wide = of_pairs([(0, 0), (0, right), (bottom, 0), (bottom, right)], shape)
        ends = [(bottom, right), (bottom, right - 1), (0, right), (bottom, 1), (0, 1), (bottom, right - 1)]
        yield _drawn(wide, [*ends, (bottom - 1, right), (bottom, 0), (bottom // 2, right // 3)])


def _inactive_corners(states: Declaration) -> Iterator[Topology]:
    yield of_pairs([], (1, 1))
    yield of_pairs([(0, 0)], (1, 1))
    yield of_pairs([(0, 1), (2, 0)], (3, 2))
    yield of_pairs([(0, 69_999), (1, 0), (1, 32_768), (1, 65_536)], (2, 70_000))
    yield of_pairs([(0, 1), (32_768, 0), (69_999, 0)], (70_000, 2))


def _numbers(count: int) -> Any:
    return lambda states: range(count)


DRAWN = "section 5.2"
CANDIDATES = "section 5.3"

CHECKS = (
    Check(
        "draw",
        "sampling",
        "slots of given uniforms by the alias table: slot = ⌊u·n⌋, coin = u·n - slot, all equal",
        DRAWN,
        ("draw",),
        _draw,
        lambda states: strategies.draws(),
        _draw_corners,
    ),
    Check(
        "sample",
        "sampling",
        "every slot is drawn as often as its probability says (false alarms: 10⁻⁸ a run)",
        DRAWN,
        ("sample",),
        _sample,
        corners=_numbers(len(LAWS)),
        seeded=True,
    ),
    Check(
        "sample_independent",
        "sampling",
        "draws do not depend on each other, nor on those of another seed (false alarms: 10⁻⁸ a run)",
        DRAWN,
        ("sample",),
        _independent,
        corners=_numbers(len(PAIRED)),
        seeded=True,
    ),
    Check(
        "sample_not_too_even",
        "sampling",
        "counts scatter as those of independent draws do (false alarms: below 10⁻⁸ a run)",
        DRAWN,
        ("sample",),
        _too_even,
        corners=_numbers(1),
        seeded=True,
    ),
    Check(
        "candidates",
        "sampling",
        "the distinct drawn pairs that are not active, sorted by edge id",
        CANDIDATES,
        ("candidates",),
        _candidates,
        lambda states: strategies.drawn(),
        _candidate_corners,
    ),
    Check(
        "inactive",
        "sampling",
        "all pairs that are not active, sorted by edge id",
        CANDIDATES,
        ("inactive",),
        _inactive,
        lambda states: strategies.topologies(),
        _inactive_corners,
    ),
)
